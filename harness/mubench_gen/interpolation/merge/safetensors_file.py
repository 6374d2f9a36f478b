"""Safetensors files: reads and checks headers, and makes the headers of new files.

The format: eight bytes with the header's length (little-endian), the header (JSON: a tensor's
dtype, shape and byte range, and `__metadata__`), then the tensors without gaps.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.tensors import SIZES, FileTensor, StateDict, Tensor
from mubench_gen.storage.user_files import open_regular

_DIMENSIONS = 32
_LONGEST_HEADER = 100_000_000  # the reference implementation's own limit


@dataclass(frozen=True, slots=True)
class _Entry:
    """One tensor of a header: `start` is where its bytes begin in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    nbytes: int


def open_safetensors(paths: Sequence[Path], files: ExitStack) -> StateDict:
    """The tensors of safetensors files, which stay open until `files` closes them.

    Raises MergeError if a file contradicts its header.
    """
    shards: dict[str, list[str]] = {}
    tensors: dict[str, Tensor] = {}
    metadata: dict[str, str] = {}
    for path in paths:
        file = files.enter_context(open_regular(path))
        entries, own = _read_header(path, file)
        metadata |= own
        shards[path.name] = [one.name for one in entries]
        for one in entries:
            if one.name in tensors:
                raise MergeError(f"{path}: holds {one.name!r}, which another shard holds too.")
            tensors[one.name] = FileTensor(one.dtype, one.shape, file.fileno(), one.start, path)
    ties = [  # `save_model` of safetensors records each name left out, and the one kept
        frozenset((left, kept))
        for left, kept in metadata.items()
        if kept in tensors and left not in tensors
    ]
    return StateDict(shards, tensors, metadata, ties=ties)


def lay_out(
    tensors: Iterable[tuple[str, str, tuple[int, ...]]], metadata: Mapping[str, str]
) -> tuple[bytes, dict[str, int]]:
    """The header of a file with these tensors (name, dtype, shape), and the offset of each."""
    document: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    starts, at = {}, 0
    for name, dtype, shape in tensors:
        starts[name], end = at, at + SIZES[dtype] * math.prod(shape)
        document[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    begin = 8 + len(text)
    return struct.pack("<Q", len(text)) + text, {name: begin + at for name, at in starts.items()}


def _read_header(path: Path, file: IO[bytes]) -> tuple[list[_Entry], dict[str, str]]:
    """The tensors in the order of their bytes, and the metadata."""
    size = os.fstat(file.fileno()).st_size
    length = _length(path, file.read(8), size)
    document = _document(path, file.read(length))
    metadata = document.pop("__metadata__", {})
    entries = sorted(
        (_entry(path, name, entry, 8 + length) for name, entry in document.items()),
        key=lambda one: (one.start, one.nbytes),
    )
    _check_ranges(path, entries, begin=8 + length, end=size)
    texts = metadata.items() if isinstance(metadata, dict) else ()
    return entries, {key: value for key, value in texts if isinstance(value, str)}


def _length(path: Path, first: bytes, size: int) -> int:
    length = struct.unpack("<Q", first)[0] if len(first) == 8 else None
    if length is None or length > min(size - 8, _LONGEST_HEADER):
        raise MergeError(
            f"{path}: is not a safetensors file, or was cut off inside its header ({size:,} "
            "bytes). Fetch it again."
        )
    return int(length)


def _document(path: Path, text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise MergeError(
            f"{path}: its header is not a JSON object, or has a name twice: the file is damaged."
        )
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without duplicate names, of which readers would choose one or the other."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _entry(path: Path, name: str, entry: Any, begin: int) -> _Entry:
    try:
        name.encode()
        dtype, shape = entry["dtype"], tuple(map(_number, entry["shape"]))
        start, end = map(_number, entry["data_offsets"])
        if not isinstance(dtype, str) or len(shape) > _DIMENSIONS:
            raise ValueError(dtype)
    except (KeyError, TypeError, ValueError):
        raise MergeError(
            f"{path}: its header describes {name!r} wrongly: the file is damaged."
        ) from None
    if dtype in SIZES and SIZES[dtype] * math.prod(shape) != end - start:
        raise MergeError(
            f"{path}: its header gives {name!r} {end - start:,} bytes, but {list(shape)} of "
            f"{dtype} take {SIZES[dtype] * math.prod(shape):,}."
        )
    return _Entry(name, dtype, shape, begin + start, end - start)


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**60:
        raise ValueError(value)
    return value


def _check_ranges(path: Path, entries: Iterable[_Entry], *, begin: int, end: int) -> None:
    at = begin
    for one in entries:
        if one.start != at or one.nbytes < 0:
            raise MergeError(f"{path}: its header leaves a gap or overlap before {one.name!r}.")
        at += one.nbytes
    if at != end:
        state = "was cut off" if at > end else "holds more than its header says"
        raise MergeError(
            f"{path}: {state}: {end:,} bytes, where the header tells of {at:,}. Fetch it again."
        )
