"""Joint tests of several paired differences, from one set of random signs of the clusters.

Each test takes `totals`, an array (clusters, comparisons): what each cluster, mostly an image,
adds to each difference. Where no difference exists, a cluster's row is as likely with the other
sign, whatever the comparisons have in common. Of two clusterings at once, `also` has the totals
by the second and by both; no sign of a cluster is then free of the other's, and the tests are of
the limit: Student's t and Hotelling's T² with the covariance of `crossing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mubench_gen.scores.crossing import crossed_rows
from mubench_gen.scores.quantile import student_p

Floats = npt.NDArray[np.float64]
Adjust = Literal["maxt", "holm", "bh", "none"]

DRAWS = 9_999
_MOST_BLOCKS = 2_000
MANY = 1_000  # clusters, from which on a limit is close enough
NONE = 1e-12


@dataclass(frozen=True, slots=True)
class AdjustedFamily:
    """One family of comparisons, adjusted together.

    adjusted: a p value for each comparison. critical: the two-sided quantile of the normal
    distribution that a comparison of the family must pass, for an interval or a power.
    """

    adjusted: tuple[float, ...]
    critical: float


def adjust(
    chances: Sequence[float],
    totals: Floats | None,
    *,
    also: Sequence[Floats] = (),
    how: Adjust = "maxt",
    seed: int = 0,
) -> AdjustedFamily:
    """Adjust the p values of a family of comparisons; no adjusted p is below its own.

    "maxt": the step-down test of the largest statistic (Westfall & Young 1993, algorithm 2.8),
    with strong control of the family-wise error; it needs `totals` (clusters, comparisons).
    "holm": Holm 1979. "bh": the false discovery rate of Benjamini & Hochberg 1995. "none".
    """
    if not len(chances):
        return AdjustedFamily((), _normal(0.05))
    if how == "maxt" and totals is not None and len(chances) > 1:
        found, critical = max_t(totals, also=also, seed=seed)
        return AdjustedFamily(_no_less(found.tolist(), chances), max(critical, _normal(0.05)))
    if how in ("holm", "maxt"):
        return AdjustedFamily(tuple(holm(chances)), _normal(0.05 / len(chances)))
    if how == "bh":
        return AdjustedFamily(tuple(benjamini_hochberg(chances)), _normal(0.05))
    return AdjustedFamily(tuple(chances), _normal(0.05))


def max_t(
    totals: Floats, *, also: Sequence[Floats] = (), seed: int = 0, draws: int = DRAWS
) -> tuple[Floats, float]:
    """The step-down p of each comparison, and the 95 % quantile of the largest statistic.

    A statistic is a comparison's sum over the root of its sum of squares, which no sign changes;
    of two clusterings it is Student's t, and the quantile that of a normal one.
    """
    ways = [in_blocks(one, seed=seed) for one in (totals, *also)]
    rows, freedom = crossed_rows(ways), max(1, telling(ways) - 1)
    scale = np.sqrt((rows**2).sum(axis=0))
    units = np.divide(rows, scale, out=np.zeros_like(rows), where=scale > NONE)
    observed = np.abs(ways[0].sum(axis=0)) / np.where(scale > NONE, scale, np.inf)
    if also:
        observed = _as_t(observed, freedom)
    order = np.argsort(-observed, kind="stable")
    drawn = np.abs(_chance(units[:, order], freedom if also else None, seed=seed, draws=draws))
    # The largest of those not yet rejected: from the smallest statistic upwards.
    largest = np.maximum.accumulate(drawn[:, ::-1], axis=1)[:, ::-1]
    beyond = (largest >= observed[order] * (1 - 1e-6) - 1e-9).sum(axis=0)
    steps = np.maximum.accumulate((1 + beyond) / (1 + draws))
    found = np.empty(len(order))
    found[order] = steps
    critical = float(np.quantile(largest[:, 0], 0.95))
    return found, _normal(student_p(critical, freedom)) if also else critical


def told_apart(
    totals: Floats,
    *,
    also: Sequence[Floats] = (),
    seed: int = 0,
    draws: int = DRAWS,
    level: float = 0.05,
) -> npt.NDArray[np.bool_]:
    """Which two columns of `totals` (clusters, columns) differ, of all pairs together.

    The single-step test of the largest statistic over all pairs, as in `max_t`; (columns, columns).
    """
    ways = [in_blocks(one, seed=seed) for one in (totals, *also)]
    rows, freedom = crossed_rows(ways), max(1, telling(ways) - 1)
    squares = rows.T @ rows
    of_each = np.diag(squares)
    scale = np.sqrt((of_each[:, None] + of_each - 2 * squares).clip(0))
    none = scale <= NONE * max(1.0, float(scale.max(initial=0.0)))
    scale[none] = np.inf
    sums = ways[0].sum(axis=0)
    observed = np.abs(sums[:, None] - sums) / scale
    if also:
        observed = _as_t(observed, freedom)
    drawn = _chance(rows, freedom if also else None, seed=seed, draws=draws)
    largest = np.zeros(draws, np.float32)
    for place, column in enumerate(drawn.T):
        apart = np.abs(drawn - column[:, None]) / scale[place].astype(np.float32)
        np.maximum(largest, apart.max(axis=1), out=largest)
    found: npt.NDArray[np.bool_] = observed > np.quantile(largest, 1 - level) * (1 + 1e-6)
    return found


@lru_cache(maxsize=4)
def block_of(clusters: int, *, seed: int = 0) -> npt.NDArray[np.int64]:
    """The block of each cluster, at most 2,000, drawn at random where there are more clusters.

    A block has a sign like one cluster, so that many clusters take no more time than some. The
    array is read-only.
    """
    blocks = np.arange(clusters)
    if clusters > _MOST_BLOCKS:
        blocks = np.random.default_rng([seed, 5]).permutation(clusters) % _MOST_BLOCKS
    blocks.flags.writeable = False
    return blocks


def in_blocks(totals: Floats, *, seed: int = 0) -> Floats:
    """The totals of blocks of clusters."""
    if len(totals) <= _MOST_BLOCKS:
        return np.asarray(totals, np.float64)
    blocks = block_of(len(totals), seed=seed)
    order = np.argsort(blocks, kind="stable")
    starts = np.searchsorted(blocks[order], np.arange(_MOST_BLOCKS))
    found: Floats = np.add.reduceat(totals[order], starts, axis=0)
    return found


def max_of_normals(
    influences: Floats, freedom: float, *, seed: int = 0, two_sided: bool = True
) -> float:
    """The 95 % quantile of the largest of several estimates over their standard errors: a band of
    that many standard errors holds all of them at once. The arguments are those of
    `largest_of_normals`."""
    drawn = largest_of_normals(influences, freedom, seed=seed, two_sided=two_sided)
    if drawn is None:
        from scipy.special import stdtrit

        return float(stdtrit(max(1.0, freedom), 0.975 if two_sided else 0.95))
    return float(np.quantile(drawn, 0.95))


def largest_of_normals(
    influences: Floats, freedom: float, *, seed: int = 0, two_sided: bool = True
) -> Floats | None:
    """The largest of several estimates over their standard errors, as chance draws it (draws,).

    `influences` (clusters, estimates): what each cluster adds to each estimate, of which the
    products are their covariance. The estimates are multivariate t with `freedom` degrees
    (Hothorn, Bretz & Westfall 2008). None where no estimate varies.
    """
    scale = np.sqrt((influences**2).sum(axis=0))
    kept = scale > NONE
    if not kept.any():
        return None
    drawn = _normals(influences[:, kept] / scale[kept], max(1.0, freedom), seed=seed, draws=DRAWS)
    largest: Floats = (np.abs(drawn) if two_sided else drawn).max(axis=1)
    return largest


def _chance(rows: Floats, freedom: int | None, *, seed: int, draws: int) -> npt.NDArray[Any]:
    """What the sums of the rows would be by chance: by random signs, or with `freedom` of the
    limit; (draws, columns)."""
    if freedom is None:
        return flipped(rows, seed=seed, draws=draws)
    return _normals(rows, freedom, seed=seed, draws=draws)


def _as_t(observed: Floats, freedom: int) -> Floats:
    """Sums over the root of their sum of squares as Student's t, whose squares are about the mean
    and not about no difference."""
    found: Floats = observed * np.sqrt(freedom / np.maximum(freedom + 1 - observed**2, NONE))
    return found


def _normals(units: Floats, freedom: float, *, seed: int, draws: int) -> Floats:
    """Multivariate t, (draws, columns); the products of the rows are its correlations."""
    generator = np.random.default_rng([seed, 9])
    values, vectors = np.linalg.eigh(units.T @ units)
    root = (vectors * np.sqrt(values.clip(0))).T
    drawn: Floats = generator.normal(size=(draws, len(values))) @ root
    drawn /= np.sqrt(generator.chisquare(freedom, draws) / freedom)[:, None]
    return drawn


def holm(chances: Sequence[float]) -> list[float]:
    """p values adjusted for multiple testing (Holm 1979), in the given order."""
    adjusted = [0.0] * len(chances)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(chances)), key=lambda i: chances[i])):
        highest = max(highest, min(1.0, (len(chances) - rank) * chances[place]))
        adjusted[place] = highest
    return adjusted


def benjamini_hochberg(chances: Sequence[float]) -> list[float]:
    """p values adjusted for the false discovery rate (Benjamini & Hochberg 1995)."""
    from scipy.stats import false_discovery_control

    found: list[float] = false_discovery_control(np.asarray(chances, np.float64)).tolist()
    return found


def flipped(units: Floats, *, seed: int, draws: int) -> npt.NDArray[np.float32]:
    """The sums of the rows with random signs, (draws, columns)."""
    generator = np.random.default_rng([seed, 6])
    rows, columns = units.shape
    single, total = units.astype(np.float32), units.sum(axis=0).astype(np.float32)
    width, at_once = (rows + 7) // 8, max(1, 8_000_000 // max(1, rows))
    step = max(1, 250_000 // max(1, rows))
    found = np.empty((draws, columns), np.float32)
    for begin in range(0, draws, at_once):
        now = min(at_once, draws - begin)
        bits = np.frombuffer(generator.bytes(now * width), np.uint8).reshape(now, width)
        for first in range(0, now, step):  # few enough signs for the processor's cache
            plus = np.unpackbits(bits[first : first + step], axis=1, count=rows)
            sums = 2 * (plus.astype(np.float32) @ single) - total
            found[begin + first : begin + min(now, first + step)] = sums
    return found


def telling(ways: Sequence[Floats]) -> int:
    """The clusters of one clustering, or the fewer of two, in which anything differs."""
    return min(int((np.abs(way) > NONE).any(axis=1).sum()) for way in ways[:2])


def _no_less(adjusted: Sequence[float], chances: Sequence[float]) -> tuple[float, ...]:
    return tuple(max(pair) for pair in zip(adjusted, chances, strict=True))


def _normal(level: float) -> float:
    return NormalDist().inv_cdf(1 - level / 2)
