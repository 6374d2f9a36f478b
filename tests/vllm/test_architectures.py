"""Each plugin's architectures through the real vLLM: asked and answered as on transformers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.checkpoints import ARCHITECTURES, make_checkpoint
from tests.helpers.checkpoints.prompts import noise
from tests.helpers.data import write_data

from mubench_gen import Run, evaluate

# Small enough that several of them, should vLLM not free one at once, do no harm.
CACHE = 64 << 20
QUICK = {"engine.enforce_eager": "true", "engine.kv_cache_memory_bytes": str(CACHE)}
# These see an image (PaliGemma: the whole prompt) at once, not token after token. vLLM's kernels
# for a GPU do so as well; its kernels for a CPU do not, and say nothing. So they are compared
# with transformers made to read one token after the other, by what its processor says a token is.
ONE_AFTER_THE_OTHER = {"gemma3": 0, "paligemma": 1}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shown = {number: noise(number, 100, 80).data for number in range(3)}
    return write_data(tmp_path_factory.mktemp("noise"), 3, images=shown)


@pytest.fixture(params=ARCHITECTURES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(name: str, tmp_path: Path) -> Path:
    return make_checkpoint(name, tmp_path / name)


@pytest.fixture
def read_in_order(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transformers reads as vLLM's kernels for a CPU do."""
    if name not in ONE_AFTER_THE_OTHER:
        return
    from mubench_gen.engines.transformers.chat import Chat

    prepare = Chat.tensors

    def tensors(chat: Chat, requests: Any) -> Any:
        inputs = prepare(chat, requests)
        inputs["token_type_ids"].fill_(ONE_AFTER_THE_OTHER[name])
        return inputs

    monkeypatch.setattr(Chat, "tensors", tensors)


def run(name: str, folder: Path, images: Path, engine: str, **options: str) -> Run:
    return evaluate(
        plugin=ARCHITECTURES[name].plugin,
        model=str(folder),
        engine=engine,
        data=str(images),
        readout=("parse", "logprob"),
        prompt=("letter",),
        max_tokens=4,
        dtype="float32",
        device="cpu",
        options=options,
        run_dir=folder.parent / engine,
    )


def by_id(run: Run) -> Mapping[str, Mapping[str, Any]]:
    return {record["id"]: record for record in run.records()}


def test_a_folder_of_both_of_mistral_s_layouts_is_read_in_transformers_one(
    tmp_path: Path, images: Path
) -> None:
    """vLLM by itself takes Mistral's own, with other files of weights and another chat format."""
    folder = make_checkpoint("mistral3", tmp_path / "mistral3")
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    index = {"weight_map": {name: weights.name for name in header if name != "__metadata__"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, **index}))
    other = json.dumps({"norm.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
    theirs = len(other).to_bytes(8, "little") + other.encode() + bytes(4)
    (folder / "consolidated.safetensors").write_bytes(theirs)
    (folder / "params.json").write_text('{"dim": 64, "n_layers": 2, "vocab_size": 500}')
    (folder / "tekken.json").write_text("{}")

    done = run("mistral3", folder, images, "vllm", **QUICK)

    assert done.scores.pooled.n_errors == 0
    assert done.manifest["sessions"][0]["model"]["chat_template"] == "checkpoint"


def test_an_image_that_the_real_processor_refuses_costs_its_own_items_alone(tmp_path: Path) -> None:
    """Qwen's takes no image that is more than 200 times as long as high."""
    shown = {0: noise(0, 100, 80).data, 1: noise(1, 2000, 4).data}
    folder = make_checkpoint("qwen2-vl", tmp_path / "qwen2-vl")
    done = run("qwen2-vl", folder, write_data(tmp_path / "data", 2, images=shown), "vllm", **QUICK)
    failed = [record for record in done.records() if record["error"] is not None]
    assert len(failed) == done.scores.pooled.n == 4
    for record in failed:
        assert "aspect ratio must be smaller than 200, got 500" in record["error"]["message"]
    assert len({record["image_sha256"] for record in failed}) == 1


@pytest.mark.usefixtures("read_in_order")
def test_both_engines_are_asked_the_same_and_answer_the_same(
    name: str, folder: Path, images: Path
) -> None:
    there = run(name, folder, images, "transformers", **{"engine.threads": "1"})
    here = run(name, folder, images, "vllm", **QUICK)

    assert here.scores.pooled.n == there.scores.pooled.n == 12
    assert here.scores.pooled.n_errors == there.scores.pooled.n_errors == 0
    for item, record in by_id(there).items():
        same = by_id(here)[item]
        if record["readout"] == "logprob":
            np.testing.assert_allclose(same["scores"], record["scores"], atol=1e-3, rtol=0)
        else:
            for count in ("prompt_tokens", "image_tokens"):
                assert same["usage"].get(count) == record["usage"].get(count)
    models = [one.manifest["sessions"][0]["model"] for one in (here, there)]
    assert models[0]["chat_template"] == models[1]["chat_template"]
