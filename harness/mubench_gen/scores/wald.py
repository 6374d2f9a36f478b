"""Wald's test of several differences at once, with clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mubench_gen.scores.crossing import crossed_rows
from mubench_gen.scores.joint import DRAWS, MANY, NONE, Floats, flipped, in_blocks, telling

_ALIKE = 1e-9  # of an eigenvalue, against the largest: comparisons that say the same


@dataclass(frozen=True, slots=True)
class Wald:
    """A test whether all comparisons are zero; p is 1 where no cluster differs in any."""

    statistic: float
    freedom: int
    p: float


def wald(
    totals: Floats,
    *,
    also: Sequence[Floats] = (),
    seed: int = 0,
    clusters: int | None = None,
) -> Wald:
    """Test whether all comparisons are zero, by their sums in the metric of their covariance.

    The covariance is that of clusters under no difference: the sum of the outer products of
    their rows. Comparisons that follow from others, or in which no cluster differs, count in no
    degree of freedom. p by the same random signs as in `max_t`; by the chi-squared limit with
    1,000 clusters or more and 50 or more for each degree of freedom. `clusters`: their number,
    if `totals` are those of blocks.
    """
    if also:
        return _hotelling([totals, *also], seed=seed)
    return walds([totals], seed=seed, clusters=clusters)[0]


def walds(
    several: Sequence[Floats],
    *,
    also: Sequence[Sequence[Floats]] = (),
    seed: int = 0,
    draws: int = DRAWS,
    clusters: int | None = None,
) -> list[Wald]:
    """The Wald test of each array of totals, all from one set of random signs.

    `also`: of two clusterings, the arrays by the second and those by both.
    """
    if also:
        return [_hotelling(ways, seed=seed) for ways in zip(several, *also, strict=True)]
    units = [_standardised(in_blocks(totals, seed=seed)) for totals in several]
    found: dict[int, Wald] = {}
    left: list[int] = []
    for place, (totals, one) in enumerate(zip(several, units, strict=True)):
        statistic, freedom = float((one.sum(axis=0) ** 2).sum()), one.shape[1]
        found[place] = Wald(statistic, freedom, _chi_squared(statistic, freedom))
        if freedom and (clusters or len(totals)) < max(MANY, 50 * freedom):
            left.append(place)
    if left:
        drawn = flipped(np.hstack([units[place] for place in left]), seed=seed, draws=draws) ** 2
        ends = np.cumsum([units[place].shape[1] for place in left])
        for place, squares in zip(left, np.split(drawn, ends[:-1], axis=1), strict=True):
            least = found[place].statistic * (1 - 1e-6) - 1e-9
            beyond = int((squares.sum(axis=1) >= least).sum())
            found[place] = replace(found[place], p=(1 + beyond) / (1 + draws))
    return [found[place] for place in range(len(several))]


def _hotelling(ways: Sequence[Floats], *, seed: int) -> Wald:
    """The Wald test by two clusterings at once, with the fewer clusters of either (T² as F)."""
    from scipy.special import fdtrc

    blocks = [in_blocks(one, seed=seed) for one in ways]
    unit = blocks[0].sum(axis=0) @ _whitening(crossed_rows(blocks))
    statistic, freedom, clusters = float((unit**2).sum()), len(unit), telling(blocks)
    if not freedom or clusters <= freedom:
        return Wald(statistic, freedom, 1.0)
    left = max(NONE, clusters - statistic)  # about the mean, not about no difference
    ratio = statistic * (clusters - freedom) / (freedom * left)
    return Wald(statistic, freedom, float(fdtrc(freedom, clusters - freedom, ratio)))


def _standardised(totals: Floats) -> Floats:
    """Columns without the comparisons' covariance, of which signs leave the squares alike."""
    found: Floats = totals @ _whitening(totals)
    return found


def _whitening(rows: Floats) -> Floats:
    """What takes the covariance, the products of these rows, out of the comparisons."""
    values, vectors = np.linalg.eigh(rows.T @ rows)
    kept = values > _ALIKE * max(float(values.max(initial=0.0)), NONE)
    found: Floats = vectors[:, kept] / np.sqrt(values[kept])
    return found


def _chi_squared(statistic: float, freedom: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(freedom, statistic)) if freedom else 1.0
