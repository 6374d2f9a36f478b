"""Which elements of a fine-tune's difference from the base are kept, and how they are scaled.

TIES (Yadav et al. 2023, arXiv 2306.01708) keeps the largest of a tensor, Model Breadcrumbs
(Davari & Belilovsky 2023, arXiv 2312.06795) drops the very largest too, DARE (Yu et al. 2023,
arXiv 2311.03099) draws, DELLA (Deep et al. 2024, arXiv 2406.11617) draws with a chance that grows
with an element's rank in its row, SCE (Wan et al. 2024, arXiv 2408.07990) keeps where fine-tunes
vary. All work on one tensor at a time; what is drawn depends on seed, name and fine-tune alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mubench_gen.interpolation.merge.tensors import Array

_TINY = 1e-7
Span = tuple[int, int]  # first element, number of elements


def ranks_of_largest(total: int, density: float) -> tuple[int, int]:
    """The ranks (ascending, from 0; first and one behind the last) of the largest elements."""
    return total - int(density * total), total


def ranks_of_middle(total: int, density: float, gamma: float) -> tuple[int, int]:
    """The ranks that are left without the share `gamma` of the largest and the smallest ones.

    Where `density` leaves no room, fewer of the largest are dropped.
    """
    kept = int(density * total)
    top = min(int(gamma * total), total - kept)
    return total - kept - top, total - top


def kept_ranks(scores: Array, ranks: tuple[int, int], again: Iterable[Array]) -> Array:
    """A bit for each element: whether its score's rank is within `ranks`, packed.

    Of equal scores the earlier element has the lower rank. `scores` is reordered, so that the
    memory of one tensor suffices; `again` gives the scores anew, in chunks whose lengths are
    multiples of 8 but for the last.
    """
    first, end = ranks
    if end <= first:
        return np.zeros((scores.size + 7) // 8, np.uint8)
    scores.partition(sorted({first, end - 1}))
    low, high = scores[first], scores[end - 1]
    below_low = int(np.count_nonzero(scores[:first] < low))
    below_high = int(np.count_nonzero(scores[:end] < high))
    skipped, taken = first - below_low, end - below_high
    bits = []
    for part in again:
        kept = (part >= low) & (part <= high)
        skipped = _drop(kept, part == low, slice(0, skipped), skipped)
        equal = part == high
        count = int(np.count_nonzero(equal))
        _drop(kept, equal, slice(max(taken, 0), None), taken)
        taken -= count
        bits.append(np.packbits(kept))
    return np.concatenate(bits)


def _drop(kept: Array, equal: Array, which: slice, left: int) -> int:
    """Unmark those of the equal elements that the slice names; how many of `left` are left."""
    places = np.flatnonzero(equal)
    kept[places[which]] = False
    return max(left - places.size, 0)


def unpacked(bits: Array, span: Span) -> Array:
    """The booleans of a range whose first element is a multiple of 8."""
    first, count = span
    return np.unpackbits(bits[first // 8 : (first + count + 7) // 8], count=count).view(bool)


@dataclass(frozen=True, slots=True)
class Draws:
    """Uniform numbers for the elements of one tensor of one fine-tune."""

    key: int

    @classmethod
    def of(cls, seed: int, name: str, number: int) -> Draws:
        """`number`: the fine-tune's place in the command."""
        text = f"{seed}\0{number}\0{name}".encode()
        return cls(int.from_bytes(hashlib.sha256(text).digest()[:16], "little"))

    def at(self, span: Span) -> Array:
        """Numbers in [0, 1) of a chunk; another chunk's are independent of them."""
        first, count = span
        stream = np.random.Philox(key=self.key, counter=first)
        return np.random.Generator(stream).random(count, dtype=np.float32)


def drawn(difference: Array, density: float, uniform: Array, *, scaled: bool = True) -> Array:
    """DARE: each element is kept with the chance `density`, and with `scaled` divided by it."""
    kept = uniform < np.float32(density)
    return np.where(kept, difference / difference.dtype.type(density if scaled else 1), 0)


def drawn_by_rank(
    difference: Array,
    row: int,
    density: float,
    epsilon: float,
    uniform: Array,
    *,
    scaled: bool = True,
) -> Array:
    """DELLA: the chance grows from density − epsilon to density + epsilon by rank in the row.

    `difference`: whole rows of `row` elements each. With `scaled` what is kept is divided by its
    chance.
    """
    rows = difference.reshape(-1, row)
    by_rank = np.linspace(density - epsilon, density + epsilon, row) if row > 1 else density
    chance = np.empty_like(rows)
    order = np.argsort(np.abs(rows), axis=1, kind="stable")
    np.put_along_axis(chance, order, np.broadcast_to(by_rank, rows.shape), axis=1)
    each = chance.reshape(-1)
    return np.where(uniform < each, difference / each if scaled else difference, 0)


def ratios(sums: Array) -> Array:
    """By what kept elements are scaled to the former sum of magnitudes; `sums`: before and after,
    (fine-tunes, 2). A tensor of next to nothing is left as it is, as in mergekit.
    """
    known = (sums > _TINY).all(axis=1)
    found: Array = np.divide(sums[:, 0], sums[:, 1], out=np.ones(len(sums)), where=known)
    return found


def row_length(shape: tuple[int, ...]) -> int:
    """The elements of a row: of one output of a layer; all, where a tensor has one dimension."""
    return math.prod(shape[1:]) if len(shape) > 1 else max(math.prod(shape), 1)
