"""Embeddings of the transformers engine, against transformers' own similarities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mubench_gen.engines import open_checkpoint
from mubench_gen.engines.transformers_contrastive import TransformersContrastive
from mubench_gen.errors import ItemError
from mubench_gen.model import Checkpoint, Runtime

from .conftest import make_image

torch = pytest.importorskip("torch")

TEXTS = ["A fluorescence image", "brightfield", "What cells? (A) or (B)", "A", "a a a a"]
LONG = "cells " * 90


def load(folder: Path, runtime: Runtime | None = None) -> TransformersContrastive:
    checkpoint = Checkpoint(folder, "contrastive")
    model = open_checkpoint("transformers", checkpoint, runtime or Runtime("", device="cpu"))
    assert isinstance(model, TransformersContrastive)
    model.load()
    return model


@pytest.fixture(params=["clip", "siglip", "siglip2", "align"])
def folder(request: pytest.FixtureRequest) -> Path:
    path = request.getfixturevalue(request.param)
    assert isinstance(path, Path)
    return path


@pytest.fixture
def model(folder: Path) -> Iterator[TransformersContrastive]:
    model = load(folder)
    yield model
    model.close()


def unit(vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    unit: np.ndarray[Any, Any] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def test_similarities_equal_those_of_transformers(
    folder: Path, model: TransformersContrastive
) -> None:
    from transformers import AutoModel, AutoProcessor

    images = [make_image(n) for n in range(4)]
    whole_context = {"padding": "max_length", "max_length": model.facts["context"]}
    auto_processor: Any = AutoProcessor
    processor = auto_processor.from_pretrained(folder)
    plain: Any = AutoModel.from_pretrained(folder)
    plain.eval()
    inputs = processor(
        text=TEXTS,
        images=[image.pixels() for image in images],
        return_tensors="pt",
        **({"padding": True} if plain.config.model_type == "clip" else whole_context),
    )
    with torch.inference_mode():
        logits = plain(**inputs).logits_per_image.numpy()
    facts = model.facts
    cosines = unit(model.embed_images(images)) @ unit(model.embed_texts(TEXTS)).T
    expected = (logits - facts.get("logit_bias", 0.0)) / facts["logit_scale"]
    np.testing.assert_allclose(cosines, expected, atol=1e-5, rtol=0)
    assert cosines.std() > 1e-3


def test_embeddings_do_not_depend_on_the_batch(
    folder: Path, model: TransformersContrastive
) -> None:
    images = [make_image(n, width=40 + 7 * n) for n in range(5)]
    pairs = load(folder, Runtime("", device="cpu", batch_size=2))
    embedders: list[tuple[Any, Any, list[Any]]] = [
        (model.embed_images, pairs.embed_images, images),
        (model.embed_texts, pairs.embed_texts, TEXTS),
    ]
    for embed, cut, inputs in embedders:
        together = embed(inputs)
        assert together.dtype == np.float32
        assert together.shape[0] == len(inputs)
        alone = np.concatenate([embed([one]) for one in inputs])
        np.testing.assert_allclose(alone, together, atol=1e-5)
        np.testing.assert_allclose(embed(inputs[::-1])[::-1], together, atol=1e-5)
        np.testing.assert_allclose(cut(inputs), together, atol=1e-5)


def test_texts_longer_than_the_context_are_counted(model: TransformersContrastive) -> None:
    model.embed_texts(["short", LONG])
    model.embed_texts([LONG, LONG + "?"])
    assert set(model.truncated_texts) == {LONG, LONG + "?"}
    assert model.facts["context"] in (24, 64)
    assert min(model.truncated_texts.values()) > model.facts["context"]
    assert model.facts["truncated_texts"] == 2


def test_a_truncated_text_still_ends_as_the_model_was_trained(clip: Path) -> None:
    """CLIP reads its text embedding at the end token, which truncation must keep."""
    model = load(clip)
    first, second = model.embed_texts([LONG, LONG + " and more"])
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert np.abs(first - model.embed_texts(["cells"])[0]).max() > 1e-3


def test_no_inputs_give_no_embeddings(model: TransformersContrastive) -> None:
    assert len(model.embed_images([])) == 0
    assert len(model.embed_texts([])) == 0


def test_embeddings_that_are_not_finite_name_their_inputs(clip: Path) -> None:
    model = load(clip)
    inner = model._ready().model
    inner.visual_projection.weight.data.fill_(float("nan"))
    inner.text_projection.weight.data.fill_(float("inf"))
    with pytest.raises(ItemError, match="image 'image 3' is not finite"):
        model.embed_images([make_image(3)])
    with pytest.raises(ItemError, match="text 'cells' is not finite"):
        model.embed_texts(["cells"])


def test_nothing_is_printed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = load(folder)
    model.embed_images([make_image(0)])
    model.embed_texts([LONG])
    assert capfd.readouterr() == ("", "")


def test_a_tokenizer_without_padding_pads_with_its_end_token(
    clip: Path, altered: Callable[..., Path]
) -> None:
    changed = altered(clip, "tokenizer_config.json", {"pad_token": None})
    np.testing.assert_allclose(
        load(changed).embed_texts(TEXTS), load(clip).embed_texts(TEXTS), atol=1e-5
    )
