"""Tensors of a checkpoint whose elements are read in ranges, when needed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mubench_gen.errors import MergeError

Array = np.ndarray[Any, np.dtype[Any]]

# Bytes per element. Other types are quantised or unknown, and never merged.
SIZES: Mapping[str, int] = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip
FLOATS = ("F64", "F32", "F16", "BF16")
# As torch, and so a model's configuration, names them.
TORCH_NAMES: Mapping[str, str] = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
}  # fmt: skip
LARGEST: Mapping[str, float] = {
    "F64": 1.79769e308, "F32": 3.40282e38, "F16": 65504.0, "BF16": 3.38953e38,
}  # fmt: skip
NAMED: Mapping[str, str] = {name: dtype for dtype, name in TORCH_NAMES.items()}
_CHUNK = 1 << 16  # elements, so that the arrays of one chunk fit into a core's cache


class Sized(Protocol):
    """`dtype` as safetensors names it."""

    @property
    def dtype(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...


class Tensor(Sized, Protocol):
    """Elements in row-major order."""

    def read(self, first: int, count: int) -> Array:
        """The bytes of `count` elements, from number `first` on. Safe in several threads."""


@dataclass(frozen=True, slots=True)
class StateDict:
    """The tensors of some files by name, and the names by file, in the order of the bytes.

    `ties`: sets of names that the files declare to be one tensor.
    """

    shards: Mapping[str, Sequence[str]]
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    notes: Sequence[str] = ()
    ties: Sequence[frozenset[str]] = ()


def chunks(tensor: Sized, row: int = 1) -> Iterator[tuple[int, int]]:
    """First element and number of elements of each chunk; an empty tensor has none.

    With `row`, chunks hold whole rows of so many elements, at least one.
    """
    total = math.prod(tensor.shape)
    step = max(_CHUNK // row, 1) * row
    for first in range(0, total, step):
        yield first, min(step, total - first)


def byte_count(tensor: Sized) -> int:
    """The number of bytes of a tensor of this type and shape."""
    return SIZES[tensor.dtype] * math.prod(tensor.shape)


def read_whole(tensor: Tensor) -> Array:
    """All the bytes of a tensor that is known to be small."""
    return tensor.read(0, math.prod(tensor.shape))


def are_equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are bitwise equal."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return all(np.array_equal(one.read(*chunk), other.read(*chunk)) for chunk in chunks(one))


@dataclass(frozen=True, slots=True)
class FileTensor:
    """A range of an open file.

    Not mapped into memory, because a truncated file or a failing disk would then kill the
    process without a message.
    """

    dtype: str
    shape: tuple[int, ...]
    handle: int
    start: int
    path: Path

    def read(self, first: int, count: int) -> Array:
        size = SIZES[self.dtype]
        content = np.empty(count * size, np.uint8)
        at, left = self.start + first * size, content.data
        while left:
            try:
                got = os.preadv(self.handle, [left], at)
            except OSError as error:  # the error itself does not name the file
                raise OSError(error.errno, error.strerror, str(self.path)) from None
            if not got:
                raise MergeError(f"{self.path} became shorter while it was read.")
            at, left = at + got, left[got:]
        return content


@dataclass(frozen=True, slots=True, eq=False)
class MemoryTensor:
    """A tensor in memory, or in a memory-mapped file; `content` is its bytes."""

    dtype: str
    shape: tuple[int, ...]
    content: Array

    def read(self, first: int, count: int) -> Array:
        size = SIZES[self.dtype]
        return self.content[first * size : (first + count) * size]


@dataclass(frozen=True, slots=True)
class RowsTensor:
    """Some rows of another tensor."""

    whole: Tensor
    shape: tuple[int, ...]
    first_row: int

    @property
    def dtype(self) -> str:
        return self.whole.dtype

    def read(self, first: int, count: int) -> Array:
        return self.whole.read(self.first_row * math.prod(self.shape[1:]) + first, count)


@dataclass(frozen=True, slots=True)
class StackedTensor:
    """Tensors of one type and width, stacked by rows."""

    parts: Sequence[Tensor]

    @property
    def dtype(self) -> str:
        return self.parts[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:])

    def read(self, first: int, count: int) -> Array:
        found = []
        for part in self.parts:
            size = math.prod(part.shape)
            begin, end = max(first, 0), min(first + count, size)
            if begin < end:
                found.append(part.read(begin, end - begin))
            first -= size
        return np.concatenate(found)


@dataclass(frozen=True, slots=True)
class TransposedTensor:
    """A transposed matrix. Each read reads all of it, so only for small ones."""

    whole: Tensor

    @property
    def dtype(self) -> str:
        return self.whole.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        rows, columns = self.whole.shape
        return columns, rows

    def read(self, first: int, count: int) -> Array:
        size = SIZES[self.dtype]
        matrix = read_whole(self.whole).view(f"V{size}").reshape(self.whole.shape)
        transposed = np.ascontiguousarray(matrix.T).reshape(-1)
        return transposed[first : first + count].view(np.uint8)
