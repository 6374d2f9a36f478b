"""Weights that move under vLLM: what it answers is of the weights it has now."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mubench_gen.interpolation.merge.lora import write_scaled_adapters
from mubench_gen.interpolation.merge.recipe import Recipe, make_recipe
from mubench_gen.interpolation.sweep.stops import Stop, stops_of
from mubench_gen.interpolation.sweep.weights.ends import InPlaceGenerative
from mubench_gen.interpolation.sweep.weights.opening import open_ends
from mubench_gen.interpolation.sweep.weights.vllm_ends import AdaptingVllm, ReloadingVllm
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.plan.items import items_of
from mubench_gen.plan.plan import make_plan
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.types import Request
from mubench_gen_plugins.tiny import WEIGHTS

from .conftest import QUICK

LINEAR = make_recipe(["0"])
# Back and forth: an answer kept from earlier weights would be that of another α.
ALPHAS = [Decimal(text) for text in ("0", "0.5", "1", "0.5", "0")]


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> list[Request]:
    """Questions about a few images, as a run asks them."""
    folder = tmp_path_factory.mktemp("data")
    command = [sys.executable, "-m", "mubench_gen", "data", "prepare", "demo"]
    subprocess.run([*command, "--images", "6", "--out", str(folder / "demo")], check=True)
    settings = make_settings(
        {"plugin": "tiny", "data": str(folder / "demo"), "readout": "logprob", "prompt": "paper"}
    )
    found = [item.request for item in items_of(make_plan(settings, Plugins()))]
    return [request for request in found if request is not None]


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReloadingVllm]:
    model = ReloadingVllm(
        Checkpoint(WEIGHTS / "llava", "generative"),
        Runtime("", device="cpu", dtype="float32", engine_options=QUICK),
    )
    model.aim([_finetuned()], tmp_path_factory.mktemp("scratch"))
    yield model
    model.close()


def _finetuned() -> Checkpoint:
    return Checkpoint(WEIGHTS / "llava-finetuned", "generative")


def _at(alpha: Decimal, recipe: Recipe = LINEAR) -> Stop:
    return Stop(f"{alpha}", f"alpha-{alpha}", replace(recipe, alphas=(alpha,)), line=recipe.method)


def _asked(model: ReloadingVllm, requests: Sequence[Request]) -> list[Any]:
    return [future.result(120) for future in [model.submit(request) for request in requests]]


def test_label_logprobs_are_those_of_transformers_at_each_alpha(
    moving: ReloadingVllm, requests: list[Request], tmp_path: Path
) -> None:
    other = InPlaceGenerative(
        Checkpoint(WEIGHTS / "llava", "generative"), Runtime("", device="cpu", dtype="float32")
    )
    other.aim([_finetuned()], tmp_path)
    seen = []
    for alpha in ALPHAS:
        for model in (moving, other):
            model.move(_at(alpha))
            model.load()
        _asked(moving, requests)  # fills the caches that the next weights must not read
        found = _asked(moving, requests)
        expected = other.label_logprobs(requests)
        for one, two in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, two, atol=1e-4, rtol=0)
        seen.append(np.concatenate([np.asarray(row) for row in found]))
    assert moving.counts["prefix_cache_hits"] > 0  # there was something to be read
    assert np.abs(seen[0] - seen[1]).max() > 0.1
    assert np.abs(seen[1] - seen[2]).max() > 0.1
    np.testing.assert_allclose(seen[1], seen[3], atol=1e-4)
    np.testing.assert_allclose(seen[0], seen[4], atol=1e-4)


def test_patterns_choose_what_they_choose_on_transformers(
    moving: ReloadingVllm, requests: list[Request], tmp_path: Path
) -> None:
    """The language model without its feed-forward layers moves; vision and projector stay."""
    recipe = make_recipe(["0"], include=["language_model.*"], exclude=["*.mlp.*"])
    other = InPlaceGenerative(
        Checkpoint(WEIGHTS / "llava", "generative"), Runtime("", device="cpu", dtype="float32")
    )
    moving.move(_at(Decimal(1)))
    moving.load()
    whole = np.concatenate([np.asarray(row) for row in _asked(moving, requests)])
    for model in (moving, other):
        model.aim([_finetuned()], tmp_path / type(model).__name__)
        model.move(_at(Decimal(1), recipe))
        model.load()
    found = np.concatenate([np.asarray(row) for row in _asked(moving, requests)])
    expected = np.concatenate([np.asarray(row) for row in other.label_logprobs(requests)])
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)
    assert np.abs(found - whole).max() > 0.1


def test_a_method_that_does_not_end_at_the_fine_tune_has_the_weights_that_transformers_has(
    moving: ReloadingVllm, requests: list[Request], tmp_path: Path
) -> None:
    """TIES, the fine-tune itself, and the base again."""
    other = InPlaceGenerative(
        Checkpoint(WEIGHTS / "llava", "generative"), Runtime("", device="cpu", dtype="float32")
    )
    base, *_, ties, finetuned = stops_of([make_recipe(["1"], method="ties")], ["tuned"])
    for model in (moving, other):
        model.aim([_finetuned()], tmp_path / type(model).__name__)
    seen = []
    for stop in (ties, finetuned, base):
        for model in (moving, other):
            model.move(stop)
            model.load()
        found = np.concatenate([np.asarray(row) for row in _asked(moving, requests)])
        expected = np.concatenate([np.asarray(row) for row in other.label_logprobs(requests)])
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)
        seen.append(found)
    assert np.abs(seen[0] - seen[1]).max() > 0.1
    assert np.abs(seen[1] - seen[2]).max() > 0.1


def test_with_the_prefix_cache_kept_answers_are_those_of_the_weights_before(
    moving: ReloadingVllm, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the test above would notice. (With the encoder's cache kept, vLLM dies instead.)"""
    from mubench_gen.engines.vllm.engine import VllmEngine

    def reload(self: Any, folder: Path) -> None:
        self._llm.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})
        self._llm.reset_mm_cache()
        self._llm.llm_engine.reset_encoder_cache()

    moving.move(_at(Decimal(0)))
    moving.load()
    _asked(moving, requests)
    monkeypatch.setattr(VllmEngine, "reload", reload)
    moving.move(_at(Decimal(1)))
    moving.load()
    stale = _asked(moving, requests)
    monkeypatch.undo()
    for alpha in ("0.5", "1"):
        moving.move(_at(Decimal(alpha)))
        moving.load()
    fresh = _asked(moving, requests)
    wrong = [np.abs(np.subtract(a, b)).max() for a, b in zip(stale, fresh, strict=True)]
    assert max(wrong) > 0.1


def test_a_scaled_adapter_answers_as_the_merged_weights_would(
    requests: list[Request], tmp_path: Path
) -> None:
    """One engine, three α, nothing reloaded."""
    peft = pytest.importorskip("peft", reason="peft is not installed")
    import torch
    import transformers

    model = transformers.AutoModelForImageTextToText.from_pretrained(
        WEIGHTS / "llava", dtype=torch.float32
    )
    torch.manual_seed(0)
    modules = r".*language_model.*(q_proj|v_proj|down_proj)"
    wrapped = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules=modules))
    for name, parameter in wrapped.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(std=0.05)
    wrapped.save_pretrained(tmp_path / "adapter")
    base = Checkpoint(WEIGHTS / "llava", "generative")
    runtime = Runtime("", device="cpu", dtype="float32", engine_options=QUICK)
    served = open_ends("vllm", base, runtime, adapter=str(tmp_path / "adapter"))
    assert isinstance(served, AdaptingVllm)
    served.aim([Checkpoint(tmp_path / "adapter", "generative")], tmp_path / "scratch")
    seen = []
    try:
        for alpha in ("0", "0.5", "1", "0"):
            served.move(_at(Decimal(alpha)))
            served.load()
            write_scaled_adapters(
                str(tmp_path / "adapter"), {Decimal(alpha): tmp_path / f"s{len(seen)}"}
            )
            adapted = peft.PeftModel.from_pretrained(
                transformers.AutoModelForImageTextToText.from_pretrained(
                    WEIGHTS / "llava", dtype=torch.float32
                ),
                tmp_path / f"s{len(seen)}",
            ).merge_and_unload()
            other = InPlaceGenerative(base, Runtime("", device="cpu", dtype="float32"))
            other.aim([base], tmp_path)
            other.load()
            assert other._opened is not None
            other._opened.model.load_state_dict(adapted.state_dict())
            found, expected = _asked(served, requests), other.label_logprobs(requests)
            for one, two in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, two, atol=1e-4, rtol=0)
            seen.append(np.concatenate([np.asarray(row) for row in found]))
    finally:
        served.close()
    assert np.abs(seen[0] - seen[1]).max() > 0.01
    assert np.abs(seen[1] - seen[2]).max() > 0.01
    np.testing.assert_allclose(seen[0], seen[3], atol=1e-4)
