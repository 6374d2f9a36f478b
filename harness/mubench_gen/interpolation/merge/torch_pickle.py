"""Weights in pickle: opened by torch with `weights_only=True`, memory-mapped if possible."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mubench_gen.errors import MergeError, MissingExtraError, UsageError, describe
from mubench_gen.interpolation.merge.files import listed
from mubench_gen.interpolation.merge.tensors import MemoryTensor, StateDict, Tensor

_WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model",
)  # keys under which training scripts nest the weights
_DATA_PARALLEL = "module."
_EXPANDED = 2**24  # bytes that a tensor may have without as many in the file
_GLOBAL = re.compile(r"(?:GLOBAL|global) ([\w.]+)")  # in torch's message about a refused object


def open_pickles(paths: Sequence[Path]) -> StateDict:
    """The tensors of pickle files. Raises MergeError if `weights_only=True` refuses one."""
    shards: dict[str, list[str]] = {}
    tensors: dict[str, Tensor] = {}
    notes: list[str] = []
    ties: list[frozenset[str]] = []
    for path in paths:
        try:
            state = _unwrapped(path, _load(path), notes)
            found = {name: _tensor(path, name, value) for name, value in state.items()}
            ties += _shared(state)
        except UsageError:
            raise
        except Exception as error:  # torch raises any kind of error on a damaged file
            raise _unreadable(path, error) from None
        twice = [name for name in found if name in tensors]
        if twice:
            raise MergeError(f"{path}: holds {listed(twice)}, which another shard holds too.")
        shards[path.name] = list(found)
        tensors |= found
    return StateDict(shards, tensors, {"format": "pt"}, notes, ties)


def _load(path: Path) -> Any:
    try:
        import torch
    except ImportError:
        raise MissingExtraError("torch", "transformers", f"Reading {path.name}") from None
    archive = zipfile.is_zipfile(path)
    if archive:
        _refuse_compressed(path)
    try:
        with warnings.catch_warnings(action="ignore"):
            # Files of torch before 1.6 are not archives and cannot be mapped.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=archive)
    except pickle.UnpicklingError as error:
        # torch's message also advises to read without weights_only, so it is not shown.
        found = _GLOBAL.search(describe(error))
        if found is None:
            raise
        raise MergeError(
            f"{path}: torch refuses to read this pickle with weights_only=True: it holds "
            f"{found[1]}, which is not a tensor. Nothing else is tried: a pickle can run code. "
            "Have the weights converted to safetensors by someone who trusts the file."
        ) from None


def _unreadable(path: Path, error: Exception) -> MergeError:
    """torch's message about a damaged file, without its advice to drop weights_only."""
    reason = describe(error).strip().partition("\n")[0].strip()
    words = "" if isinstance(error, pickle.UnpicklingError) or not reason else f": {reason[:300]}"
    return MergeError(
        f"{path}: torch cannot read it (with weights_only=True){words.rstrip('.')}. Fetch it again."
    )


def _refuse_compressed(path: Path) -> None:
    """Refuse a compressed archive, which torch never writes and which may be a zip bomb."""
    with zipfile.ZipFile(path) as archive:
        held = archive.infolist()
    if any(one.compress_type for one in held) or sum(one.file_size for one in held) > (
        path.stat().st_size
    ):
        raise MergeError(f"{path}: is a compressed archive, which torch does not write.")


def _unwrapped(path: Path, loaded: Any, notes: list[str]) -> Mapping[str, Any]:
    if isinstance(loaded, Mapping):
        for wrapper in _WRAPPERS:
            if isinstance(loaded.get(wrapper), Mapping):
                notes.append(f"{path.name}: only {wrapper!r} was read")
                loaded = loaded[wrapper]
                break
    if not isinstance(loaded, Mapping):
        raise MergeError(f"{path}: holds {type(loaded).__name__}, not a state dict.")
    import torch

    kept = {k: v for k, v in loaded.items() if isinstance(v, torch.Tensor)}
    if not all(isinstance(name, str) for name in kept):
        raise MergeError(f"{path}: holds tensors whose names are not texts.")
    if len(kept) < len(loaded):
        notes.append(
            f"{path.name}: {len(loaded) - len(kept)} entries are not tensors and were left out"
        )
    if kept and all(name.startswith(_DATA_PARALLEL) for name in kept):
        return {name.removeprefix(_DATA_PARALLEL): value for name, value in kept.items()}
    return kept


def _shared(state: Mapping[str, Any]) -> list[frozenset[str]]:
    """Sets of names with the same position in the same storage, which are one tensor."""
    places: dict[tuple[Any, ...], set[str]] = {}
    for name, value in state.items():
        place = (value.data_ptr(), value.dtype, tuple(value.shape), value.stride())
        if value.numel():
            places.setdefault(place, set()).add(name)
    return [frozenset(names) for names in places.values() if len(names) > 1]


def _tensor(path: Path, name: str, value: Any) -> MemoryTensor:
    import torch

    dtypes = {
        torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
        torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
        torch.uint8: "U8", torch.bool: "BOOL",
    }  # fmt: skip
    if value.dtype not in dtypes or value.layout != torch.strided or value.device.type != "cpu":
        raise MergeError(
            f"{path}: {name!r} ({value.dtype}, {value.layout}) is of a type that cannot be merged."
        )
    size = value.numel() * value.element_size()
    if size > max(value.untyped_storage().nbytes(), _EXPANDED):
        raise MergeError(
            f"{path}: {name!r} repeats {value.untyped_storage().nbytes():,} bytes to {size:,}: "
            "save it as a tensor of its own (.contiguous())."
        )
    flat = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
    return MemoryTensor(dtypes[value.dtype], tuple(value.shape), flat)
