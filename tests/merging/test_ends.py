"""Weights that move in place, against folders that `merge` made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mubench_gen.engines.transformers.contrastive import TransformersContrastive
from mubench_gen.engines.transformers.generative import TransformersGenerative
from mubench_gen.errors import UsageError
from mubench_gen.interpolation.merge.recipe import make_recipe
from mubench_gen.interpolation.sweep.stops import BASE, Stop, stops_of
from mubench_gen.interpolation.sweep.weights.ends import InPlaceContrastive, InPlaceGenerative
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen_plugins.tiny import WEIGHTS

from .conftest import Here, torch

RUNTIME = Runtime("", device="cpu", dtype="float32")
ALPHAS = ("0.3", "0", "1", "0.7")  # back and forth


def opened(kind: Any, scratch: Path, name: str = "clip") -> Any:
    model = kind(Checkpoint(WEIGHTS / name, "generative"), RUNTIME)
    model.aim([Checkpoint(WEIGHTS / f"{name}-finetuned", "generative")], scratch)
    return model


def at(alpha: str, **recipe: Any) -> Stop:
    return Stop(alpha, f"alpha-{alpha}", make_recipe([alpha], **recipe))


def merged_state(out: Path) -> dict[str, Any]:
    merged = TransformersContrastive(Checkpoint(out, "contrastive"), RUNTIME)
    merged.load()
    return state_of(merged)


def state_of(model: Any) -> dict[str, Any]:
    return {name: value.clone() for name, value in model._opened.model.state_dict().items()}


@pytest.mark.first(2)
@pytest.mark.parametrize("method", ["linear", "lines", "slerp", "task-arithmetic"])
def test_weights_in_place_are_those_of_the_files(tmp_path: Path, here: Here, method: str) -> None:
    model = opened(InPlaceContrastive, tmp_path)
    for alpha in ALPHAS:
        model.move(at(alpha, method=method))
        model.load()
        out = tmp_path / f"m{alpha}"
        sides = (WEIGHTS / "clip", WEIGHTS / "clip-finetuned")
        done = here("merge", *sides, "--alpha", alpha, "--method", method, "--out", out)
        assert done.code == 0, done.err
        expected = merged_state(out)
        for name, value in state_of(model).items():
            if method == "slerp":  # its norms are summed in another order
                torch.testing.assert_close(value, expected[name], atol=1e-2, rtol=1e-2)
            else:
                assert torch.equal(value, expected[name]), (alpha, name)


@pytest.mark.parametrize(
    ("method", "given"),
    [("linear", "vision=0.3,text=[0,1],projector=0.5"), ("lines", "vision=0.3")],
)
def test_weights_in_place_by_part_are_those_of_the_files(
    tmp_path: Path, here: Here, method: str, given: str
) -> None:
    model = opened(InPlaceContrastive, tmp_path)
    model.move(at(given, method=method))
    model.load()
    sides = (WEIGHTS / "clip", WEIGHTS / "clip-finetuned")
    done = here("merge", *sides, "--alpha", given, "--method", method, "--out", tmp_path / "m")
    assert done.code == 0, done.err
    expected = merged_state(tmp_path / "m")
    assert all(torch.equal(value, expected[name]) for name, value in state_of(model).items())


def test_texts_are_embedded_as_the_merged_model_would(tmp_path: Path, here: Here) -> None:
    model = opened(InPlaceContrastive, tmp_path)
    model.move(at("0.5"))
    model.load()
    sides = (WEIGHTS / "clip", WEIGHTS / "clip-finetuned")
    here("merge", *sides, "--alpha", "0.5", "--out", "m")
    merged = TransformersContrastive(Checkpoint(tmp_path / "m", "contrastive"), RUNTIME)
    merged.load()
    texts = ["a cell", "an electron micrograph of mitochondria"]
    np.testing.assert_array_equal(model.embed_texts(texts), merged.embed_texts(texts))
    assert model.scoring == merged.scoring
    told = model.facts["interpolation"]
    assert (told["alpha"], told["method"]) == ("0.5", "linear")


def test_a_generative_model_moves_too(tmp_path: Path) -> None:
    model = opened(InPlaceGenerative, tmp_path, name="llava")
    for alpha, name in (("1", "llava-finetuned"), ("0", "llava")):
        model.move(at(alpha))
        model.load()
        plain = TransformersGenerative(Checkpoint(WEIGHTS / name, "generative"), RUNTIME)
        plain.load()
        expected = state_of(plain)
        assert all(torch.equal(value, expected[key]) for key, value in state_of(model).items())


@pytest.mark.parametrize(
    ("name", "kind", "plain", "flags"),
    [
        ("clip", InPlaceContrastive, TransformersContrastive, ("--include", "vision_*")),
        ("clip", InPlaceContrastive, TransformersContrastive, ("--exclude", "*.mlp.*")),
        # names of the files, which are not those that transformers gives the tensors
        ("llava", InPlaceGenerative, TransformersGenerative, ("--include", "vision_tower.*")),
    ],
)
def test_patterns_choose_the_tensors_that_merge_would_choose(
    tmp_path: Path, here: Here, name: str, kind: Any, plain: Any, flags: tuple[str, str]
) -> None:
    scratch = tmp_path / "scratch"
    model = opened(kind, scratch, name)
    globs = {flags[0].removeprefix("--"): [flags[1]]}
    for alpha in ALPHAS:
        model.move(at(alpha, **globs))
        model.load()
        assert not scratch.exists()
        out = tmp_path / f"m{alpha}"
        sides = (WEIGHTS / name, WEIGHTS / f"{name}-finetuned")
        done = here("merge", *sides, "--alpha", alpha, *flags, "--out", out)
        assert done.code == 0, done.err
        merged = plain(Checkpoint(out, "generative"), RUNTIME)
        merged.load()
        expected = state_of(merged)
        state = state_of(model)
        assert all(torch.equal(value, expected[key]) for key, value in state.items()), alpha
    assert model.facts["interpolation"][flags[0].removeprefix("--")] == [flags[1]]


def test_an_adapter_is_rounded_once_as_merge_does(
    tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed")
    import transformers

    whole = transformers.CLIPModel.from_pretrained(WEIGHTS / "clip", dtype=torch.float32)
    torch.manual_seed(0)
    wrapped = peft.get_peft_model(whole, peft.LoraConfig(r=2, target_modules=["q_proj"]))
    for name, parameter in wrapped.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(std=0.1)
    wrapped.save_pretrained(tmp_path / "adapter")
    model = InPlaceContrastive(Checkpoint(WEIGHTS / "clip", "contrastive"), RUNTIME)
    model.aim([Checkpoint(tmp_path / "adapter", "contrastive")], tmp_path / "scratch")
    monkeypatch.setattr(
        "mubench_gen.interpolation.sweep.weights.ends.merge", None
    )  # no file is written
    for alpha in ("0.3", "1"):
        model.move(at(alpha))
        model.load()
        assert not (tmp_path / "scratch").exists()
        sides = (WEIGHTS / "clip", tmp_path / "adapter")
        done = here("merge", *sides, "--alpha", alpha, "--out", f"m{alpha}")
        assert done.code == 0, done.err
        merged = TransformersContrastive(Checkpoint(tmp_path / f"m{alpha}", "contrastive"), RUNTIME)
        merged.load()
        expected = state_of(merged)
        assert all(torch.equal(value, expected[key]) for key, value in state_of(model).items())


def test_the_base_is_a_place_of_its_own_where_no_alpha_is_the_base(tmp_path: Path) -> None:
    model = opened(InPlaceContrastive, tmp_path)
    plain = TransformersContrastive(Checkpoint(WEIGHTS / "clip", "contrastive"), RUNTIME)
    plain.load()
    expected = state_of(plain)
    base, zero, _ = stops_of([make_recipe(["0"], method="lines")], ["tuned"])
    same = []
    for stop in (zero, base, zero):
        model.move(stop)
        model.load()
        state = state_of(model)
        same.append(all(torch.equal(value, expected[key]) for key, value in state.items()))
    assert base.name == BASE
    assert same == [False, True, False]
    assert model.facts["interpolation"]["alpha"] == "0"


def test_loading_again_at_the_same_place_moves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(InPlaceContrastive, tmp_path)
    moved: list[str] = []
    go = model._go
    monkeypatch.setattr(model, "_go", lambda stop: (moved.append(stop.name), go(stop)))
    for alpha in ("0", "0", "1", "1"):
        model.move(at(alpha))
        model.load()
    model.close()
    model.load()
    assert moved == ["0", "1", "1"]


def test_checkpoints_of_different_shape_are_refused(tmp_path: Path) -> None:
    model = InPlaceContrastive(Checkpoint(WEIGHTS / "clip", "contrastive"), RUNTIME)
    model.aim([Checkpoint(WEIGHTS / "llava", "contrastive")], tmp_path)
    model.move(at("0.5"))
    with pytest.raises(UsageError):
        model.load()


@pytest.mark.parametrize("strange", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_before_anything_is_asked(
    tmp_path: Path, strange: float
) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(WEIGHTS / "clip-finetuned", tmp_path / "tuned")
    (file,) = (tmp_path / "tuned").glob("*.safetensors")
    state = load_file(file)
    state["visual_projection.weight"][3, 4] = strange
    save_file(state, file, {"format": "pt"})
    model = InPlaceContrastive(Checkpoint(WEIGHTS / "clip", "contrastive"), RUNTIME)
    model.aim([Checkpoint(tmp_path / "tuned", "contrastive")], tmp_path / "s")
    model.move(at("0.5"))
    with pytest.raises(UsageError, match=r"tuned: visual_projection\.weight holds NaN or Inf"):
        model.load()
