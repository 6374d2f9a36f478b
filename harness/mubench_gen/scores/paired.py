"""Paired statistics on arrays: the same items answered twice, clustered by image.

An item's value is 0 or 1, or the mean over its orders, prompts or repeats. docs/statistics.md
explains each number, with the sources. `joint.py` tests several differences together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from mubench_gen.scores.estimand import Estimand, Precision, estimands
from mubench_gen.scores.estimate import cautions, crossed, weightiest
from mubench_gen.scores.quantile import student, student_p

Floats = npt.NDArray[np.float64]
Verdict = Literal[
    "equivalent", "no worse", "no better", "better", "worse", "not known"
]  # of the first, by a margin

SCORE, STUDENT = "score test", "Student's t"

_POWER = 0.8


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Two series of values on the same items.

    first, second: their means over items; difference: first − second. ahead, behind: the sums
    over items by which the first, or the second, is better. ci95: of the difference, by Tango's
    score interval with the effective sample size of clustered data. p: two-sided, of the test
    that the interval inverts: below 0.05 exactly if the interval excludes 0. detectable: the
    smallest true difference that this test would find in 80 % of such samples, at 5 % or at the
    adjusted level; None if there is none. size: the number of independent pairs with the same
    information, None of means; freedom: degrees of freedom of the quantile. worth: the number of
    equally heavy images with the same information; cautions: where the interval may not hold.
    """

    n: int
    images: int
    first: float
    second: float
    difference: float
    ahead: float
    behind: float
    ci95: tuple[float, float]
    p: float
    test: str
    detectable: float | None
    size: float | None
    freedom: float
    worth: float
    cautions: tuple[str, ...]

    def interval_at(self, quantile: float) -> tuple[float, float]:
        """The interval by another quantile than that of 95 %, as for a simultaneous band."""
        if self.size is None:
            wider = quantile / student(0.95, self.freedom)
            low, high = (self.difference + wider * (end - self.difference) for end in self.ci95)
            return (low, high)
        shares = self.ahead / self.n, self.behind / self.n
        return score_interval(*shares, size=self.size, quantile=quantile)

    def at_level(self, level: float) -> PairedDifference:
        """With what is detectable at another two-sided level than 5 %."""
        quantile = student(1 - level, self.freedom)
        if self.size is None:
            usual = student(0.95, self.freedom)
            error = (self.ci95[1] - self.ci95[0]) / 2 / usual
            return replace(self, detectable=(quantile + _beta()) * error)
        discordance = (self.ahead + self.behind) / self.n
        return replace(self, detectable=detectable(self.size, discordance, quantile=quantile))


def compare_pair(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    images: npt.ArrayLike,
    *,
    strata: npt.ArrayLike | None = None,
    noun: str = "image",
) -> PairedDifference:
    """Compare two series of values between 0 and 1 on the same items, one or more.

    `images` has each item's image, or other cluster (`noun`), any integers; of two clusterings at
    once as in `crossing.ways_of`. With `strata` (each item's task or data set, any integers) all
    means are over strata of their means, whatever their sizes; `ahead` and `behind` are then sums
    of items weighted so that each stratum counts the same. Raises ValueError without items.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    n = len(one)
    if not n:
        raise ValueError("no items to compare")
    weights = weights_of(n, strata)
    each = one - other
    found, known, worth, told = _estimated(each, images, weights, strata, noun)
    ahead, behind = (_mean(one_way, weights, strata) for one_way in (each.clip(0), (-each).clip(0)))
    size = known.size(ahead + behind - found.value**2)
    freedom = known.freedom
    quantile = student(0.95, freedom)
    return PairedDifference(
        n=n,
        images=found.clusters,
        first=_mean(one, weights, strata),
        second=_mean(other, weights, strata),
        difference=ahead - behind,
        ahead=n * ahead,
        behind=n * behind,
        ci95=score_interval(ahead, behind, size=size, quantile=quantile),
        p=student_p(score_of_none(ahead, behind, size=size), freedom),
        test=SCORE,
        detectable=detectable(size, ahead + behind, quantile=quantile),
        size=size,
        freedom=freedom,
        worth=worth,
        cautions=told,
    )


def compare_means(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    images: npt.ArrayLike,
    *,
    strata: npt.ArrayLike | None = None,
    noun: str = "image",
) -> PairedDifference:
    """Compare two series of values of any size on the same items, of two images or more.

    `strata`, `noun` as in `compare_pair`. Interval and p are of Student's t with the cluster-robust
    variance. Raises ValueError with fewer than two images.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if len(np.unique(np.asarray(images), axis=0)) < 2:
        raise ValueError("fewer than two images to compare on")
    n = len(one)
    weights = weights_of(n, strata)
    each = one - other
    found, known, worth, told = _estimated(each, images, weights, strata, noun)
    error, freedom = known.error, known.robust_freedom
    quantile = student(0.95, freedom)
    return PairedDifference(
        n=n,
        images=found.clusters,
        first=_mean(one, weights, strata),
        second=_mean(other, weights, strata),
        difference=found.value,
        ahead=n * _mean(each.clip(0), weights, strata),
        behind=n * _mean((-each).clip(0), weights, strata),
        ci95=(found.value - quantile * error, found.value + quantile * error),
        p=_of_mean(found.value, error, freedom),
        test=STUDENT,
        detectable=(quantile + _beta()) * error,
        size=None,
        freedom=freedom,
        worth=worth,
        cautions=told,
    )


def _estimated(
    each: Floats, images: npt.ArrayLike, weights: Floats, strata: npt.ArrayLike | None, noun: str
) -> tuple[Estimand, Precision, float, tuple[str, ...]]:
    """The mean by the first clustering, its precision by all, how many clusters it is worth, and
    the cautions.
    """
    found, *also = estimands(each, images, weights=weights, strata=strata)
    heaviest, worth = weightiest(found, also)
    told = cautions(worth, heaviest, found.clusters, noun)
    return found, crossed(found, also), worth, told


def _mean(values: Floats, weights: Floats, strata: npt.ArrayLike | None) -> float:
    """Without rounding errors where all items weigh the same."""
    return float(values.mean() if strata is None else weights @ values)


def weights_of(items: int, strata: npt.ArrayLike | None) -> Floats:
    """Each item's weight in a mean of all, or of the means of strata; they sum to 1."""
    if strata is None:
        return np.full(items, 1 / max(1, items))
    _, stratum, sizes = np.unique(np.asarray(strata), return_inverse=True, return_counts=True)
    found: Floats = (1 / sizes / len(sizes))[stratum]
    return found


def verdict(ci95: tuple[float, float], margin: float) -> Verdict:
    """What an interval of first − second says of the first, by a margin above 0.

    "equivalent": within the margin on both sides; "no worse", "no better": on that side;
    "better", "worse": by more than the margin. Each side is a test at 2.5 % (the interval's own
    level; ICH E9, section 3.3.2), so equivalence is shown by two of them (Schuirmann 1987).
    """
    low, high = ci95
    if low >= margin:
        return "better"
    if high <= -margin:
        return "worse"
    if low > -margin:
        return "equivalent" if high < margin else "no worse"
    return "no better" if high < margin else "not known"


def score_interval(
    ahead: float, behind: float, *, size: float, quantile: float
) -> tuple[float, float]:
    """Tango's score interval (1998) of a paired difference of shares, ahead − behind.

    `ahead` and `behind` are the shares of pairs in which the first, the second alone is
    right; `size` is the number of pairs, which need not be whole.
    """
    difference = ahead - behind

    def score(true: float) -> float:
        middle = 2 * true - (ahead + behind) - difference * true
        root = math.sqrt(max(0.0, middle**2 + 8 * behind * true * (1 - true)))
        variance = (root - middle) / 2 + true * (1 - true)
        distance = difference - true
        if variance <= 0:
            return math.copysign(math.inf, distance) if distance else 0.0
        return distance * math.sqrt(size / variance)

    def limit(end: float) -> float:
        inside, outside = difference, end
        for _ in range(60):
            middle = (inside + outside) / 2
            if abs(score(middle)) < quantile:
                inside = middle
            else:
                outside = middle
        return inside

    return limit(-1.0), limit(1.0)


def detectable(size: float, discordance: float, *, quantile: float = 1.959964) -> float | None:
    """The smallest difference that a paired comparison finds in 80 % of samples (Connor 1987).

    `size` independent pairs, of which the share `discordance` is right in one series alone;
    a difference needs at least as much discordance as its own size. None if not even a
    difference of 1 would be found.
    """
    beta = _beta()

    def found(difference: float) -> bool:
        apart = max(discordance, difference)
        spread = math.sqrt(max(0.0, apart - difference**2))
        return difference * math.sqrt(size) >= quantile * math.sqrt(apart) + beta * spread

    if not found(1.0):
        return None
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def score_of_none(ahead: float, behind: float, *, size: float) -> float:
    """Tango's score of no difference, which is McNemar's; arguments as in `score_interval`."""
    discordance = ahead + behind
    return (ahead - behind) * math.sqrt(size / discordance) if discordance > 0 else 0.0


def _of_mean(mean: float, error: float, freedom: float) -> float:
    if error > 0:
        return student_p(mean / error, freedom)
    return 1.0 if mean == 0 else 0.0


def _beta() -> float:
    return NormalDist().inv_cdf(_POWER)
