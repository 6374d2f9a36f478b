"""The interval of the published tables: the basic bootstrap of a mean of zeros and ones."""

from __future__ import annotations

from dataclasses import dataclass

RESAMPLES = 9_999


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """The basic interval [low, high] of a share, and |high − share|, the "±" of the paper."""

    low: float
    high: float
    half_width: float


def basic_bootstrap(
    right: int, n: int, *, resamples: int = RESAMPLES, seed: int = 0, confidence: float = 0.95
) -> Bootstrapped:
    """Of `right` in `n` items, n ≥ 1. The same seed gives the same interval.

    Drawing n of n zeros and ones with replacement and counting the ones is one binomial
    draw: the resamples have the same distribution at a thousandth of the cost. Items count as
    independent, as in the paper; our own intervals are clustered by image.
    """
    import numpy as np

    share = right / n
    drawn = np.random.default_rng(seed).binomial(n, share, size=resamples) / n
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(drawn, [tail, 1 - tail])
    low, high = float(2 * share - upper), float(2 * share - lower)
    return Bootstrapped(low, high, abs(high - share))
