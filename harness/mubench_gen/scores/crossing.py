"""Two clusterings at once, as by slide and by plate: items of either are alike.

The covariance is V₁ + V₂ − V₁₂ (Cameron, Gelbach & Miller 2011), where V₁₂ is by the clusters of
both. What a clustering adds to V₁₂ counts only where it is above 0:

    V = V₁₂ + (V₁ − V₁₂)₊ + (V₂ − V₁₂)₊

So no mean, and no difference of means, is taken for better known than by one clustering alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


def ways_of(clusters: npt.ArrayLike) -> list[Codes]:
    """The codes of one clustering (items,) as they are; of two (items, 2) theirs and of both.

    Columns that have been found so are given back: (items, 3).
    """
    codes = np.asarray(clusters)
    if codes.ndim == 1:
        return [codes]
    if codes.shape[1] == 3:
        return list(codes.T)
    _, both = np.unique(codes, axis=0, return_inverse=True)
    return [*codes.T, both.ravel()]


def crossed_variance(first: float, second: float, both: float) -> float:
    """The variance by two clusterings from theirs and that by both."""
    return both + max(0.0, first - both) + max(0.0, second - both)


def crossed_rows(ways: Sequence[Floats]) -> Floats:
    """Rows whose products, summed, are the covariance of estimates, (rows, estimates).

    `ways`: what each cluster adds to each estimate, (clusters, estimates): of one clustering,
    given back as it is, or of two and of both.
    """
    if len(ways) == 1:
        return ways[0]
    one, other, both = (way.T @ way for way in ways)
    # V₁₂ + (V₁ − V₁₂)₊ = V₁ + (V₁₂ − V₁)₊: the rows of the first clustering stay clusters.
    return np.concatenate([ways[0], _root(both - one), _root(other - both)])


def _root(matrix: Floats) -> Floats:
    """Rows whose products, summed, are the positive part of a symmetric matrix."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-12 * max(1e-300, float(np.abs(values).max(initial=0.0)))
    found: Floats = (vectors[:, kept] * np.sqrt(values[kept])).T
    return found
