"""Confidence intervals for a share of right answers, clustered by image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Protocol, TypeVar

_Cluster = TypeVar("_Cluster", covariant=True)
_EQUAL = 1e-9


class Counted(Protocol[_Cluster]):
    """A sized collection that can be iterated repeatedly."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[_Cluster]: ...


def clustered_interval(
    clusters: Counted[tuple[int, int]], confidence: float = 0.95
) -> tuple[float, float] | None:
    """Wilson's interval with the effective sample size of clustered data.

    `clusters` are (items, right) an image; None where there is no item. The effective size
    is the number of items over the design effect: the cluster-robust (linearised) variance
    of the ratio over that of as many independent items, taken as 1 at least. So it is the
    number of items where each image has one. At 0 % and 100 %, where that variance says
    nothing, it is the number of images. The quantile is Student's t with images − 1 degrees
    of freedom (Wilson 1927; Korn & Graubard 1998 for the effective size in a score interval).
    """
    items = sum(n for n, _ in clusters)
    if not items:
        return None
    groups, share = len(clusters), sum(right for _, right in clusters) / items
    between = math.fsum((right - share * n) ** 2 for n, right in clusters)
    spread = items * share * (1 - share)
    return share_interval(share, items, groups, spread=spread, between=between, at=confidence)


def share_interval(
    mean: float, items: int, images: int, *, spread: float, between: float, at: float = 0.95
) -> tuple[float, float]:
    """Wilson's interval of a mean of values between 0 and 1; the sums as in `effective_items`."""
    size = effective_items(items, images, mean * (1 - mean), spread=spread, between=between)
    return wilson(mean, size, student(at, images - 1))


def effective_items(
    items: int, images: int, variance: float, *, spread: float, between: float
) -> float:
    """The number of independent items of that variance with the same information.

    spread: the sum over the items of (value − mean)²; between: over the images, of their totals'
    distance from what the mean gives, squared. The number of items over the design effect, taken
    as 1 at least: the cluster-robust (linearised) variance of the mean over that of independent
    items. Where all values are equal, which says nothing of it, the number of images. Values that
    vary less than `variance` says, as means over several records do, are worth more.
    """
    if images < 2 or spread < _EQUAL:
        return float(images)
    robust = images / (images - 1) * between / items**2
    independent = spread / max(1, items - 1) / items
    return items * (variance * items / spread) / max(1.0, robust / independent)


def clustered_mean_interval(
    clusters: Counted[tuple[int, float]],
    confidence: float = 0.95,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> tuple[float, float] | None:
    """The interval of a mean of values: Student's t with the cluster-robust variance.

    `clusters` has (items, sum of their values) per image; None with fewer than two images.
    """
    items, groups = sum(n for n, _ in clusters), len(clusters)
    if groups < 2:
        return None
    mean = math.fsum(total for _, total in clusters) / items
    squares = math.fsum((total - mean * n) ** 2 for n, total in clusters)
    half = student(confidence, groups - 1) * math.sqrt(groups / (groups - 1) * squares) / items
    return max(bounds[0], mean - half), min(bounds[1], mean + half)


def wilson(share: float, size: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval of a share, for sample size `size` (Wilson 1927)."""
    z2 = quantile * quantile / size
    centre = (share + z2 / 2) / (1 + z2)
    half = quantile / (1 + z2) * math.sqrt(share * (1 - share) / size + z2 / (4 * size))
    low = 0.0 if share == 0 else max(0.0, centre - half)
    high = 1.0 if share == 1 else min(1.0, centre + half)
    return low, high


def student(confidence: float, freedom: int) -> float:
    """The two-sided quantile of Student's t.

    Exact for 1 and 2 degrees of freedom, beyond by the Cornish–Fisher expansion (Fisher &
    Cornish 1960): within 0.8 % from 3 on and 0.1 % from 6 on. `freedom` below 1 counts as 1.
    """
    if freedom <= 1:
        return math.tan(math.pi / 2 * confidence)
    if freedom == 2:
        return confidence * math.sqrt(2 / (1 - confidence**2))
    z, v = NormalDist().inv_cdf((1 + confidence) / 2), freedom
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )
