"""How much memory a checkpoint's weights take, and how much this machine has. No torch here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mubench_gen.storage.user_files import parse_json

GIB = 2**30
# Bytes per element of the types that are loaded in the precision that the user chose.
_FLOATS: Mapping[str, int] = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_CHOSEN: Mapping[str, int] = {"float32": 4, "bfloat16": 2, "float16": 2}
_DIMENSIONS = 32  # a shape with more is damaged
_LONGEST_HEADER = 100_000_000  # the limit of safetensors' own reader


def memory() -> tuple[int, int] | None:
    """Total and available bytes of memory; None if the system doesn't say."""
    try:
        lines = Path("/proc/meminfo").read_text("utf-8").splitlines()
        kib = {name: int(rest.split()[0]) for name, _, rest in (li.partition(":") for li in lines)}
        return kib["MemTotal"] * 1024, kib["MemAvailable"] * 1024
    except (OSError, KeyError, ValueError):
        return None


def loaded_bytes(files: list[Path], dtype: str) -> int:
    """The bytes of these files' weights in `dtype` ("auto": in the precision of the files).

    Quantised tensors, and files that aren't safetensors, count as they are on the disk.
    """
    return sum(_loaded(file, _CHOSEN.get(dtype)) for file in files)


def broken(file: Path) -> str | None:
    """What is wrong with a file of weights, judging by its length; None if nothing."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        begin = stream.read(64)
    if begin.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, not the file itself (git lfs pull fetches that)"
    if size == 0:
        return "it is empty"
    if file.suffix != ".safetensors":
        return None
    length = int.from_bytes(begin[:8], "little")
    if size < 8 or length > _LONGEST_HEADER:
        return "it is not a safetensors file"
    ends = [t["data_offsets"][1] for t in tensors_of(file).values() if _has_place(t)]
    whole = 8 + length + max(ends, default=0)
    return f"it holds {size:,} of its {whole:,} bytes" if size < whole else None


def _has_place(tensor: Any) -> bool:
    place = tensor.get("data_offsets") if isinstance(tensor, dict) else None
    return isinstance(place, list) and len(place) == 2 and isinstance(place[1], int)


def _loaded(file: Path, size: int | None) -> int:
    on_disk = file.stat().st_size
    tensors = tensors_of(file) if size is not None and file.suffix == ".safetensors" else {}
    if not tensors or size is None:
        return on_disk
    try:
        return sum(_bytes(tensor, size) for tensor in tensors.values())
    except (KeyError, TypeError, ValueError, OverflowError):
        return on_disk


def tensors_of(file: Path) -> dict[str, dict[str, Any]]:
    """The tensors in a safetensors file's header, by name; empty if it is damaged."""
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = parse_json(stream.read(length)) if length < _LONGEST_HEADER else {}
    except (OSError, ValueError):
        return {}
    if not isinstance(header, dict):
        return {}
    return {name: told for name, told in header.items() if name != "__metadata__"}


def _bytes(tensor: Mapping[str, Any], size: int) -> int:
    start, end = tensor["data_offsets"]
    if tensor["dtype"] not in _FLOATS:
        return int(end) - int(start)
    shape = [int(number) for number in tensor["shape"]]
    if len(shape) > _DIMENSIONS or any(not 0 <= number < 2**60 for number in shape):
        raise ValueError(shape)
    return math.prod(shape) * size
