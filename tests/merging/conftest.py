"""Checkpoints small enough to merge in no time, and a second opinion on the arithmetic."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.helpers.packages import package

torch = package("torch")

State = dict[str, Any]
Here = Callable[..., Any]  # the fixture `here`

CONFIG = {"model_type": "toy", "architectures": ["ToyModel"], "hidden_size": 32}
TOKENIZER = {
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2}},
    "added_tokens": [{"id": 3, "content": "<image>"}],
}


def toy(seed: int = 0, dtype: Any = None, *, layers: int = 3) -> State:
    """Weights with blocks, a scalar, an embedding, a buffer of integers and one of bools."""
    made = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Any:
        return torch.randn(*shape, generator=made).to(dtype or torch.float32)

    state = {"embed_tokens.weight": normal(40, 32), "logit_scale": normal(1)[0]}
    for layer in range(layers):
        state[f"text.layers.{layer}.fc.weight"] = normal(32, 32)
        state[f"text.layers.{layer}.fc.bias"] = normal(32)
    state["vision.layers.0.fc.weight"] = normal(600, 500)  # more than one chunk
    state["position_ids"] = torch.arange(16)[None]
    state["mask"] = torch.tensor([True, False])
    return state


def near(state: State, seed: int = 1, size: float = 0.1) -> State:
    """A fine-tune: every float a little moved."""
    made = torch.Generator().manual_seed(seed)
    return {
        name: value + (size * torch.randn(value.shape, generator=made)).to(value.dtype)
        if value.is_floating_point()
        else value.clone()
        for name, value in state.items()
    }


def save(
    folder: Path,
    state: State,
    *,
    shards: int = 1,
    config: Mapping[str, Any] | None = None,
    tokenizer: Mapping[str, Any] = TOKENIZER,
) -> Path:
    """A checkpoint's folder, written by the safetensors library."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    names = list(state)
    files = {}
    for number in range(shards):
        file = "model.safetensors"
        if shards > 1:
            file = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        part = names[number::shards]
        save_file({n: state[n].contiguous() for n in part}, folder / file, {"format": "pt"})
        files |= dict.fromkeys(part, file)
    if shards > 1:
        index = {"metadata": {"total_size": 0}, "weight_map": files}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps({**CONFIG, **(config or {})}))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


def read(folder: Path) -> State:
    """All tensors of a folder, by the safetensors library; the index must be right."""
    from safetensors.torch import load_file

    files = sorted(folder.glob("*.safetensors"))
    state = {name: value for file in files for name, value in load_file(file).items()}
    index = folder / "model.safetensors.index.json"
    assert index.exists() == (len(files) > 1)
    if index.exists():
        told = json.loads(index.read_text())
        assert set(told["weight_map"]) == set(state)
        assert set(told["weight_map"].values()) == {file.name for file in files}
        held = sum(value.numel() * value.element_size() for value in state.values())
        assert told["metadata"]["total_size"] == held
    return state


def assert_same(found: State, expected: State) -> None:
    """Equal to the last bit."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        assert torch.equal(found[name], value), name


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save(tmp_path / "base", toy())


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    return save(tmp_path / "tuned", near(toy()))
