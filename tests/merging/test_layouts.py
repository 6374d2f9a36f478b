"""CLIP's two layouts: the same weights, whichever names they have."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from tests.helpers.packages import package

from .conftest import Here, State, assert_same, near, read, save, torch

transformers = package("transformers")

WIDTH, EMBEDDED, CONTEXT, VOCABULARY = 32, 16, 12, 60
# The names of open_clip's CLIP, of one block a tower, with what is right about the shapes.
OPEN_CLIP = {
    "logit_scale": (),
    "positional_embedding": (CONTEXT, WIDTH),
    "text_projection": (WIDTH, EMBEDDED),
    "token_embedding.weight": (VOCABULARY, WIDTH),
    "ln_final.weight": (WIDTH,),
    "ln_final.bias": (WIDTH,),
    "visual.class_embedding": (WIDTH,),
    "visual.positional_embedding": (5, WIDTH),
    "visual.proj": (WIDTH, EMBEDDED),
    "visual.conv1.weight": (WIDTH, 3, 16, 16),
    "visual.ln_pre.weight": (WIDTH,),
    "visual.ln_pre.bias": (WIDTH,),
    "visual.ln_post.weight": (WIDTH,),
    "visual.ln_post.bias": (WIDTH,),
    **{
        f"{tower}transformer.resblocks.{block}.{name}": shape
        for tower in ("", "visual.")
        for block in (0, 1)
        for name, shape in {
            "ln_1.weight": (WIDTH,),
            "ln_1.bias": (WIDTH,),
            "attn.in_proj_weight": (3 * WIDTH, WIDTH),
            "attn.in_proj_bias": (3 * WIDTH,),
            "attn.out_proj.weight": (WIDTH, WIDTH),
            "attn.out_proj.bias": (WIDTH,),
            "ln_2.weight": (WIDTH,),
            "ln_2.bias": (WIDTH,),
            "mlp.c_fc.weight": (4 * WIDTH, WIDTH),
            "mlp.c_fc.bias": (4 * WIDTH,),
            "mlp.c_proj.weight": (WIDTH, 4 * WIDTH),
            "mlp.c_proj.bias": (WIDTH,),
        }.items()
    },
}


@pytest.fixture
def clip() -> Any:
    """A CLIP of transformers, tiny, and far from symmetric."""
    torch.manual_seed(0)
    tower = {
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "hidden_act": "gelu",
    }
    text = {"vocab_size": VOCABULARY, "max_position_embeddings": CONTEXT}
    config = transformers.CLIPConfig(
        text_config={**tower, **text, "eos_token_id": VOCABULARY - 1, "bos_token_id": 0},
        vision_config={**tower, "image_size": 32, "patch_size": 16},
        projection_dim=EMBEDDED,
    )
    model = transformers.CLIPModel(config).eval()
    for parameter in model.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    return model


@pytest.fixture
def sides(tmp_path: Path, clip: Any) -> tuple[Path, Path]:
    """The model's folder, and a folder of open_clip's names with random weights."""
    ours = tmp_path / "ours"
    clip.save_pretrained(ours)
    torch.manual_seed(1)
    state = {name: torch.randn(shape) for name, shape in OPEN_CLIP.items()}
    return ours, save_open_clip(tmp_path / "theirs", state)


def save_open_clip(folder: Path, state: State, **model: Any) -> Path:
    save(folder, state)
    (folder / "model.safetensors").rename(folder / "open_clip_model.safetensors")
    for name in ("config.json", "tokenizer.json", "chat_template.jinja"):
        (folder / name).unlink()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model}))
    return folder


def floats(state: State) -> State:
    return {name: value for name, value in state.items() if value.is_floating_point()}


def test_weights_of_one_layout_come_back_from_the_other(
    tmp_path: Path, here: Here, sides: tuple[Path, Path]
) -> None:
    ours, theirs = sides
    flags = ("--alpha", "1", "--out")
    done = here("merge", theirs, ours, *flags, "there")
    assert done.code == 0, done.err
    assert "has the layout of transformers" in done.out
    there = read(tmp_path / "there")
    assert {name: tuple(value.shape) for name, value in there.items()} == OPEN_CLIP
    assert here("merge", ours, "there", *flags, "back").code == 0
    assert_same(floats(read(tmp_path / "back")), floats(read(ours)))


def test_a_text_tower_with_a_prefix_is_the_same_layout(
    tmp_path: Path, here: Here, sides: tuple[Path, Path]
) -> None:
    ours, theirs = sides
    state = read(theirs)
    prefixed = {
        name if name == "logit_scale" or name.startswith("visual.") else f"text.{name}": value
        for name, value in state.items()
    }
    custom = save_open_clip(tmp_path / "custom", prefixed)
    for out, base, other, expected in (
        ("a", custom, theirs, prefixed),
        ("b", theirs, custom, state),
    ):
        assert here("merge", base, other, "--alpha", "1", "--out", out).code == 0
        assert_same(read(tmp_path / out), expected)
    assert here("merge", custom, ours, "--alpha", "1", "--out", "c").code == 0
    assert read(tmp_path / "c").keys() == prefixed.keys()


def test_the_mean_of_two_layouts_is_that_of_one(
    tmp_path: Path, here: Here, clip: Any, sides: tuple[Path, Path]
) -> None:
    ours, theirs = sides
    moved = tmp_path / "moved"
    clip.load_state_dict(near(clip.state_dict()))
    clip.save_pretrained(moved)
    here("merge", theirs, moved, "--alpha", "1", "--out", "moved-theirs")
    here("merge", ours, moved, "--alpha", "0.5", "--out", "one")
    here("merge", ours, "moved-theirs", "--alpha", "0.5", "--out", "other")
    assert_same(read(tmp_path / "other"), read(tmp_path / "one"))


def test_an_activation_that_differs_is_warned_of(
    tmp_path: Path, here: Here, sides: tuple[Path, Path]
) -> None:
    ours, theirs = sides
    assert "hidden_act" not in here("merge", ours, theirs, "--alpha", "0", "--out", "a").out
    quick = save_open_clip(tmp_path / "quick", read(theirs), quick_gelu=True)
    done = here("merge", ours, quick, "--alpha", "0", "--out", "b")
    assert "hidden_act (gelu / quick_gelu)" in done.out


def test_the_fine_tunes_files_do_not_fit_weights_of_the_bases_layout(
    here: Here, sides: tuple[Path, Path]
) -> None:
    done = here("merge", *sides, "--alpha", "1", "--out", "m", "--carry-from", "finetuned")
    assert done.code == 2
    assert "another layout" in done.err


def test_embeddings_are_the_same_in_both_layouts(
    tmp_path: Path, here: Here, clip: Any, sides: tuple[Path, Path]
) -> None:
    open_clip = pytest.importorskip(
        "open_clip", reason="open_clip is not installed: pip install 'mubench-gen[openclip]'"
    )
    ours, theirs = sides
    here("merge", theirs, ours, "--alpha", "1", "--out", "there")
    logging.disable(logging.CRITICAL)
    model = open_clip.CLIP(
        embed_dim=EMBEDDED,
        vision_cfg={
            "image_size": 32, "layers": 2, "width": WIDTH, "patch_size": 16, "head_width": 16,
        },
        text_cfg={
            "context_length": CONTEXT, "vocab_size": VOCABULARY, "width": WIDTH, "heads": 2,
            "layers": 2,
        },
    ).eval()  # fmt: skip
    logging.disable(logging.NOTSET)
    model.load_state_dict(read(tmp_path / "there"))
    torch.manual_seed(2)
    pixels = torch.randn(3, 3, 32, 32)
    texts = torch.randint(1, VOCABULARY - 1, (3, CONTEXT))
    texts[:, -1] = VOCABULARY - 1  # the end, which is read
    with torch.inference_mode():
        seen, read_ = model.encode_image(pixels), model.encode_text(texts)
        image = clip.get_image_features(pixel_values=pixels)
        text = clip.get_text_features(input_ids=texts)
    torch.testing.assert_close(seen, _features(image), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(read_, _features(text), atol=1e-5, rtol=1e-5)


def _features(found: Any) -> Any:
    return getattr(found, "pooler_output", found)
