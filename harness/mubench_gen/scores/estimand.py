"""What is estimated: a weighted mean over items in clusters, and how precisely it is known.

Weights say what the mean is of (each item alike, or each task or data set alike), strata whose
numbers of items are fixed, clusters which items are drawn together: those of an image, a slide, a
donor. From them each cluster gets one influence: by how much it moves the mean. Variances,
degrees of freedom, intervals and tests of a mean are all computed from the influences.
docs/statistics.md explains the formulas, with their sources and how often the intervals hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.scores.crossing import ways_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_EQUAL = 1e-12
_MOST_FREEDOM = 3  # times that of the robust variance alone


@dataclass(frozen=True, slots=True, eq=False)
class Estimand:
    """A weighted mean as sums by cluster, arrays with one entry per kind of cluster.

    value: the mean. counts: how many clusters are of this kind. weights, squares: the sums of
    a cluster's item weights and of their squares; all weights add up to 1. influences: the sum
    of weight × (value − the mean of its stratum). within: the weighted sum of squares about the
    cluster's own mean. kept: the share of an influence's variance that is left once the means
    are fitted (1 − leverage). variance: of the items' values within strata, weighted; unbiased:
    the same, corrected for the fitted means.
    """

    value: float
    items: int
    counts: Floats
    weights: Floats
    squares: Floats
    influences: Floats
    within: Floats
    kept: Floats
    variance: float
    unbiased: float

    @property
    def clusters(self) -> int:
        return round(float(self.counts.sum()))

    @property
    def worth(self) -> float:
        """The number of equally heavy clusters with the same information (Kish 1965)."""
        return 1 / float(self.counts @ self.weights**2)

    @property
    def heaviest(self) -> float:
        """The share of the weight that the heaviest cluster has."""
        return float(self.weights.max())

    @property
    def correlation(self) -> float:
        """The correlation of two items of a cluster, from 0 to 1 (Fleiss & Cuzick 1979).

        1 where all values are equal, which says nothing of it.
        """
        if self.variance < _EQUAL:
            return 1.0
        pairs = 1 - float(self.counts @ (self.squares / self.weights))
        if pairs < _EQUAL:
            return 0.0
        within = float(self.counts @ self.within)
        return min(1.0, max(0.0, 1 - within / (self.variance * pairs)))

    def precision(self) -> Precision:
        """How well the mean is known."""
        correlation = self.correlation
        each = (1 - correlation) * self.squares + correlation * self.weights**2
        free = max(1.0, 1 / float(self.counts @ each) - 1)
        if self.clusters < 2:
            return Precision(0.0, self.worth, 1.0, 1.0)
        if self.variance < _EQUAL:
            return Precision(0.0, self.worth, free, free)
        usable = self.kept > _EQUAL
        robust = float((self.counts * self.influences**2)[usable] @ (1 / self.kept[usable]))
        variance = max(robust, self.unbiased * float(self.counts @ each))
        alone = max(1.0, _satterthwaite(self.counts, self.weights, each))
        freedom = min(_MOST_FREEDOM * alone, free)
        return Precision(variance, self.unbiased / self.variance / variance, freedom, alone)


@dataclass(frozen=True, slots=True)
class Precision:
    """How well a mean is known. variance: of the mean; 0 where all values are equal.

    worth: the number of independent items per unit of their variance; without any variance, the
    number of equally heavy clusters. freedom: degrees of freedom of Student's t for a share,
    whose variance its mean tells in part; robust_freedom: for values of any size.
    """

    variance: float
    worth: float
    freedom: float
    robust_freedom: float

    def size(self, reference: float) -> float:
        """The number of independent items whose variance is `reference` that tell as much."""
        return self.worth * reference if self.variance else self.worth

    @property
    def error(self) -> float:
        """The standard error."""
        return math.sqrt(self.variance)


def estimand(
    values: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
) -> Estimand:
    """The mean of the items' values, each in its cluster and stratum (any integers).

    `weights` need not add up to 1; without them all items weigh the same. ValueError without
    items.
    """
    value = np.asarray(values, np.float64)
    if not len(value):
        raise ValueError("no items to estimate from")
    _, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    ones = np.ones(len(value))
    return _of_cells(
        cluster,
        np.zeros(len(value), np.int64) if strata is None else np.asarray(strata),
        ones,
        value,
        value**2,
        ones if weights is None else np.asarray(weights, np.float64),
        np.ones(int(cluster.max()) + 1),
    )


def estimands(
    values: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
) -> list[Estimand]:
    """The mean by one clustering, or by two and by both (`clusters` as in `crossing.ways_of`)."""
    return [estimand(values, way, weights=weights, strata=strata) for way in ways_of(clusters)]


def estimand_of_sums(
    sizes: npt.ArrayLike,
    sums: npt.ArrayLike,
    squares: npt.ArrayLike,
    counts: npt.ArrayLike | None = None,
) -> Estimand:
    """The mean of items of equal weight from sums by cluster: items, values, squared values.

    `counts`: how many clusters have these sums; 1 by default. ValueError without clusters.
    """
    size = np.asarray(sizes, np.float64)
    if not len(size):
        raise ValueError("no clusters to estimate from")
    cluster = np.arange(len(size))
    many = np.ones(len(size)) if counts is None else np.asarray(counts, np.float64)
    zeros, ones = np.zeros(len(size), np.int64), np.ones(len(size))
    return _of_cells(
        cluster, zeros, size, np.asarray(sums, float), np.asarray(squares, float), ones, many
    )


def estimand_of_cells(
    clusters: npt.ArrayLike,
    strata: npt.ArrayLike,
    sizes: npt.ArrayLike,
    sums: npt.ArrayLike,
    squares: npt.ArrayLike,
    counts: npt.ArrayLike,
    *,
    equal: bool = False,
) -> Estimand:
    """The mean from cells, each some items of one cluster and stratum (any integers).

    `sums`, `squares`: of a cell's values. `counts`: how many clusters have the cells of this
    one, the same in all its cells. `equal`: every stratum has the same weight (macro), not every
    item. ValueError without items.
    """
    size = np.asarray(sizes, np.float64)
    if not len(size):
        raise ValueError("no items to estimate from")
    _, first, cluster = np.unique(np.asarray(clusters), return_index=True, return_inverse=True)
    _, code = np.unique(np.asarray(strata), return_inverse=True)
    many = np.asarray(counts, np.float64)
    weights = np.ones(len(size))
    if equal:
        weights = 1 / np.bincount(code, weights=size * many)[code]
    total, square = np.asarray(sums, np.float64), np.asarray(squares, np.float64)
    return _of_cells(cluster, code, size, total, square, weights, many[first])


def _of_cells(
    cluster: Integers,
    strata: Integers,
    sizes: Floats,
    sums: Floats,
    squares: Floats,
    weights: Floats,
    counts: Floats,
) -> Estimand:
    """From cells: some items of one cluster and stratum, each of the same weight."""
    _, stratum = np.unique(strata, return_inverse=True)
    many = counts[cluster]
    raw = _sums(stratum, many * weights * sizes)
    means = _sums(stratum, many * weights * sums) / raw
    of_strata, weights = raw / raw.sum(), weights / raw.sum()
    mean = means[stratum]

    def by_cluster(each: Floats) -> Floats:
        return _sums(cluster, each, len(counts))

    weight, square = by_cluster(weights * sizes), by_cluster(weights**2 * sizes)
    influence = by_cluster(weights * (sums - sizes * mean))
    about = by_cluster(weights * (squares - 2 * mean * sums + sizes * mean**2))
    variance = max(0.0, float(counts @ about))
    return Estimand(
        value=float(of_strata @ means) if len(means) > 1 else float(means[0]),
        items=round(float(many @ sizes)),
        counts=counts,
        weights=weight,
        squares=square,
        influences=influence,
        within=np.maximum(0.0, about - influence**2 / weight),
        kept=1 - _leverage(cluster, stratum, sizes, weights, many, len(counts)) / square,
        variance=variance,
        unbiased=variance / _fitted(stratum, sizes, weights, many, of_strata),
    )


def _leverage(
    cluster: Integers, stratum: Integers, sizes: Floats, weights: Floats, many: Floats, rows: int
) -> Floats:
    """What the fitted means take of the variance of each cluster's influence, for independent
    items of variance 1: 2 Σ q w / W − Σ w² Q / W² over its strata."""
    width = int(stratum.max()) + 1
    place = cluster * width + stratum
    there, code = np.unique(place, return_inverse=True)
    weight, square = _sums(code, weights * sizes), _sums(code, weights**2 * sizes)
    layer = there % width
    all_weights = _sums(stratum, many * weights * sizes)[layer]
    all_squares = _sums(stratum, many * weights**2 * sizes)[layer]
    taken = 2 * square * weight / all_weights - weight**2 * all_squares / all_weights**2
    return _sums(there // width, taken, rows)


def _fitted(
    stratum: Integers, sizes: Floats, weights: Floats, many: Floats, of_strata: Floats
) -> float:
    """The part of the items' variance that is left about fitted means, one a stratum."""
    squares = _sums(stratum, many * weights**2 * sizes)
    return max(_EQUAL, 1 - float((squares / of_strata).sum()))


def _sums(codes: Integers, values: Floats, width: int = 0) -> Floats:
    """The sums of the values by code."""
    return np.bincount(codes, weights=values, minlength=width).astype(np.float64)


def _satterthwaite(counts: Floats, weights: Floats, each: Floats) -> float:
    """Degrees of freedom of the bias-reduced variance (CR2; Bell & McCaffrey 2002) of a mean,
    if clusters vary by `each`, their items' correlation included (Imbens & Kolesár 2016)."""
    usable = weights < 1 - _EQUAL
    counts, weights, each = counts[usable], weights[usable], each[usable]
    scale = 1 / (1 - weights)
    total = float(counts @ each)
    ww, we, ee = (float((counts * scale) @ x) for x in (weights**2, weights * each, each**2))
    first = float((counts * scale) @ each) - 2 * we + total * ww
    across = 2 * ww * ee + 2 * we**2 + total**2 * ww**2 - 4 * total * ww * we
    own = -2 * weights * each + total * weights**2
    second = across + float((counts * scale**2) @ (each**2 + 2 * each * own))
    return first**2 / second if second > 0 else 1.0
