"""Fisher-weighted averaging and RegMean: one difference of all fine-tunes' in a chunk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from mubench_gen.interpolation.merge.arithmetic import decode
from mubench_gen.interpolation.merge.consensus import summed, weighted_sum
from mubench_gen.interpolation.merge.tensors import Array, Tensor, read_whole

# The off-diagonal elements of a Gram matrix are scaled by it (Jin et al. 2023, section 3.3).
_OFF_DIAGONAL = 0.9
# Of the mean of the diagonal, added to it: inputs that are never seen leave the mean.
_RIDGE = 1e-6


def weighted_mean(differences: Sequence[Array], weights: Sequence[float]) -> Array:
    """Of the differences of tensors of which nothing was measured."""
    total = sum(weights)
    return weighted_sum(differences, [one / total for one in weights])


def fisher_difference(
    fishers: Sequence[Tensor],
    weights: Sequence[float],
    span: tuple[int, int],
    numbers: Sequence[Array],
) -> Array:
    """`by_fisher` of a chunk: `numbers` are the base's and each fine-tune's there."""
    base, *finetuned = numbers
    known = [decode(one.read(*span), one.dtype) for one in fishers]
    return by_fisher([one - base for one in finetuned], known, weights)


def by_fisher(
    differences: Sequence[Array], fishers: Sequence[Array], weights: Sequence[float]
) -> Array:
    """Σ wᵢ·Fᵢ·δᵢ / Σ wᵢ·Fᵢ, element by element; the weighted mean where all Fᵢ are 0."""
    shares = [one.astype(np.float64) * w for one, w in zip(fishers, weights, strict=True)]
    total = summed(shares)
    none = total <= 0
    for share, w in zip(shares, weights, strict=True):
        share[none] = w
    total[none] = sum(weights)
    products = [share * one for share, one in zip(shares, differences, strict=True)]
    found: Array = (summed(products) / total).astype(differences[0].dtype)
    return found


def matrix_of(tensor: Tensor) -> Array:
    """The numbers of a tensor that is read as a whole."""
    found: Array = decode(read_whole(tensor), tensor.dtype).reshape(tensor.shape)
    return found


def regmean_factors(grams: Iterable[Array]) -> list[Array]:
    """What each difference (outputs, inputs) is multiplied with from the right: Gᵢ·(ΣG)⁻¹, whose
    sum is the identity. `grams`: (inputs, inputs); of them the off-diagonal is scaled by 0.9.
    """
    scaled = []
    for gram in grams:
        one = gram.astype(np.float64) * _OFF_DIAGONAL
        diagonal = np.diagonal(gram).astype(np.float64)
        np.fill_diagonal(one, diagonal)
        scaled.append(one)
    mean = float(np.mean([np.diagonal(one).mean() for one in scaled])) or 1.0
    for one in scaled:
        np.fill_diagonal(one, np.diagonal(one) + _RIDGE * mean)
    inverse = np.linalg.inv(summed(scaled))
    return [(one @ inverse).astype(np.float32) for one in scaled]


def by_regmean(differences: Sequence[Array], factors: Sequence[Array]) -> Array:
    """Σ δᵢ·Gᵢ·(ΣG)⁻¹ over whole rows."""
    width = len(factors[0])
    kind = differences[0].dtype
    moved = [
        one.reshape(-1, width) @ factor.astype(kind, copy=False)
        for one, factor in zip(differences, factors, strict=True)
    ]
    return summed(moved).reshape(-1)
