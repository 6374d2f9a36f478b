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


def weighted_sum(differences: Sequence[Array], weights: Sequence[float]) -> Array:
    """The sum of the differences, each times its weight (a weight a fine-tune)."""
    return summed(_weighted(differences, weights))


def elected(differences: Sequence[Array], weights: Sequence[float]) -> Array:
    """The weighted mean of those that have the sign of the weighted sum (TIES).

    It is zero where none has. With a weight below 0 a difference counts as its opposite.
    """
    moves = _weighted(differences, weights)
    total, share = _agreeing(summed(moves) >= 0, moves, moves, weights)
    share[share == 0] = 1
    total /= share
    return total


def elected_by_size(differences: Sequence[Array], weights: Sequence[float]) -> Array:
    """The weighted mean of those that have the sign of the unweighted sum (SCE)."""
    moves = _weighted(differences, weights)
    total, share = _agreeing(summed(differences) >= 0, differences, moves, weights)
    np.maximum(share, share.dtype.type(_SMALLEST), out=share)
    total /= share
    return total


def _weighted(differences: Sequence[Array], weights: Sequence[float]) -> list[Array]:
    return [
        one if weight == 1 else one * one.dtype.type(weight)
        for one, weight in zip(differences, weights, strict=True)
    ]


def _agreeing(
    positive: Array, signs: Sequence[Array], moves: Sequence[Array], weights: Sequence[float]
) -> tuple[Array, Array]:
    """The sum of the moves whose sign agrees, and the sum of their weights."""
    total, share = np.zeros_like(moves[0]), np.zeros_like(moves[0])
    for sign, move, weight in zip(signs, moves, weights, strict=True):
        agrees = np.where(positive, sign > 0, sign < 0)
        total += np.where(agrees, move, 0)
        share += agrees * share.dtype.type(weight)
    return total, share


def largest(differences: Sequence[Array]) -> Array:
    """The one with the largest magnitude (MagMax, Marczak et al. 2024, arXiv 2407.06322).

    Of equal magnitudes the first fine-tune's counts.
    """
    found = differences[0].copy()
    for one in differences[1:]:
        np.copyto(found, one, where=np.abs(one) > np.abs(found))
    return found
