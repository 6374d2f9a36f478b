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

from mubench_gen.scores.interval import effective_items

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Verdict = Literal[
    "equivalent", "no worse", "no better", "better", "worse", "not known"
]  # of the first, by a margin

SCORE, STUDENT = "score test", "Student's t"

_POWER = 0.8
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Two series of values on the same items.

    first, second: their means over items; difference: first − second. ahead, behind: the sums
    over items by which the first, or the second, is better. ci95: of the difference, by Tango's
    score interval with the effective sample size of clustered data. p: two-sided, of the test
    that the interval inverts: below 0.05 exactly if the interval excludes 0. detectable: the
    smallest true difference that this test would find in 80 % of such samples, at 5 % or at the
    adjusted level; None if there is none. size: the number of independent pairs with the same
    information; freedom: degrees of freedom of the quantile.
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

    def interval_at(self, quantile: float) -> tuple[float, float]:
        """The interval by another quantile than that of 95 %, as for a simultaneous band."""
        if self.size is None:
            wider = quantile / two_sided(0.05, self.freedom)
            low, high = (self.difference + wider * (end - self.difference) for end in self.ci95)
            return (low, high)
        shares = self.ahead / self.n, self.behind / self.n
        return score_interval(*shares, size=self.size, quantile=quantile)

    def at_level(self, level: float) -> PairedDifference:
        """With what is detectable at another two-sided level than 5 %."""
        quantile = two_sided(level, self.freedom)
        if self.size is None:
            usual = two_sided(0.05, self.freedom)
            error = (self.ci95[1] - self.ci95[0]) / 2 / usual
            return replace(self, detectable=(quantile + _beta()) * error)
        discordance = (self.ahead + self.behind) / self.n
        return replace(self, detectable=detectable(self.size, discordance, quantile=quantile))


def two_sided(level: float, freedom: float) -> float:
    """The quantile of Student's t beyond which, on both sides, `level` of it lies.

    `freedom` below 1 counts as 1.
    """
    from scipy.special import stdtrit

    return float(stdtrit(max(1.0, freedom), 1 - level / 2))


def chance_beyond(statistic: float, freedom: float) -> float:
    """The two-sided p of a value of Student's t; the inverse of `two_sided`."""
    from scipy.special import stdtr

    return float(min(1.0, 2 * stdtr(max(1.0, freedom), -abs(statistic))))


def compare_pair(
    first: npt.ArrayLike, second: npt.ArrayLike, images: npt.ArrayLike
) -> PairedDifference:
    """Compare two series of values between 0 and 1 on the same items, one or more.

    `images` has each item's image, any integers. Raises ValueError without items.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    n = len(one)
    if not n:
        raise ValueError("no items to compare")
    _, image = np.unique(np.asarray(images), return_inverse=True)
    count = int(image.max()) + 1
    each = one - other
    totals: Floats = np.bincount(image, weights=each).astype(np.float64)
    ahead, behind = float(each[each > 0].sum()), float(-each[each < 0].sum())
    size = effective_size(each, totals, np.bincount(image))
    freedom = count - 1
    quantile = two_sided(0.05, freedom)
    return PairedDifference(
        n=n,
        images=count,
        first=float(one.mean()),
        second=float(other.mean()),
        difference=(ahead - behind) / n,
        ahead=ahead,
        behind=behind,
        ci95=score_interval(ahead / n, behind / n, size=size, quantile=quantile),
        p=chance_beyond(score_of_none(ahead / n, behind / n, size=size), freedom),
        test=SCORE,
        detectable=detectable(size, (ahead + behind) / n, quantile=quantile),
        size=size,
        freedom=freedom,
    )


def compare_means(
    first: npt.ArrayLike, second: npt.ArrayLike, images: npt.ArrayLike
) -> PairedDifference:
    """Compare two series of values of any size on the same items, of two images or more.

    Interval and p are of Student's t with the cluster-robust variance. Raises ValueError with
    fewer than two images.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    _, image = np.unique(np.asarray(images), return_inverse=True)
    n, count = len(one), int(image.max(initial=-1)) + 1
    if count < 2:
        raise ValueError("fewer than two images to compare on")
    each = one - other
    totals: Floats = np.bincount(image, weights=each).astype(np.float64)
    mean = float(each.mean())
    between = float(((totals - mean * np.bincount(image)) ** 2).sum())
    error = math.sqrt(count / (count - 1) * between) / n
    quantile = two_sided(0.05, count - 1)
    return PairedDifference(
        n=n,
        images=count,
        first=float(one.mean()),
        second=float(other.mean()),
        difference=mean,
        ahead=float(each[each > 0].sum()),
        behind=float(-each[each < 0].sum()),
        ci95=(mean - quantile * error, mean + quantile * error),
        p=_of_mean(mean, error, count - 1),
        test=STUDENT,
        detectable=(quantile + _beta()) * error,
        size=None,
        freedom=count - 1,
    )


def compare_strata(
    first: npt.ArrayLike, second: npt.ArrayLike, images: npt.ArrayLike, strata: npt.ArrayLike
) -> PairedDifference:
    """Compare means over strata (tasks, data sets) of their means, whatever their sizes.

    `strata` has each item's stratum, any integers; values are between 0 and 1. Interval and p
    are of Student's t with the cluster-robust variance of the linearised mean; where no item
    says anything of that, from the strata's own intervals (Zou & Donner 2008). `ahead` and
    `behind` are sums of items weighted so that each stratum counts the same.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    n = len(one)
    if not n:
        raise ValueError("no items to compare")
    _, image = np.unique(np.asarray(images), return_inverse=True)
    _, stratum, sizes = np.unique(np.asarray(strata), return_inverse=True, return_counts=True)
    each, weight = one - other, (1 / sizes / len(sizes))[stratum]
    means = np.bincount(stratum, weights=each) / sizes
    difference, count = float(means.mean()), int(image.max()) + 1
    totals = np.bincount(image, weights=weight * (each - means[stratum]))
    error = math.sqrt(count / max(1, count - 1) * float((totals**2).sum()))
    quantile = two_sided(0.05, count - 1)
    if count > 1 and error > _EQUAL:
        below = above = quantile * error
        p = _of_mean(difference, error, count - 1)
    else:
        of_each = [compare_pair(one[here], other[here], image[here])
                   for here in (stratum == code for code in range(len(sizes)))]  # fmt: skip
        below, above = (
            math.hypot(*(found.ci95[side] - found.difference for found in of_each)) / len(sizes)
            for side in (0, 1)
        )
        p = compare_pair(one, other, image).p
        error = max(below, above) / quantile
    return PairedDifference(
        n=n,
        images=count,
        first=float((weight * one).sum()),
        second=float((weight * other).sum()),
        difference=difference,
        ahead=n * float((weight * each.clip(0)).sum()),
        behind=n * float((weight * (-each).clip(0)).sum()),
        ci95=(max(-1.0, difference - below), min(1.0, difference + above)),
        p=p,
        test=STUDENT,
        detectable=(quantile + _beta()) * error,
        size=None,
        freedom=count - 1,
    )


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


def effective_size(each: Floats, totals: Floats, sizes: Integers) -> float:
    """The number of independent right-or-wrong pairs with the same information.

    `each` are the items' differences, `totals` and `sizes` their sums and numbers by image.
    """
    mean = float(each.mean())
    return effective_items(
        len(each),
        len(totals),
        float(np.abs(each).mean()) - mean**2,
        spread=float(((each - mean) ** 2).sum()),
        between=float(((totals - mean * sizes) ** 2).sum()),
    )


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


def detectable(
    size: float, discordance: float, *, quantile: float = 1.959964, power: float = _POWER
) -> float | None:
    """The smallest difference that a paired comparison finds with that power (Connor 1987).

    `size` independent pairs, of which the share `discordance` is right in one series alone;
    a difference needs at least as much discordance as its own size. None if not even a
    difference of 1 would be found.
    """
    beta = NormalDist().inv_cdf(power)

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


def _of_mean(mean: float, error: float, freedom: int) -> float:
    if error > 0:
        return chance_beyond(mean / error, freedom)
    return 1.0 if mean == 0 else 0.0


def _beta() -> float:
    return NormalDist().inv_cdf(_POWER)
