"""A checkpoint's tensors as ranges of bytes that can be read a piece at a time."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.safetensors_file import SIZES

if TYPE_CHECKING:
    import numpy as np


class Tensor(Protocol):
    """`dtype` as safetensors names it; bytes in row-major order."""

    @property
    def dtype(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def read_into(self, start: int, buffer: memoryview) -> None:
        """Fill the buffer with the tensor's bytes from `start` on. Safe in several threads."""


def nbytes(tensor: Tensor) -> int:
    """How many bytes the tensor has."""
    return SIZES[tensor.dtype] * math.prod(tensor.shape)


def read_whole(tensor: Tensor) -> bytearray:
    """All the bytes of a tensor."""
    content = bytearray(nbytes(tensor))
    tensor.read_into(0, memoryview(content))
    return content


@dataclass(frozen=True, slots=True)
class FileTensor:
    """A range of an open file."""

    dtype: str
    shape: tuple[int, ...]
    handle: int
    start: int
    path: Path

    def read_into(self, start: int, buffer: memoryview) -> None:
        at, left = self.start + start, buffer
        while left:
            try:
                got = os.preadv(self.handle, [left], at)
            except OSError as error:  # of which file, the system does not say
                raise OSError(error.errno, error.strerror, str(self.path)) from None
            if not got:
                raise MergeError(f"{self.path}: became shorter while it was read.")
            at, left = at + got, left[got:]


@dataclass(frozen=True, slots=True)
class MemoryTensor:
    """A tensor that lies in memory, or in a file mapped into it: `flat` are its bytes."""

    dtype: str
    shape: tuple[int, ...]
    flat: np.ndarray

    def read_into(self, start: int, buffer: memoryview) -> None:
        buffer[:] = self.flat.data[start : start + len(buffer)]


@dataclass(frozen=True, slots=True)
class RowsTensor:
    """Some rows of another tensor."""

    whole: Tensor
    shape: tuple[int, ...]
    first_row: int

    @property
    def dtype(self) -> str:
        return self.whole.dtype

    def read_into(self, start: int, buffer: memoryview) -> None:
        row = SIZES[self.dtype] * math.prod(self.shape[1:])
        self.whole.read_into(self.first_row * row + start, buffer)


@dataclass(frozen=True, slots=True)
class StackedTensor:
    """Tensors of one width, one below the other."""

    parts: Sequence[Tensor]

    @property
    def dtype(self) -> str:
        return self.parts[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:])

    def read_into(self, start: int, buffer: memoryview) -> None:
        for part in self.parts:
            size = nbytes(part)
            if start < size and buffer:
                length = min(size - start, len(buffer))
                part.read_into(start, buffer[:length])
                buffer, start = buffer[length:], start + length
            start -= size


@dataclass(frozen=True, slots=True)
class TransposedTensor:
    """A matrix with rows and columns changed; read through memory, so for small ones."""

    whole: Tensor

    @property
    def dtype(self) -> str:
        return self.whole.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        rows, columns = self.whole.shape
        return columns, rows

    def read_into(self, start: int, buffer: memoryview) -> None:
        import numpy as np

        size = SIZES[self.dtype]
        matrix = np.frombuffer(read_whole(self.whole), f"V{size}").reshape(self.whole.shape)
        turned = np.ascontiguousarray(matrix.T).reshape(-1).view(np.uint8)
        buffer[:] = turned.data[start : start + len(buffer)]
