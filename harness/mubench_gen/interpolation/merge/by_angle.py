"""Methods that weigh whole tensors by the angles between them: Model Stock and Karcher's mean."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mubench_gen.interpolation.merge.tensors import Array

_STEPS = 100  # Karcher's mean of nearby directions needs three or four
_CLOSE = 1e-12  # a step so short changes no weight


def products(base: Array, finetuned: Sequence[Array]) -> Array:
    """Inner products of a chunk: of the base and each difference from it, (1 + n, 1 + n)."""
    vectors = np.stack([base, *(one - base for one in finetuned)])
    found: Array = (vectors @ vectors.T).astype(np.float64)
    return found


def stock_ratio(gram: Array) -> float:
    """How far Model Stock goes from the base towards the fine-tunes' mean.

    Jang et al. 2024 (arXiv 2403.19522): t = N·cos/(1 + (N − 1)·cos), with the mean cosine of
    all pairs of differences. Differences that point apart on the whole give 0, the base.
    """
    differences = gram[1:, 1:]
    lengths = np.sqrt(np.diagonal(differences))
    scale = np.outer(lengths, lengths)
    cosines = np.divide(differences, scale, out=np.zeros_like(differences), where=scale > 0)
    count = len(lengths)
    pairs = cosines[np.triu_indices(count, k=1)]
    cosine = max(float(np.clip(pairs, -1, 1).mean()), 0.0)
    return count * cosine / (1 + (count - 1) * cosine)


def karcher_weights(gram: Array, shares: Sequence[float]) -> tuple[float, ...]:
    """The factors of base and fine-tunes whose sum is their weighted mean on the sphere.

    `shares`: of the base and each fine-tune, with the sum 1. The mean has the weighted mean of
    their lengths. Where one tensor is zero, it has no direction, and the others count.
    """
    full = _of_models(gram)
    lengths = np.sqrt(np.maximum(np.diagonal(full), 0))
    weights = np.where(lengths > 0, np.asarray(shares, np.float64), 0)
    if not weights.sum():
        return tuple(map(float, shares))
    weights /= weights.sum()
    inverse = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    directions = full * np.outer(inverse, inverse)  # cosines between the models
    found = _on_sphere(directions, weights)
    scale = float(np.dot(shares, lengths))
    return tuple(float(one) for one in scale * found * inverse)


def _of_models(gram: Array) -> Array:
    """Inner products of base and fine-tunes, from those of base and differences."""
    count = len(gram)
    mixing = np.eye(count)
    mixing[1:, 0] = 1
    found: Array = mixing @ gram @ mixing.T
    return found


def _on_sphere(cosines: Array, weights: Array) -> Array:
    """Karcher's mean of unit vectors, as factors of them; it starts from their weighted sum."""
    at = _unit(weights, cosines)
    for _ in range(_STEPS):
        towards = np.zeros_like(at)
        for number, weight in enumerate(weights):
            cosine = float(np.clip(cosines[number] @ at, -1, 1))
            angle = math.acos(cosine)
            sine = math.sin(angle)
            if not weight or sine < _CLOSE:
                continue
            ray = -cosine * at
            ray[number] += 1
            towards += weight * angle / sine * ray
        length = math.sqrt(max(float(towards @ cosines @ towards), 0))
        if length < _CLOSE:
            break
        at = _unit(math.cos(length) * at + math.sin(length) / length * towards, cosines)
    return at


def _unit(factors: Array, cosines: Array) -> Array:
    length = math.sqrt(max(float(factors @ cosines @ factors), 0))
    if length < _CLOSE:  # opposite directions: any of them
        factors = np.eye(len(factors))[int(np.argmax(factors))]
        length = 1.0
    found: Array = factors / length
    return found
