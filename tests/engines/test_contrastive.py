"""Embeddings of the transformers engine, against transformers' own similarities."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage
from tests.helpers.packages import package

from mubench_gen.engines import open_checkpoint
from mubench_gen.engines.transformers.contrastive import TransformersContrastive
from mubench_gen.errors import UsageError
from mubench_gen.host.contrastive import Similarities, probabilities
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.inference.flow import ask
from mubench_gen.model import Checkpoint, Runtime

from .conftest import Trap, make_caption_request, make_image

torch = package("torch")

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
    expected = (logits - facts["scoring"]["bias"]) / facts["scoring"]["scale"]
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


def test_probabilities_are_the_models_own(folder: Path, model: TransformersContrastive) -> None:
    from transformers import AutoModel

    scoring = model.scoring
    assert scoring is not None
    plain: Any = AutoModel.from_pretrained(folder)
    sigmoid = plain.config.model_type.startswith("siglip")
    assert scoring.kind == ("sigmoid" if sigmoid else "softmax")
    cosines = [0.3, -0.1, 0.2]
    logits = torch.tensor(cosines, dtype=torch.float64) * scoring.scale + scoring.bias
    expected = logits.sigmoid() if sigmoid else logits.softmax(0)
    np.testing.assert_allclose(probabilities(cosines, scoring), expected, atol=1e-12)


def test_a_text_longer_than_the_context_is_seen(model: TransformersContrastive) -> None:
    context = model.facts["context"]
    assert context in (24, 64)
    short, long, longer = model.read_texts(["short", LONG, LONG + "?"])
    assert not short.cut
    assert short.tokens == len(short.ids)
    assert long.cut
    assert longer.cut
    assert len(long.ids) == context < long.tokens < longer.tokens
    assert long.ids == longer.ids != short.ids


def test_a_truncated_text_still_ends_as_the_model_was_trained(clip: Path) -> None:
    """CLIP reads its text embedding at the end token, which truncation must keep."""
    model = load(clip)
    first, second = model.embed_texts([LONG, LONG + " and more"])
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert np.abs(first - model.embed_texts(["cells"])[0]).max() > 1e-3


def test_no_inputs_give_no_embeddings(model: TransformersContrastive) -> None:
    assert len(model.embed_images([])) == 0
    assert len(model.embed_texts([])) == 0


def test_an_embedding_that_is_not_finite_is_the_error_of_its_own_items(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(clip)
    embed = model._features

    def second_broken(method: Any, inputs: Any) -> Any:
        rows = embed(method, inputs)
        rows[1] = rows[1] * float("nan")
        return rows

    monkeypatch.setattr(model, "_features", second_broken)
    images = [make_image(n) for n in range(3)]
    asked = [
        make_caption_request(images[0], "cells", "A", "brightfield"),
        make_caption_request(images[1], "cells", "brightfield"),
        make_caption_request(images[2], "cells", "brightfield"),
    ]
    first, second, third = Similarities(model).ask(asked)
    assert first.error is not None
    assert first.error.type == "ItemError"
    assert "of the text 'A' is zero or not finite. Try --dtype float32" in first.error.message
    assert second.error is not None
    assert "of the image 'image 1' is zero or not finite" in second.error.message
    assert third.error is None
    assert third.scores is not None


def test_a_scale_that_is_not_finite_is_refused(clip: Path) -> None:
    model = load(clip)
    model._ready().model.logit_scale.data.fill_(float("nan"))
    with pytest.raises(UsageError, match="scale of scores is not finite"):
        Similarities(model).ask([make_caption_request(make_image(0), "cells", "A")])


def test_weights_in_pickle_are_read_without_running_code_and_recorded(
    clip: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    copy = shutil.copytree(clip, tmp_path / "pickled")
    weights = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    torch.save(weights, copy / "pytorch_model.bin")
    pickled = load(copy)
    assert pickled.facts["weights_format"] == "pickle, read with weights_only=True"
    assert load(clip).facts["weights_format"] == "safetensors"
    np.testing.assert_array_equal(pickled.embed_texts(TEXTS), load(clip).embed_texts(TEXTS))


def test_a_pickle_that_would_run_code_is_refused(clip: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(clip, tmp_path / "pickled")
    (copy / "model.safetensors").unlink()
    torch.save({"logit_scale": Trap(tmp_path / "ran")}, copy / "pytorch_model.bin")
    with pytest.raises(UsageError, match=r"weights of .*pickled are a pickle .*\(io\.open\)"):
        load(copy)
    assert not (tmp_path / "ran").exists()


def test_an_image_of_one_grey_channel_is_shown_in_three(clip: Path) -> None:
    content = io.BytesIO()
    grey = PillowImage.fromarray(np.arange(40 * 60, dtype=np.uint8).reshape(40, 60) % 251)
    grey.save(content, "PNG")
    image = open_image("grey", content.getvalue, StandardPolicy())
    (response,) = Similarities(load(clip)).ask([make_caption_request(image, "cells", "A")])
    assert response.error is None


def test_an_image_that_the_processor_refuses_is_its_items_error(
    clip: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[..., Any]
) -> None:
    model = load(clip)
    processor = type(model._ready().processor)
    prepare = processor.__call__

    def strict(self: Any, images: Any = None, **kwargs: Any) -> Any:
        if images is not None and any(picture.width == 7 for picture in images):
            raise ValueError("no seven columns")
        return prepare(self, images=images, **kwargs)

    monkeypatch.setattr(processor, "__call__", strict)
    requests = [make_caption_request(make_image(n, width=6 + n), "cells", "A") for n in range(3)]
    hosted = opened(model, 3)
    batches = ask(hosted, requests, size=3, timeout=60)
    first, second, third = [response for batch in batches for _, response in batch]
    assert first.error is None
    assert third.error is None
    assert second.error is not None
    assert second.error.message == "The model's image processor refuses the image: no seven columns"
    encoded = hosted.counts()["encoded"]
    assert (encoded["images"], encoded["texts"]) == (2, 2)


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


def test_a_tokenizer_with_nothing_to_pad_with_is_refused(
    clip: Path, altered: Callable[..., Path]
) -> None:
    changed = altered(clip, "tokenizer_config.json", {"pad_token": None, "eos_token": None})
    with pytest.raises(UsageError, match=r"no token to pad with \(pad_token\)"):
        load(changed)
