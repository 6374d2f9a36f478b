"""The arithmetic of a merge, over bytes of a base and of its fine-tunes, a chunk at a time.

It uses float32 (float64 for float64 tensors) and rounds once, to nearest even, to the stored type.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from mubench_gen.interpolation.merge.recipe import lines_scale
from mubench_gen.interpolation.merge.tensors import Array

_ONE_DIRECTION = 0.9995  # above this cosine the arc is as good as its chord, and its sine tiny


@dataclass(frozen=True, slots=True)
class Coefficients:
    """How one tensor is merged: base·b + Σ fᵢ·fine-tunedᵢ, or base + Σ fᵢ·(fine-tunedᵢ − base)."""

    finetuned: tuple[float, ...]
    base: float = 0.0
    of_differences: bool = False

    @classmethod
    def of_base(cls, count: int) -> Coefficients:
        """The base, unchanged by `count` fine-tunes."""
        return cls((0.0,) * count, 1.0)

    @property
    def give_base(self) -> bool:
        """Whether the result is the base, unchanged."""
        return not any(self.finetuned) and (self.of_differences or self.base == 1)

    @property
    def keep_equal(self) -> bool:
        """Whether the result of equal inputs is what they are."""
        return self.of_differences or abs(self.base + sum(self.finetuned) - 1) < 1e-6

    @property
    def give_finetuned(self) -> bool:
        """Whether the result is the one fine-tune, unchanged."""
        return self.finetuned == (1.0,) and (self.of_differences or self.base == 0)


@dataclass(frozen=True, slots=True)
class InnerProducts:
    """Sums over elements: base², (mean fine-tuned)², their product, and (mean − base)²."""

    base: float = 0.0
    finetuned: float = 0.0
    product: float = 0.0
    difference: float = 0.0

    def __add__(self, other: InnerProducts) -> InnerProducts:
        return InnerProducts(
            self.base + other.base,
            self.finetuned + other.finetuned,
            self.product + other.product,
            self.difference + other.difference,
        )

    @property
    def distance(self) -> float | None:
        """‖fine-tuned − base‖ / ‖base‖; None if only the base is zero."""
        if not self.base:
            return None if self.difference else 0.0
        return math.sqrt(self.difference / self.base)

    @property
    def cosine(self) -> float | None:
        length = math.sqrt(self.base * self.finetuned)
        return self.product / length if length else None


def coefficients(
    method: str,
    alpha: float,
    *,
    weights: Sequence[float] = (1.0,),
    of_base: float = 0.0,
    place: tuple[int, int] | None,
    total: InnerProducts,
) -> Coefficients:
    """How a tensor is merged with fine-tunes of these weights; see `Recipe`.

    `of_base`: the base's weight among those that linear takes the mean of. `place`: the tensor's
    block's number and the number of blocks, needed only by lines. `total`: of the whole tensor,
    needed only by slerp.
    """
    count = len(weights)
    if method == "task-arithmetic":
        return Coefficients(tuple(alpha * one for one in weights), of_differences=True)
    if method == "passthrough":
        return Coefficients((alpha,), 0.0)
    if method == "lines":
        return Coefficients((lines_scale(alpha, place) / count,) * count, of_differences=True)
    if method == "slerp" and 0 < alpha < 1:
        return _slerp(alpha, total)
    share = alpha / (sum(weights) + of_base)
    return Coefficients(tuple(share * one for one in weights), 1 - alpha + share * of_base)


def _slerp(alpha: float, total: InnerProducts) -> Coefficients:
    """Coefficients on the arc; on the straight line if both are parallel or one is zero."""
    cosine = 1.0 if total.cosine is None else total.cosine
    if abs(cosine) > _ONE_DIRECTION:
        return Coefficients((alpha,), 1 - alpha)
    angle = math.acos(cosine)
    return Coefficients(
        (math.sin(alpha * angle) / math.sin(angle),),
        math.sin((1 - alpha) * angle) / math.sin(angle),
    )


class NotFinite(Exception):
    """NaN or Inf at element `place` of the chunk, in source number `source` (0: the base)."""

    def __init__(self, source: int, place: int, value: float) -> None:
        super().__init__(source, place, value)
        self.source, self.place, self.value = source, place, value


class Overflow(Exception):
    """A merged value that the stored type cannot hold."""


def decode(raw: Array, dtype: str) -> Array:
    """The numbers of these bytes, as float32 (float64 for F64)."""
    if dtype == "F64":
        return raw.view(np.float64)
    if dtype == "F32":
        return raw.view(np.float32)
    if dtype == "F16":
        return raw.view(np.float16).astype(np.float32)
    bits = raw.view(np.uint16).astype(np.uint32)  # BF16 is the upper half of a float32
    bits <<= 16
    return bits.view(np.float32)


def encode(numbers: Array, dtype: str) -> Array:
    """The bytes in the stored type, rounded to nearest even. numpy warns of an overflow."""
    if dtype == "F64":
        return numbers.astype(np.float64, copy=False).view(np.uint8)
    if dtype == "F32":
        return numbers.astype(np.float32, copy=False).view(np.uint8)
    if dtype == "F16":
        return numbers.astype(np.float16).view(np.uint8)
    if numbers.dtype == np.float64:
        numbers = _to_odd(numbers)
    bits = numbers.view(np.uint32)
    half = bits >> 16
    half &= 1
    half += 0x7FFF
    half += bits
    half >>= 16
    return half.astype(np.uint16).view(np.uint8)


def _to_odd(numbers: Array) -> Array:
    """Float64 as float32 that is rounded to nearest even as if it were not rounded before: where
    it is not exact it is the odd one of its two neighbours.
    """
    found = numbers.astype(np.float32)
    bits = found.view(np.uint32)
    inexact = found != numbers
    bits -= np.abs(found.astype(np.float64)) > np.abs(numbers)
    bits |= inexact
    return found


def recode(raw: Array, dtype: str, wanted: str) -> Array:
    """The bytes in another type, rounded once. Raises Overflow for too large values."""
    with _no_overflow():
        return encode(decode(raw, dtype), wanted)


def combine(how: Coefficients, base: Array, finetuned: Sequence[Array], dtype: str) -> Array:
    """A merged chunk as bytes of the stored type. Raises Overflow for too large values."""
    with _no_overflow():
        return encode(_sum(how, base, finetuned), dtype)


def move(base: Array, difference: Array, factor: float, dtype: str) -> Array:
    """base + factor·difference, as bytes of the stored type. Raises Overflow likewise."""
    with _no_overflow():
        return encode(base + difference * base.dtype.type(factor), dtype)


@contextmanager
def _no_overflow() -> Iterator[None]:
    try:
        with np.errstate(over="raise", invalid="raise", under="ignore"):
            yield
    except FloatingPointError:
        raise Overflow from None


def _sum(how: Coefficients, base: Array, finetuned: Sequence[Array]) -> Array:
    kind = base.dtype.type
    out = base.copy() if how.of_differences else base * kind(how.base)
    for factor, numbers in zip(how.finetuned, finetuned, strict=True):
        part = numbers - base if how.of_differences else numbers
        out += part * kind(factor)
    return out


def inner_products(base: Array, finetuned: Sequence[Array]) -> InnerProducts:
    """The inner products of a chunk. Raises NotFinite if a source holds NaN or Inf."""
    with np.errstate(all="ignore"):
        squares = []
        for source, numbers in enumerate((base, *finetuned)):
            squares.append(float(np.dot(numbers, numbers)))
            if not math.isfinite(squares[-1]):
                _refuse_not_finite(source, numbers)
                squares[-1] = _dot(numbers, numbers)  # only too large for float32
        mean = _mean(finetuned)
        difference = mean - base
        of_mean = squares[1] if mean is finetuned[0] else _dot(mean, mean)
        distance = _dot(difference, difference)
        return InnerProducts(
            base=squares[0],
            finetuned=of_mean,
            product=(squares[0] + of_mean - distance) / 2,
            difference=distance,
        )


def _mean(finetuned: Sequence[Array]) -> Array:
    if len(finetuned) == 1:
        return finetuned[0]
    mean = finetuned[0].copy()
    for numbers in finetuned[1:]:
        mean += numbers
    mean /= mean.dtype.type(len(finetuned))
    return mean


def checksum(raw: Array) -> int:
    """A sum of 64-bit words, which detects damaged chunks at memory speed."""
    whole = raw.size // 8 * 8
    tail = int.from_bytes(raw[whole:].tobytes(), "little")
    return (int(np.add.reduce(raw[:whole].view(np.uint64), dtype=np.uint64)) + tail) % 2**64


def _dot(one: Array, other: Array) -> float:
    found = float(np.dot(one, other))
    if math.isfinite(found):
        return found
    return float(np.dot(one.astype(np.float64), other.astype(np.float64)))


def _refuse_not_finite(source: int, numbers: Array) -> None:
    strange = np.flatnonzero(~np.isfinite(numbers))
    if strange.size:
        raise NotFinite(source, int(strange[0]), float(numbers[strange[0]]))
