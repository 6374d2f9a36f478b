"""The header of a safetensors file, read with suspicion and written byte by byte.

The format: eight bytes with the header's length (little-endian), the header (JSON: a tensor's
dtype, shape and byte range, and `__metadata__`), then the tensors without gaps.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mubench_gen.errors import MergeError

# Bytes an element. What is not in here is quantised or unknown, and never merged.
SIZES: Mapping[str, int] = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip
FLOATS = ("F64", "F32", "F16", "BF16")
_DIMENSIONS = 32
_LONGEST_HEADER = 100_000_000  # the reference implementation's own limit


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor: `start` is where its bytes begin in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a file holds, in the order of its bytes."""

    metadata: Mapping[str, str]
    entries: tuple[Entry, ...]


def read_header(path: Path) -> Header:
    """The header of a file. MergeError where file and header don't fit each other."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = _length(path, file.read(8), size)
            document = _document(path, file.read(length))
    except OSError as error:
        raise MergeError(f"{path}: cannot be read: {error.strerror}.") from None
    metadata = document.pop("__metadata__", {})
    entries = sorted(
        (_entry(path, name, told, 8 + length) for name, told in document.items()),
        key=lambda one: (one.start, one.nbytes),
    )
    _check_ranges(path, entries, begin=8 + length, end=size)
    return Header(metadata if isinstance(metadata, dict) else {}, tuple(entries))


def lay_out(
    entries: Iterable[tuple[str, str, tuple[int, ...]]], metadata: Mapping[str, str]
) -> tuple[bytes, dict[str, Entry]]:
    """The first bytes of a file with these tensors (name, dtype, shape), and where each stands."""
    placed, at = {}, 0
    for name, dtype, shape in entries:
        nbytes = SIZES[dtype] * math.prod(shape)
        placed[name] = Entry(name, dtype, shape, at, nbytes)
        at += nbytes
    document: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    for one in placed.values():
        document[one.name] = {
            "dtype": one.dtype,
            "shape": list(one.shape),
            "data_offsets": [one.start, one.start + one.nbytes],
        }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    begin = 8 + len(text)
    entries_at = {
        one.name: Entry(one.name, one.dtype, one.shape, begin + one.start, one.nbytes)
        for one in placed.values()
    }
    return struct.pack("<Q", len(text)) + text, entries_at


def _length(path: Path, first: bytes, size: int) -> int:
    length = struct.unpack("<Q", first)[0] if len(first) == 8 else None
    if length is None or length > min(size - 8, _LONGEST_HEADER):
        raise MergeError(
            f"{path}: is no safetensors file, or was cut off inside its header ({size:,} bytes). "
            "Fetch it again."
        )
    return int(length)


def _document(path: Path, text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise MergeError(
            f"{path}: its header is no JSON object, or names something twice: the file is damaged."
        )
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names differ: of two of one name, readers take the one or the other."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _entry(path: Path, name: str, told: Any, begin: int) -> Entry:
    try:
        name.encode()
        dtype, shape = told["dtype"], tuple(map(_number, told["shape"]))
        start, end = map(_number, told["data_offsets"])
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
    return Entry(name, dtype, shape, begin + start, end - start)


def _number(told: Any) -> int:
    if type(told) is not int or not 0 <= told < 2**60:
        raise ValueError(told)
    return told


def _check_ranges(path: Path, entries: Iterable[Entry], *, begin: int, end: int) -> None:
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
