"""Weights in pickle: opened by torch with `weights_only=True`, mapped into memory where it can."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mubench_gen.errors import MergeError, MissingExtraError
from mubench_gen.merging.checkpoint import Contents
from mubench_gen.merging.tensors import MemoryTensor, Tensor

_WRAPPERS = ("state_dict", "model_state_dict", "model")  # that training scripts put around weights
_DATA_PARALLEL = "module."
_GLOBAL = re.compile(r"(?:GLOBAL|global) ([\w.]+)")  # in what torch says of what it refuses


def open_pickles(paths: Sequence[Path]) -> Contents:
    """The tensors of pickle files. MergeError for what `weights_only=True` refuses."""
    shards: dict[str, list[str]] = {}
    tensors: dict[str, Tensor] = {}
    notes: list[str] = []
    for path in paths:
        state = _unwrapped(path, _load(path), notes)
        shards[path.name] = []
        for name, value in state.items():
            if name in tensors:
                raise MergeError(f"{path}: holds {name!r}, which another shard holds too.")
            shards[path.name].append(name)
            tensors[name] = _tensor(path, name, value)
    return Contents(shards, tensors, {"format": "pt"}, notes)


def _load(path: Path) -> Any:
    try:
        import torch
    except ImportError:
        raise MissingExtraError("torch", "transformers", f"Reading {path.name}") from None
    try:
        # Files of torch before 1.6 are no archives, and can't be mapped.
        return torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except pickle.UnpicklingError as error:
        # What torch says goes on to advise reading it without weights_only.
        found = _GLOBAL.search(str(error))
        raise MergeError(
            f"{path}: torch refuses to read this pickle with weights_only=True"
            f"{f': it holds {found[1]}, which is no tensor' if found else ''}. Nothing else is "
            "tried: a pickle can run code. Have the weights converted to safetensors by someone "
            "who trusts the file."
        ) from None
    except (RuntimeError, ValueError, EOFError, OSError) as error:
        told = str(error).strip().splitlines()
        raise MergeError(
            f"{path}: torch cannot read it: {told[0].rstrip('.') if told else 'it ends too soon'}. "
            "Fetch it again."
        ) from None


def _unwrapped(path: Path, loaded: Any, notes: list[str]) -> Mapping[str, Any]:
    if isinstance(loaded, Mapping):
        for wrapper in _WRAPPERS:
            if isinstance(loaded.get(wrapper), Mapping):
                notes.append(f"{path.name}: only {wrapper!r} was read")
                loaded = loaded[wrapper]
                break
    if not isinstance(loaded, Mapping):
        raise MergeError(f"{path}: holds no state dict but {type(loaded).__name__}.")
    import torch

    kept = {str(k): v for k, v in loaded.items() if isinstance(v, torch.Tensor)}
    if len(kept) < len(loaded):
        notes.append(f"{path.name}: {len(loaded) - len(kept)} entries are no tensors, left out")
    if kept and all(name.startswith(_DATA_PARALLEL) for name in kept):
        return {name.removeprefix(_DATA_PARALLEL): value for name, value in kept.items()}
    return kept


def _tensor(path: Path, name: str, value: Any) -> MemoryTensor:
    import torch

    dtypes = {
        torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
        torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
        torch.uint8: "U8", torch.bool: "BOOL",
    }  # fmt: skip
    if value.dtype not in dtypes or value.layout != torch.strided:
        raise MergeError(
            f"{path}: {name!r} ({value.dtype}, {value.layout}) is of a type that cannot be merged."
        )
    flat = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
    return MemoryTensor(dtypes[value.dtype], tuple(value.shape), flat)
