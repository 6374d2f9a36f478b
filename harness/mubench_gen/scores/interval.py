"""Confidence intervals for a share of right answers, clustered by image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mubench_gen.scores.estimand import Estimand
    from mubench_gen.scores.estimate import Estimate


def clustered_interval(clusters: Iterable[tuple[int, int]]) -> tuple[float, float] | None:
    """The 95 % interval of a share from (items, right) by cluster; None without items.

    Wilson's interval (1927) with the effective sample size and degrees of freedom of
    `estimand.Estimand.precision`.
    """
    found = clustered_share(clusters)
    return None if found is None else found.ci95


def clustered_share(clusters: Iterable[tuple[int, int]], *, noun: str = "image") -> Estimate | None:
    """A share from (items, right) by cluster; None without items. `noun`: what a cluster is."""
    from mubench_gen.scores.estimate import share_estimate

    found = estimand_of_shares(Counter(clusters))
    return None if found is None else share_estimate(found, noun=noun)


def estimand_of_shares(clusters: Counter[tuple[int, int]]) -> Estimand | None:
    """A share from how many clusters have (items, right); None without any.

    Bitwise the same for any order.
    """
    from mubench_gen.scores.estimand import estimand_of_sums

    kinds = sorted(clusters.items())
    if not kinds:
        return None
    sizes, right = zip(*(kind for kind, _ in kinds), strict=True)
    return estimand_of_sums(sizes, right, right, [count for _, count in kinds])
