"""A sweep under conditions: a frontier of each, and whether the best α depends on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from pathlib import Path
from typing import Any

from mubench_gen.ablation.grid import Grid
from mubench_gen.interpolation.sweep.conditions.dependence import (
    Interaction,
    OneForAll,
    interactions,
    one_for_all,
)
from mubench_gen.interpolation.sweep.conditions.robustness import Robustness, robustness
from mubench_gen.interpolation.sweep.conditions.sample import CompleteItems, Floats
from mubench_gen.interpolation.sweep.gains import AlphaTable, ChosenAlpha, Point, beats_both
from mubench_gen.interpolation.sweep.parts import HALVES, IN_DOMAIN, REST
from mubench_gen.interpolation.sweep.sheet import AlphaSheet
from mubench_gen.interpolation.sweep.stored import read_part
from mubench_gen.scores.joint import Adjust
from mubench_gen.scores.pareto import undominated


@dataclass(frozen=True, slots=True)
class UnderCondition:
    """The frontier under one condition, as in `Frontier`; its bands hold all α of this condition.

    name: of the condition in tables; levels: of each factor that has several; points: in-domain,
    of the rest and their mean, each by ascending α.
    """

    name: str
    levels: Mapping[str, str]
    points: tuple[Point, ...]
    chosen: ChosenAlpha | None
    beats_both: tuple[str, ...]
    pareto: tuple[str, ...]

    def of(self, part: str) -> list[Point]:
        """The points of one part, by ascending α."""
        return [point for point in self.points if point.part == part]


@dataclass(frozen=True, slots=True)
class ByCondition:
    """The results of a sweep by condition, on the items that every α answered under each.

    factors: those with several levels. interactions: of each with α. one_for_all: one α for all
    conditions against the best of each. robustness: where there is an axis of transforms.
    """

    factors: Mapping[str, tuple[str, ...]]
    alphas: tuple[str, ...]
    conditions: tuple[UnderCondition, ...]
    interactions: tuple[Interaction, ...]
    one_for_all: OneForAll
    robustness: Robustness | None
    adjust: Adjust

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def by_condition(
    sheet: AlphaSheet,
    cube: Floats,
    grid: Grid,
    in_domain: Sequence[str],
    *,
    adjust: Adjust,
    seed: int,
) -> ByCondition:
    """Compare the α under each condition. `sheet`: of the means over conditions; `cube` (items, α,
    conditions): the values, as in `sample.cube_of`."""
    inside, outside = sheet.halves(in_domain)
    sample = CompleteItems.of(sheet, cube, grid, inside, seed=seed)
    several = [at for at, factor in enumerate(grid.factors) if len(factor.levels) > 1]
    found = []
    for place, cell in enumerate(grid.cells):
        table = AlphaTable(
            cube[:, :, place], sheet.reading.clusters.codes, inside, outside, sheet.names,
            sheet.ends, adjust, seed,
        )  # fmt: skip
        levels = {grid.factors[at].name: cell.levels[at] for at in several}
        found.append(_under(sheet, table, grid.label(cell), levels))
    return ByCondition(
        factors={factor.name: factor.levels for factor in sample.factors},
        alphas=sample.alphas,
        conditions=tuple(found),
        interactions=interactions(sample),
        one_for_all=one_for_all(sample),
        robustness=robustness(sample, adjust=adjust),
        adjust=adjust,
    )


def _under(
    sheet: AlphaSheet, table: AlphaTable, name: str, levels: Mapping[str, str]
) -> UnderCondition:
    halves = {part: table.points(part) for part in HALVES}
    pairs = zip(halves[IN_DOMAIN], halves[REST], strict=True)
    kept = undominated([(one.accuracy, other.accuracy) for one, other in pairs])
    return UnderCondition(
        name=name,
        levels=levels,
        points=tuple(sheet.placed(point) for part in halves.values() for point in part),
        chosen=table.chosen(),
        beats_both=beats_both(halves[HALVES[2]]),
        pareto=tuple(compress(table.names, kept)),
    )


def stored_conditions(results: Mapping[str, Any], folder: Path) -> ByCondition | None:
    """Those of a sweep's stored results; None of a sweep without conditions."""
    otherwise = f"{folder}: the results by condition are not as this version has them"
    return read_part(ByCondition, results, "by_condition", otherwise)
