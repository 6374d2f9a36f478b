"""Models of the plugin `openclip`, against open_clip's own similarities.

open_clip is an extra that the usual environment lacks; these tests are skipped there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.packages import package

from mubench_gen.errors import UsageError
from mubench_gen.host.contrastive import Similarities, probabilities
from mubench_gen.model import Runtime
from mubench_gen_plugins.openclip import OpenClip, OpenClipOptions

from .conftest import Trap, make_caption_request, make_image, make_tokenizer

torch = package("torch")
open_clip = pytest.importorskip(
    "open_clip", reason="open_clip is not installed: pip install 'mubench-gen[openclip]'"
)

TEXTS = ["A fluorescence image", "brightfield", "What cells? (A) or (B)", "A"]
LONG = "cells " * 90
VISION = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
TEXT = {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
PLAIN = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": TEXT}
POOLED = {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True}
CONFIGS: dict[str, dict[str, Any]] = {
    "clip": PLAIN,
    "quickgelu": {**PLAIN, "quick_gelu": True},
    "coca": {
        "embed_dim": 16,
        "vision_cfg": {**VISION, **POOLED},
        "text_cfg": {**TEXT, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": {**TEXT, "attn_pooler_heads": 2},
        "custom_text": True,
    },
    "sigmoid": {**PLAIN, "init_logit_bias": -10.0},
    "hf tokenizer": {**PLAIN, "text_cfg": {**TEXT, "hf_tokenizer_name": "its own"}},
}

Maker = Callable[..., Path]


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """A folder of open_clip's layout, with random weights."""

    def make(config: dict[str, Any], *, pickled: bool = False) -> Path:
        from safetensors.torch import save_file

        folder = tmp_path_factory.mktemp("openclip")
        document = {"model_cfg": config, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
        (folder / "open_clip_config.json").write_text(json.dumps(document))
        if "hf_tokenizer_name" in config["text_cfg"]:
            make_tokenizer(ends=True).save_pretrained(folder)
        torch.manual_seed(0)
        logging.disable(logging.CRITICAL)
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
        logging.disable(logging.NOTSET)
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        if pickled:
            torch.save(state, folder / "open_clip_pytorch_model.bin")
        else:
            save_file(state, folder / "open_clip_model.safetensors")
        return folder

    return make


def load(folder: Path | str, **options: Any) -> OpenClip:
    model = OpenClip(OpenClipOptions(**options), Runtime(str(folder), device="cpu"))
    model.load()
    return model


@pytest.fixture(params=list(CONFIGS))
def folder(request: pytest.FixtureRequest, make_folder: Maker) -> Path:
    return make_folder(CONFIGS[request.param])


def test_similarities_equal_those_of_open_clip(folder: Path) -> None:
    images = [make_image(n) for n in range(4)]
    reference, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    reference.eval()
    with torch.inference_mode():
        pixels = torch.stack([preprocess(image.pixels()) for image in images])
        seen = reference.encode_image(pixels, normalize=True)
        read = reference.encode_text(tokenizer(TEXTS), normalize=True)
        expected = (seen @ read.T).numpy()
    requests = [make_caption_request(image, *TEXTS) for image in images]
    found = np.array([r.scores for r in Similarities(load(folder)).ask(requests)])
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)
    assert found.std() > 1e-3


def test_embeddings_do_not_depend_on_the_batch(folder: Path) -> None:
    model = load(folder)
    images = [make_image(n, width=40 + 7 * n) for n in range(5)]
    embedders: list[tuple[Any, list[Any]]] = [
        (model.embed_images, images),
        (model.embed_texts, TEXTS),
    ]
    for embed, inputs in embedders:
        together = embed(inputs)
        alone = np.concatenate([embed([one]) for one in inputs])
        np.testing.assert_allclose(alone, together, atol=1e-5)
        np.testing.assert_allclose(embed(inputs[::-1])[::-1], together, atol=1e-5)


def test_a_text_longer_than_the_context_is_seen(folder: Path) -> None:
    short, long, longer = load(folder).read_texts(["short", LONG, LONG + "?"])
    assert not short.cut
    assert long.cut
    assert len(long.ids) == 24 < long.tokens < longer.tokens
    assert long.ids == longer.ids


def test_a_bias_makes_a_sigmoid_and_none_a_softmax(make_folder: Maker) -> None:
    sigmoid, softmax = (load(make_folder(CONFIGS[n])).scoring for n in ("sigmoid", "clip"))
    assert (sigmoid.kind, sigmoid.bias) == ("sigmoid", -10.0)
    assert softmax.kind == "softmax"
    assert sum(probabilities([0.1, 0.2], softmax)) == pytest.approx(1)


def test_quick_gelu_is_what_the_weights_need_unless_told(make_folder: Maker) -> None:
    folder = make_folder(PLAIN)
    plain, quick = load(folder), load(folder, quick_gelu=True)
    images = [make_image(0)]
    assert np.abs(plain.embed_images(images) - quick.embed_images(images)).max() > 1e-4


def test_weights_in_pickle_are_read_without_running_code_and_recorded(make_folder: Maker) -> None:
    pickled = load(make_folder(PLAIN, pickled=True))
    assert pickled.facts["weights_format"] == "pickle, read with weights_only=True"
    assert load(make_folder(PLAIN)).facts["weights_format"] == "safetensors"


def test_a_pickle_that_would_run_code_is_refused(make_folder: Maker, tmp_path: Path) -> None:
    folder = make_folder(PLAIN, pickled=True)
    torch.save({"logit_scale": Trap(tmp_path / "ran")}, folder / "open_clip_pytorch_model.bin")
    with pytest.raises(UsageError, match="cannot open"):
        load(folder)
    assert not (tmp_path / "ran").exists()


def test_missing_weights_are_named(make_folder: Maker) -> None:
    folder = make_folder(PLAIN, pickled=True)
    weights = folder / "open_clip_pytorch_model.bin"
    state = torch.load(weights, weights_only=True)
    del state["ln_final.bias"], state["ln_final.weight"]
    torch.save(state, weights)
    with pytest.raises(UsageError, match=r"lacks 2 of the weights.*ln_final\.weight"):
        load(folder)


def test_a_name_that_open_clip_does_not_know_is_refused() -> None:
    with pytest.raises(UsageError, match="no model 'ViT-B-99/mine'"):
        load("ViT-B-99/mine")
    with pytest.raises(UsageError, match=r"'ViT-B-32/mine'.*laion2b_s34b_b79k"):
        load("ViT-B-32/mine")


def test_the_digest_covers_weights_and_configuration(make_folder: Maker) -> None:
    folder = make_folder(PLAIN)
    before = load(folder).weights_digest()
    assert before == load(folder).weights_digest()
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["preprocess_cfg"]["mean"] = [0.4] * 3
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    assert load(folder).weights_digest() != before
