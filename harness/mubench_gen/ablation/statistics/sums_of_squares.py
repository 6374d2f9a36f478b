"""Sums of squares between cells: by factor, by pair of factors, and of all interactions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
INTERACTIONS = "all interactions"
ZERO = 1e-12  # a sum of squares below this counts as zero


def sums_of_squares(cells: Floats, shape: Sequence[int]) -> Floats:
    """Sums of squares of each row of (rows, cells): total, by factor, by pair, all interactions.

    Shape (rows, 1 + factors + pairs + 1), the last only with two factors or more.
    """
    rows = cells.reshape(len(cells), *shape)
    centred, mains, pairs = contrasts_of(rows)
    found = [
        (one**2).reshape(len(rows), -1).sum(axis=1) * (rows[0].size / one[0].size)
        for one in (centred, *mains, *pairs)
    ]
    if len(shape) > 1:
        found.append(found[0] - sum(found[1 : 1 + len(shape)]))
    return np.stack(found, axis=1)


def contrasts_of(rows: Floats) -> tuple[Floats, list[Floats], list[Floats]]:
    """Each row of (rows, levels, levels, …) minus its mean; the parts of it that are of one
    factor, and of two without those of either. All have as many axes as `rows`.
    """
    axes = range(1, rows.ndim)
    centred = rows - rows.mean(axis=tuple(axes), keepdims=True)

    def over_all_but(*kept: int) -> Floats:
        others = tuple(axis for axis in axes if axis not in kept)
        found: Floats = centred.mean(axis=others, keepdims=True)
        return found

    mains = {axis: over_all_but(axis) for axis in axes}
    pairs = [
        over_all_but(one, other) - mains[one] - mains[other] for one, other in combinations(axes, 2)
    ]
    return centred, list(mains.values()), pairs


def sources_of(names: Sequence[str]) -> list[tuple[str, ...]]:
    """The sources after the total, in the order of `sums_of_squares`."""
    found = [*((name,) for name in names), *combinations(names, 2)]
    return [*found, (INTERACTIONS,)] if len(names) > 1 else found


def parts_of_whole(
    names: Sequence[str], sources: Sequence[tuple[str, ...]]
) -> npt.NDArray[np.int64]:
    """The indices of the sources that add up to the total: factors and all interactions."""
    interactions = (len(sources),) if len(names) > 1 else ()
    return np.array([*range(1, len(names) + 1), *interactions], np.int64)


def within_whole(squares: Floats, factors: int, parts: npt.NDArray[np.int64]) -> Floats:
    """Sums of squares that are no more, together, than their whole: pairs of factors than all
    interactions, and the `parts` of the total than that.

    Where each is corrected for sampling and not below 0, they could be.
    """
    found = squares.copy()
    pairs, whole = found[:, factors + 1 : -1], found[:, -1]
    found[:, factors + 1 : -1] = pairs * _shrink(pairs.sum(axis=1), whole)[:, None]
    # A draw without any variance has shares all the same.
    whole = np.where(found[:, 0] > ZERO, found[:, 0], np.inf)
    found[:, 1:] *= _shrink(found[:, parts].sum(axis=1), whole)[:, None]
    return found


def _shrink(sums: Floats, wholes: Floats) -> Floats:
    """By what to multiply parts that are more than their whole."""
    found: Floats = np.divide(wholes, sums, out=np.ones(len(sums)), where=sums > wholes)
    return found
