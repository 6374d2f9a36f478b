"""Intervals of a mean difference that hold at every look, for studies that stop when decided.

Source: I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting",
Journal of the Royal Statistical Society B 86 (2024) 1–27: the hedged capital process with bets
that approximately grow the capital fastest ("aGRAPA"). The probability that the true mean is
outside at *any* sample size is at most `error`, however often one looks and whenever one stops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_STEPS = 400  # of the grid of means, between -1 and 1
_TRUNCATED = 0.75  # of the largest bet that cannot lose everything
_ADAPTING = 1.4
_BLOCK = 4_096  # values at a time


def anytime_interval(differences: Sequence[float], *, error: float) -> tuple[float, float]:
    """The means between -1 and 1 that the differences, in the order of sampling, leave possible.

    Both ends are ruled out themselves (or are -1 and 1), so that a mean of 0 is excluded if an end
    is 0. Resolution: 0.005.
    """
    values = (np.asarray(differences, np.float64) + 1) / 2
    means = np.linspace(0, 1, _STEPS + 1)
    up, down = (side >= math.log(1 / error) for side in _capital(values, means))
    low = int(np.argmin(up)) - 1  # up to here it pays to bet on more
    high = len(means) - int(np.argmin(down[::-1]))
    if low >= high:  # rare: the evidence pointed both ways in turn
        low, high = high - 1, low + 1
    return max(2 * low / _STEPS - 1, -1.0), min(2 * high / _STEPS - 1, 1.0)


def _capital(values: Floats, means: Floats) -> tuple[Floats, Floats]:
    """The logarithm of the greatest capital so far of bets on more than each mean, and on less."""
    expected, variance = _before(values)
    up, down = np.zeros(len(means)), np.zeros(len(means))
    most_of_up, most_of_down = np.full((2, len(means)), -np.inf)
    with np.errstate(divide="ignore"):
        most_up, most_down = _TRUNCATED / means, _TRUNCATED / (1 - means)
    for start in range(0, len(values), _BLOCK):
        block = slice(start, start + _BLOCK)
        apart = values[block, None] - means
        likely = expected[block, None] - means
        bet = likely / (variance[block, None] + likely**2)
        ups = up + np.cumsum(np.log1p(np.clip(bet, 0, most_up) * apart), axis=0)
        downs = down + np.cumsum(np.log1p(-np.clip(-bet, 0, most_down) * apart), axis=0)
        most_of_up = np.maximum(most_of_up, ups.max(axis=0))
        most_of_down = np.maximum(most_of_down, downs.max(axis=0))
        up, down = ups[-1], downs[-1]
    half = math.log(0.5)  # of the capital is on each side
    return most_of_up + half, most_of_down + half


def _before(values: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the values before each one, with one more at 1/2 before all."""
    times = np.arange(1, len(values) + 1)
    mean = (0.5 + np.cumsum(values)) / (times + 1)
    variance = (0.25 + np.cumsum((values - mean) ** 2)) / (times + 1)
    return np.concatenate(([0.5], mean[:-1])), np.concatenate(([0.25], variance[:-1]))


def images_to_decide(differences: Sequence[float], *, error: float) -> int | None:
    """About how many images in all would exclude a mean of 0 if they go on like these.

    The capital of the best constant bet grows by a constant factor an image; in simulations the
    adaptive bets took 1.2 to 1.5 times as many. None if the mean is 0. A number to plan with.
    """
    values = np.asarray(differences, np.float64)
    if not len(values) or not values.mean():
        return None
    apart = values * math.copysign(1, values.mean())
    bets = np.linspace(0.005, 0.995, 199)[:, None]
    growth = float(np.log1p(bets * apart).mean(axis=1).max())
    return math.ceil(_ADAPTING * math.log(2 / error) / growth) if growth > 0 else None
