"""Main effects: each factor's share of the variance between the cells of a grid.

The analysis of variance of a full factorial design on the cells' accuracies. Sampling of items
inflates every sum of squares; its expected contribution is estimated from the variance between
images and subtracted. Intervals are by the bootstrap over images, or, of two clusterings at once,
by draws from the normal limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.statistics.replicates import replicates
from mubench_gen.ablation.statistics.spread import ByImage
from mubench_gen.ablation.statistics.sums_of_squares import (
    ZERO,
    Floats,
    contrasts_of,
    parts_of_whole,
    sources_of,
    sums_of_squares,
    within_whole,
)
from mubench_gen.scores.joint import Adjust, in_blocks
from mubench_gen.scores.joint import adjust as adjusted_family
from mubench_gen.scores.quantile import student
from mubench_gen.scores.wald import walds

DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class Level:
    """A level's accuracy, averaged over all cells that have it; effect: minus the grand mean."""

    level: str
    accuracy: float
    effect: float
    ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Effect:
    """One source of variance between cells: a factor, a pair of factors, or all interactions.

    share: of the variance between cells, corrected for sampling of items (the shares of the
    factors and of all interactions sum to 1); raw_share: uncorrected. spread: the standard
    deviation of accuracy due to the source, also corrected. Shares are None if the cells differ
    by no more than sampling explains. p: of the Wald test that the source has no effect, None
    of estimated cells; p_adjusted: for all sources of the table.
    """

    source: tuple[str, ...]
    share: float | None
    share_ci95: tuple[float, float] | None
    raw_share: float | None
    spread: float
    spread_ci95: tuple[float, float]
    levels: tuple[Level, ...] = ()
    p: float | None = None
    p_adjusted: float | None = None

    @property
    def name(self) -> str:
        return " × ".join(self.source)


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The variance between cells, by source. `spread`: its square root, as in Effect."""

    cells: int
    items: int
    images: int
    spread: float
    spread_ci95: tuple[float, float]
    effects: tuple[Effect, ...]
    draws: int
    seed: int


def decompose(
    table: ByImage,
    factors: Sequence[tuple[str, Sequence[str]]],
    *,
    adjust: Adjust = "maxt",
    seed: int,
    draws: int = DRAWS,
) -> Decomposition:
    """Decompose the cells' accuracies; `factors`: names and levels, their product the cells.

    `adjust`: of the sources' p; "maxt" is Holm here, as their tests have several degrees of
    freedom. Factors of one level are left out.
    """
    varied = [(name, levels) for name, levels in factors if len(levels) > 1]
    shape = tuple(len(levels) for _, levels in varied)
    names = [name for name, _ in varied]
    means, influences = table.means, table.influences()
    observed = sums_of_squares(means[None], shape)[0]
    added = sums_of_squares(influences, shape).sum(axis=0)
    drawn = np.concatenate(
        [sums_of_squares(cells, shape) for cells in replicates(table, seed=seed, draws=draws)]
    )
    # A replicate varies around the observed means as those do around the true ones.
    sound, true = np.maximum(observed - added, 0), np.maximum(drawn - 2 * added, 0)
    sources = sources_of(names)
    parts = parts_of_whole(names, sources)
    sound, true = (within_whole(squares, len(names), parts) for squares in (sound[None], true))
    sound = sound[0] * (sound[0, 0] > ZERO)
    effects = tuple(
        _effect(source, at, observed, sound, true, parts, len(means))
        for at, source in enumerate(sources, start=1)
    )
    leveled = tuple(
        _with_levels(effect, place, levels, table, shape)
        for place, (effect, (_, levels)) in enumerate(zip(effects, varied, strict=False))
    )
    chances = _tested(table, shape, len(sources), seed=seed)
    # With two factors all interactions are their pair's: one test, not two.
    different = chances[:-1] if len(varied) == 2 else chances
    told = adjusted_family(different, None, how=adjust).adjusted
    told += told[len(different) - 1 :][: len(chances) - len(different)]
    tested = [
        replace(effect, p=p, p_adjusted=least)
        for effect, p, least in zip((*leveled, *effects[len(varied) :]), chances, told, strict=True)
    ]
    return Decomposition(
        cells=len(means),
        items=int(table.sizes.sum()),
        images=len(table.sizes),
        spread=float(np.sqrt(sound[0] / len(means))),
        spread_ci95=_interval(np.sqrt(true[:, 0] / len(means))),
        effects=tuple(tested),
        draws=draws,
        seed=seed,
    )


def decompose_drawn(
    drawn: Floats,
    factors: Sequence[tuple[str, Sequence[str]]],
    *,
    items: int,
    images: int,
    seed: int,
) -> Decomposition:
    """Decompose posterior draws of the cells' accuracies, of shape (draws, cells).

    All numbers are means over the draws, all intervals their quantiles.
    """
    varied = [(name, levels) for name, levels in factors if len(levels) > 1]
    shape, names = tuple(len(levels) for _, levels in varied), [name for name, _ in varied]
    squares = sums_of_squares(drawn, shape)
    cells, sources = drawn.shape[1], sources_of(names)
    parts = parts_of_whole(names, sources)
    wholes = squares[:, parts].sum(axis=1)
    effects = []
    for at, source in enumerate(sources, start=1):
        shares = np.divide(squares[:, at], wholes, out=np.zeros(len(drawn)), where=wholes > ZERO)
        spreads = np.sqrt(squares[:, at] / cells)
        levels: tuple[Level, ...] = ()
        if at <= len(varied):
            others = tuple(axis for axis in range(1, len(shape) + 1) if axis != at)
            each = drawn.reshape(-1, *shape).mean(axis=others)
            moved = each - each.mean(axis=1, keepdims=True)
            levels = tuple(
                Level(level, float(each[:, n].mean()), float(moved[:, n].mean()),
                      _interval(moved[:, n]))
                for n, level in enumerate(varied[at - 1][1])
            )  # fmt: skip
        share = float(shares.mean())
        effects.append(
            Effect(source, share, _interval(shares), share, float(spreads.mean()),
                   _interval(spreads), levels)
        )  # fmt: skip
    total = np.sqrt(squares[:, 0] / cells)
    return Decomposition(
        cells=cells,
        items=items,
        images=images,
        spread=float(total.mean()),
        spread_ci95=_interval(total),
        effects=tuple(effects),
        draws=len(drawn),
        seed=seed,
    )


def _tested(table: ByImage, shape: Sequence[int], sources: int, *, seed: int) -> list[float]:
    """The p of each source: whether its contrasts of the cells' means are zero."""
    ways = []
    for way in table.ways:
        totals = in_blocks(way.sums / way.sizes.sum(), seed=seed).reshape(-1, *shape)
        centred, mains, pairs = contrasts_of(totals)
        parts = [*mains, *pairs, centred - sum(mains)]  # the last: all interactions
        ways.append([one.reshape(len(one), -1) for one in parts[:sources]])
    found = walds(ways[0], also=ways[1:], seed=seed, clusters=len(table.sizes))
    return [one.p for one in found]


def _effect(
    source: tuple[str, ...],
    at: int,
    observed: Floats,
    sound: Floats,
    true: Floats,
    parts: npt.NDArray[np.int64],
    cells: int,
) -> Effect:
    """One source's effect; `parts`: indices of the sources that add up to the total."""
    whole, wholes = sound[parts].sum(), true[:, parts].sum(axis=1)
    known = bool(whole > ZERO)
    shares = np.divide(true[:, at], wholes, out=np.zeros(len(true)), where=wholes > ZERO)
    shares = shares.clip(0, 1)
    return Effect(
        source=source,
        share=float(min(1.0, sound[at] / whole)) if known else None,
        share_ci95=_interval(shares) if known else None,
        raw_share=float(observed[at] / observed[0]) if observed[0] > ZERO else None,
        spread=float(np.sqrt(sound[at] / cells)),
        spread_ci95=_interval(np.sqrt(true[:, at] / cells)),
    )


def _with_levels(
    effect: Effect,
    place: int,
    levels: Sequence[str],
    table: ByImage,
    shape: Sequence[int],
) -> Effect:
    others = tuple(axis for axis in range(1, len(shape) + 1) if axis != place + 1)
    accuracy = table.means.reshape(1, *shape).mean(axis=others)[0]
    each = table.values.reshape(-1, *shape).mean(axis=others)
    known = [table.precision(one) for one in (each - each.mean(axis=1, keepdims=True)).T]
    half = [student(0.95, one.robust_freedom) * one.error for one in known]
    effects = accuracy - accuracy.mean()
    found = tuple(
        Level(level, float(mean), float(moved), (float(moved - wide), float(moved + wide)))
        for level, mean, moved, wide in zip(levels, accuracy, effects, half, strict=True)
    )
    return replace(effect, levels=found)


def _interval(values: Floats) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
