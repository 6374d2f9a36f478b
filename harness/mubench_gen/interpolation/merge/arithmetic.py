"""Bytes of a base and of its fine-tunes → bytes of the merged tensors, a piece at a time.

Arithmetic is in float32 (in float64 for float64 tensors), rounded once, to nearest even, to
the stored type.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mubench_gen.interpolation.merge.recipe import Method, lines_scale

Floats = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Mix:
    """How one tensor is mixed: base·b + Σ fᵢ·fine-tunedᵢ, or base + Σ fᵢ·(fine-tunedᵢ − base)."""

    finetuned: tuple[float, ...]
    base: float = 0.0
    of_differences: bool = False

    @property
    def is_base(self) -> bool:
        return not any(self.finetuned) and (self.of_differences or self.base == 1)

    @property
    def is_finetuned(self) -> bool:
        """Whether it is the one fine-tune, unchanged."""
        return self.finetuned == (1.0,) and (self.of_differences or self.base == 0)


def slerp(alpha: float, *, base: float, finetuned: float, product: float) -> Mix:
    """The mix on the arc between two tensors of these squared norms and this inner product.

    Where they point the same way (cosine above 0.9995) or one is zero, the straight line.
    """
    length = math.sqrt(base * finetuned)
    cosine = product / length if length > 0 else 1.0
    if abs(cosine) > 0.9995:
        return Mix((alpha,), 1 - alpha)
    angle = math.acos(cosine)
    return Mix(
        (math.sin(alpha * angle) / math.sin(angle),),
        math.sin((1 - alpha) * angle) / math.sin(angle),
    )


def mix_for(
    method: Method, alpha: float, *, count: int, place: tuple[int, int] | None, total: Measured
) -> Mix:
    """How a tensor is mixed with `count` fine-tunes; see `Recipe`.

    `place`: its block's number and the number of blocks, which lines alone needs, as slerp
    alone needs `total`, the tensor's measure.
    """
    if method == "task-arithmetic":
        return Mix((alpha,) * count, of_differences=True)
    if method == "lines":
        return Mix((lines_scale(alpha, place) / count,) * count, of_differences=True)
    if method == "slerp" and 0 < alpha < 1:
        return slerp(alpha, base=total.base, finetuned=total.finetuned, product=total.product)
    return Mix((alpha / count,) * count, 1 - alpha)


@dataclass(frozen=True, slots=True)
class Measured:
    """Sums over elements: base², (mean fine-tuned)², their product, and (mean − base)²."""

    base: float = 0.0
    finetuned: float = 0.0
    product: float = 0.0
    difference: float = 0.0

    def __add__(self, other: Measured) -> Measured:
        return Measured(
            self.base + other.base,
            self.finetuned + other.finetuned,
            self.product + other.product,
            self.difference + other.difference,
        )

    @property
    def distance(self) -> float | None:
        """‖fine-tuned − base‖ / ‖base‖; None where the base is zero and the other isn't."""
        if not self.base:
            return None if self.difference else 0.0
        return math.sqrt(self.difference / self.base)

    @property
    def cosine(self) -> float | None:
        length = math.sqrt(self.base * self.finetuned)
        return self.product / length if length else None


class NotFinite(Exception):
    """NaN or Inf at element `place` of the piece, in source number `source` (0: the base)."""

    def __init__(self, source: int, place: int, value: float) -> None:
        super().__init__(source, place, value)
        self.source, self.place, self.value = source, place, value


class Overflow(Exception):
    """A merged value that the stored type cannot hold."""


class Workshop:
    """Scratch memory for pieces of at most `size` elements; one a thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._scratch: dict[str, Floats] = {}

    def raw(self, key: str, nbytes: int) -> Floats:
        """Bytes to read into."""
        return self._room(f"raw {key}", np.uint8, 8 * self._size)[:nbytes]

    def decoded(self, raw: Floats, dtype: str, key: str) -> Floats:
        """The numbers of a piece, as float32 (float64 for F64)."""
        if dtype == "F64":
            return raw.view(np.float64)
        if dtype == "F32":
            return raw.view(np.float32)
        count = raw.size // 2
        room = self._room(f"float {key}", np.float32, self._size)[:count]
        if dtype == "F16":
            np.copyto(room, raw.view(np.float16))
        else:  # BF16 is the upper half of a float32
            bits = room.view(np.uint32)
            np.copyto(bits, raw.view(np.uint16))
            np.left_shift(bits, 16, out=bits)
        return room

    def merged(self, mix: Mix, base: Floats, finetuned: Sequence[Floats], dtype: str) -> Floats:
        """A merged piece as bytes of the stored type. Overflow where that cannot hold it."""
        try:
            with np.errstate(over="raise", invalid="raise", under="ignore"):
                return self._encoded(self._mixed(mix, base, finetuned), dtype)
        except FloatingPointError:
            raise Overflow from None

    def _encoded(self, numbers: Floats, dtype: str) -> Floats:
        """Rounded to nearest even."""
        if dtype in ("F32", "F64"):
            kind = np.float32 if dtype == "F32" else np.float64
            return numbers.astype(kind, copy=False).view(np.uint8)
        out = self._room("encoded", np.uint16, self._size)[: numbers.size]
        if dtype == "F16":
            np.copyto(out.view(np.float16), numbers, casting="same_kind")
        else:
            bits = numbers.view(np.uint32)
            half = self._room("half", np.uint32, self._size)[: numbers.size]
            np.right_shift(bits, 16, out=half)
            np.bitwise_and(half, 1, out=half)
            np.add(half, 0x7FFF, out=half)
            np.add(half, bits, out=half)
            np.right_shift(half, 16, out=half)
            np.copyto(out, half, casting="unsafe")
        return out.view(np.uint8)

    def measure(self, base: Floats, finetuned: Sequence[Floats]) -> Measured:
        """Sums of a piece. NotFinite where a source holds NaN or Inf."""
        with np.errstate(all="ignore"):
            squares = []
            for source, numbers in enumerate((base, *finetuned)):
                squares.append(float(np.dot(numbers, numbers)))
                if not math.isfinite(squares[-1]):
                    _refuse_strange(source, numbers)
                    squares[-1] = _dot(numbers, numbers)  # only too large for float32
            mean = self._mean(finetuned)
            difference = np.subtract(mean, base, out=self._like("difference", base))
            return Measured(
                base=squares[0],
                finetuned=squares[1] if mean is finetuned[0] else _dot(mean, mean),
                product=_dot(base, mean),
                difference=_dot(difference, difference),
            )

    def _mixed(self, mix: Mix, base: Floats, finetuned: Sequence[Floats]) -> Floats:
        out, part = self._like("out", base), self._like("part", base)
        kind = base.dtype.type
        if mix.of_differences:
            np.copyto(out, base)
        else:
            np.multiply(base, kind(mix.base), out=out)
        for factor, numbers in zip(mix.finetuned, finetuned, strict=True):
            if mix.of_differences:
                np.subtract(numbers, base, out=part)
                np.multiply(part, kind(factor), out=part)
            else:
                np.multiply(numbers, kind(factor), out=part)
            np.add(out, part, out=out)
        return out

    def _mean(self, finetuned: Sequence[Floats]) -> Floats:
        if len(finetuned) == 1:
            return finetuned[0]
        mean = self._like("mean", finetuned[0])
        np.copyto(mean, finetuned[0])
        for numbers in finetuned[1:]:
            np.add(mean, numbers, out=mean)
        np.divide(mean, mean.dtype.type(len(finetuned)), out=mean)
        return mean

    def _like(self, key: str, numbers: Floats) -> Floats:
        return self._room(f"{key} {numbers.dtype}", numbers.dtype, self._size)[: numbers.size]

    def _room(self, key: str, dtype: Any, size: int) -> Floats:
        if key not in self._scratch:
            self._scratch[key] = np.empty(size, dtype)
        return self._scratch[key]


def checksum(raw: Floats) -> int:
    """A sum of 64-bit words: tells damaged pieces, at the speed of memory."""
    whole = raw.size // 8 * 8
    tail = int.from_bytes(raw[whole:].tobytes(), "little")
    return (int(np.add.reduce(raw[:whole].view(np.uint64), dtype=np.uint64)) + tail) % 2**64


def _dot(one: Floats, other: Floats) -> float:
    found = float(np.dot(one, other))
    if math.isfinite(found):
        return found
    return float(np.dot(one.astype(np.float64), other.astype(np.float64)))


def _refuse_strange(source: int, numbers: Floats) -> None:
    strange = np.flatnonzero(~np.isfinite(numbers))
    if strange.size:
        raise NotFinite(source, int(strange[0]), float(numbers[strange[0]]))
