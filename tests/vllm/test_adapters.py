"""LoRA adapters as models on the real vLLM: the same answers as on transformers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.checkpoints.adapters import TEXT, VISION, make_adapter

from mubench_gen.engines.kept_base import keeping_bases
from mubench_gen.engines.transformers.generative import TransformersGenerative
from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.plan.items import items_of
from mubench_gen.plan.plan import make_plan
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.types import Request
from mubench_gen_plugins.tiny import WEIGHTS

from .conftest import QUICK, Open

TOLERANCE = 1e-4


@pytest.fixture(scope="module", autouse=True)
def _peft() -> None:
    pytest.importorskip("peft", reason="peft is not installed")


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> list[Request]:
    folder = tmp_path_factory.mktemp("data")
    command = [sys.executable, "-m", "mubench_gen", "data", "prepare", "demo"]
    subprocess.run([*command, "--images", "6", "--out", str(folder / "demo")], check=True)
    settings = make_settings(
        {"plugin": "tiny", "data": str(folder / "demo"), "readout": "logprob", "prompt": "paper"}
    )
    found = [item.request for item in items_of(make_plan(settings, Plugins()))]
    return [request for request in found if request is not None]


def on_transformers(folder: Path, requests: list[Request]) -> np.ndarray[Any, Any]:
    model = TransformersGenerative(
        Checkpoint(folder, "generative"), Runtime("", device="cpu", dtype="float32")
    )
    model.load()
    return np.concatenate([np.asarray(row) for row in model.label_logprobs(requests)])


def answers(model: Any, requests: list[Request]) -> np.ndarray[Any, Any]:
    futures = [model.submit(request) for request in requests]
    return np.concatenate([np.asarray(future.result(120)) for future in futures])


@pytest.mark.parametrize(
    "config",
    [{}, {"use_rslora": True, "r": 3, "rank_pattern": {"down_proj": 2},
          "alpha_pattern": {"v_proj": 5}}],
    ids=["plain", "patterns"],
)  # fmt: skip
def test_an_adapter_answers_as_on_transformers(
    config: dict[str, Any], open_vllm: Open, requests: list[Request], tmp_path: Path
) -> None:
    adapter = make_adapter(tmp_path / "adapter", **config)
    model = open_vllm(adapter)
    expected = on_transformers(adapter, requests)
    base = on_transformers(WEIGHTS / "llava", requests)
    np.testing.assert_allclose(answers(model, requests), expected, atol=TOLERANCE, rtol=0)
    assert np.abs(expected - base).max() > 0.1
    told = model.facts["adapter"]
    assert (told["path"], told["base"]) == (str(adapter), str(WEIGHTS / "llava"))
    assert set(model.facts["parts"]) == {"adapter", "base"}


def test_the_next_adapter_of_a_base_is_put_on_its_engine(
    open_vllm: Open, requests: list[Request], tmp_path: Path
) -> None:
    first, second = (make_adapter(tmp_path / f"a{rank}", r=rank) for rank in (2, 3))
    one = open_vllm(first)
    answers(one, requests)  # fills the caches that the next must not read
    engine = one._engine
    with keeping_bases():
        one.close()
    two = open_vllm(second)
    assert two._engine is engine
    assert two.facts["adapter"]["path"] == str(second)
    expected = on_transformers(second, requests)
    np.testing.assert_allclose(answers(two, requests), expected, atol=TOLERANCE, rtol=0)


def test_merged_weights_answer_as_the_adapter(requests: list[Request], tmp_path: Path) -> None:
    from mubench_gen.interpolation.merge.inputs import MergeSettings
    from mubench_gen.interpolation.merge.merge import merge
    from mubench_gen.interpolation.merge.recipe import make_recipe

    base = float32_base(tmp_path / "base")
    adapter = make_adapter(tmp_path / "adapter", base)
    merge(MergeSettings(str(base), (str(adapter),), make_recipe(["1"]), tmp_path / "merged"))
    one, two = (on_transformers(folder, requests) for folder in (adapter, tmp_path / "merged"))
    np.testing.assert_allclose(one, two, atol=TOLERANCE, rtol=0)


def float32_base(folder: Path) -> Path:
    """The tiny llava stored in float32, so that merging rounds nothing."""
    import torch
    import transformers

    auto: Any = transformers.AutoModelForImageTextToText
    auto.from_pretrained(WEIGHTS / "llava", dtype=torch.float32).save_pretrained(folder)
    transformers.AutoProcessor.from_pretrained(WEIGHTS / "llava").save_pretrained(folder)
    return folder


def test_modules_that_are_not_of_the_model_are_refused_when_it_is_loaded(
    open_vllm: Open, tmp_path: Path
) -> None:
    """A layer that the base does not have: vLLM alone would only note it in its log."""
    from safetensors.numpy import load_file, save_file

    adapter = make_adapter(tmp_path / "adapter")
    file = adapter / "adapter_model.safetensors"
    save_file({k.replace("layers.3", "layers.9"): v for k, v in load_file(file).items()}, file)
    with pytest.raises(UsageError, match=r"layers\.9.*--engine transformers"):
        open_vllm(adapter)


def test_what_a_tower_would_need_is_refused_before_vllm_starts(
    open_vllm: Open, tmp_path: Path
) -> None:
    adapter = make_adapter(tmp_path / "adapter", target_modules=f"({TEXT}|{VISION})")
    with pytest.raises(UsageError, match=r"vision_tower.*mubench-gen merge \S+llava \S+adapter"):
        open_vllm(adapter)


@pytest.mark.exhaustive
def test_a_server_answers_through_an_adapter(requests: list[Request], tmp_path: Path) -> None:
    from mubench_gen.engines.server.own_vllm import VllmServer

    adapter = make_adapter(tmp_path / "adapter")
    options = {**QUICK, "max_model_len": "1024"}
    runtime = Runtime(str(adapter), device="cpu", dtype="float32", engine_options=options)
    model = VllmServer(Checkpoint(adapter, "generative"), runtime)
    model.load()
    try:
        found = answers(model, requests[:24])
        assert json.loads(json.dumps(model.facts["adapter"]))["rank"] == 4
    finally:
        model.close()
    expected = on_transformers(adapter, requests[:24])
    np.testing.assert_allclose(found, expected, atol=1e-3, rtol=0)
