"""Means with their intervals, tests and cautions, from what `estimand.py` knows of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mubench_gen.scores.crossing import crossed_variance
from mubench_gen.scores.estimand import Estimand, Precision
from mubench_gen.scores.quantile import student, student_p, wilson

HEAVY = 0.1  # of the weight in one cluster: from here on an estimate carries a caution,
UNEVEN = 1.5  # where that is also so many times its equal share
FEW_CLUSTERS = 15  # equally heavy ones
FEW_ANSWERS = 6  # independent right or wrong ones
_EQUAL = 1e-12


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval; `error` is its standard error.

    size: the number of independent right-or-wrong items with the same information, None of
    a mean that is no share. clusters: images, or what else the items are drawn by; worth: as many
    equally heavy ones; heaviest: the share of the weight in one. cautions: why the interval may
    hold less, or more, often than it says.
    """

    value: float
    ci95: tuple[float, float]
    error: float
    freedom: float
    size: float | None
    clusters: int
    worth: float
    heaviest: float
    cautions: tuple[str, ...] = ()

    def differs_from(self, fixed: float) -> float:
        """Two-sided p of the hypothesis that the true value is `fixed`; agrees with `ci95`."""
        if self.size is None:
            distance = (self.value - fixed) / self.error if self.error else math.inf
            return student_p(distance if self.value != fixed else 0.0, self.freedom)
        spread = math.sqrt(max(_EQUAL, fixed * (1 - fixed)) / self.size)
        return student_p((self.value - fixed) / spread, self.freedom)


def share_estimate(
    found: Estimand, *, also: Sequence[Estimand] = (), noun: str = "image"
) -> Estimate:
    """A mean of values from 0 to 1 with Wilson's interval at the effective size.

    `also`: the same mean by a second clustering and by the intersection of both (two-way).
    `noun`: what a cluster is.
    """
    known = crossed(found, also)
    share = min(1.0, max(0.0, found.value))
    size = known.size(share * (1 - share))
    ci95 = wilson(share, size, student(0.95, known.freedom))
    heaviest, worth = weightiest(found, also)
    told = cautions(worth, heaviest, found.clusters, noun, rare=_rare(share, size))
    return Estimate(
        found.value, ci95, known.error, known.freedom, size, found.clusters, worth, heaviest, told
    )


def mean_estimate(
    found: Estimand,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    *,
    also: Sequence[Estimand] = (),
    noun: str = "image",
) -> Estimate | None:
    """A mean of values of any size with Student's t interval; None with fewer than two clusters.

    `also` and `noun` as in `share_estimate`.
    """
    if found.clusters < 2:
        return None
    known = crossed(found, also)
    half = student(0.95, known.robust_freedom) * known.error
    ci95 = max(bounds[0], found.value - half), min(bounds[1], found.value + half)
    heaviest, worth = weightiest(found, also)
    told = cautions(worth, heaviest, found.clusters, noun)
    freedom = known.robust_freedom
    return Estimate(
        found.value, ci95, known.error, freedom, None, found.clusters, worth, heaviest, told
    )


def crossed(found: Estimand, also: Sequence[Estimand] = ()) -> Precision:
    """The precision by two clusterings at once, as `crossing.py` explains.

    `also` has the second clustering and the intersection; empty: there is one clustering.
    The degrees of freedom are the fewer.
    """
    first = found.precision()
    if not also:
        return first
    second, both = (one.precision() for one in also)
    variance = crossed_variance(first.variance, second.variance, both.variance)
    freedom = min(first.freedom, second.freedom)
    robust = min(first.robust_freedom, second.robust_freedom)
    if not variance:
        return Precision(0.0, min(first.worth, second.worth), freedom, robust)
    return Precision(variance, found.unbiased / found.variance / variance, freedom, robust)


def weightiest(found: Estimand, also: Sequence[Estimand]) -> tuple[float, float]:
    """The share of the weight in one cluster of either clustering, of those that weigh more than
    others; and how many equally heavy clusters the fewer are worth."""
    ways = (found, *also[:1])
    uneven = [one.heaviest for one in ways if one.heaviest > UNEVEN / one.clusters]
    return max(uneven, default=found.heaviest), min(one.worth for one in ways)


def _rare(share: float, size: float) -> str | None:
    if min(share, 1 - share) * size >= FEW_ANSWERS:
        return None
    return "right" if share <= 0.5 else "wrong"


def cautions(
    worth: float, heaviest: float, clusters: int, noun: str = "image", *, rare: str | None = None
) -> tuple[str, ...]:
    """Why an interval may hold less, or more, often than 95 times in 100; empty where none."""
    told = []
    if heaviest > max(HEAVY, UNEVEN / clusters) + _EQUAL:
        told.append(f"one {noun} has {100 * heaviest:.0f} % of the weight")
    if worth < FEW_CLUSTERS:
        told.append(f"worth only {worth:.1f} equally heavy {noun}s")
    if rare is not None:
        told.append(f"fewer than {FEW_ANSWERS} independent {rare} answers")
    return tuple(told)
