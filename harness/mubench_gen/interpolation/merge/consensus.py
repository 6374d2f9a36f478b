"""How the differences of several fine-tunes become one, element by element."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mubench_gen.interpolation.merge.tensors import Array

_SMALLEST = 1e-6  # of a sum of weights, as SCE's authors have it


def summed(differences: Sequence[Array]) -> Array:
    """The sum, as in task arithmetic."""
    total = differences[0].copy()
    for one in differences[1:]:
        total += one
    return total


def elected(differences: Sequence[Array], weights: Sequence[float] | None = None) -> Array:
    """The mean of those that have the sign of the sum (TIES); zero where none has.

    With `weights`, one a fine-tune, it is the weighted mean (SCE).
    """
    positive = summed(differences) >= 0
    total = np.zeros_like(differences[0])
    share = np.zeros_like(differences[0])
    for one, weight in zip(differences, weights or [1.0] * len(differences), strict=True):
        agrees = np.where(positive, one > 0, one < 0)
        factor = one.dtype.type(weight)
        total += np.where(agrees, one * factor, 0)
        share += agrees * factor
    if weights is None:
        share[share == 0] = 1
    else:
        np.maximum(share, share.dtype.type(_SMALLEST), out=share)
    total /= share
    return total


def largest(differences: Sequence[Array]) -> Array:
    """The one with the largest magnitude (MagMax, Marczak et al. 2024, arXiv 2407.06322).

    Of equal magnitudes the first fine-tune's counts.
    """
    found = differences[0].copy()
    for one in differences[1:]:
        np.copyto(found, one, where=np.abs(one) > np.abs(found))
    return found
