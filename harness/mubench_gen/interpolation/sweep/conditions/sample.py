"""The answers of a sweep under conditions: values of items by α and condition."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.analysis import placed_runs
from mubench_gen.ablation.grid import Factor, Grid
from mubench_gen.ablation.seen import hides
from mubench_gen.ablation.statistics.answers import read_answers
from mubench_gen.errors import RunFolderError
from mubench_gen.interpolation.sweep.choice import Halves
from mubench_gen.interpolation.sweep.frontier import sheet_of
from mubench_gen.interpolation.sweep.sheet import AlphaSheet
from mubench_gen.interpolation.sweep.stops import Stop
from mubench_gen.runs.results import Run

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def cube_of(runs: Sequence[Sequence[Run]], grid: Grid, sheet: AlphaSheet) -> Floats:
    """Values (items, α, cells) of the runs of each α, those by condition; NaN for what is missing.

    `sheet`: of the runs of the first condition, whose items these are.
    """
    at = {item: place for place, item in enumerate(sheet.reading.items)}
    found = np.full((len(at), len(runs), len(grid.cells)), np.nan)
    for alpha, own in enumerate(runs):
        answers = read_answers(*placed_runs(grid, list(enumerate(own))))
        known = [place for place, item in enumerate(answers.items) if item in at]
        found[[at[answers.items[place]] for place in known], alpha] = answers.right[known]
    found[~sheet.there] = np.nan
    if not np.isfinite(found).all(axis=(1, 2)).any():
        raise RunFolderError(
            "No item was answered at every α under every condition: see the runs' records for why."
        )
    return found


def sheet_under(
    runs: Mapping[Stop, Sequence[Run]], grid: Grid | None, only: Collection[str] | None = None
) -> tuple[AlphaSheet, Floats | None]:
    """The values of these stops, and under several conditions (`grid`) their means over them, with
    the values under each as in `cube_of`. `only`: the items that count."""
    sheet = sheet_of([own[0] for own in runs.values()], list(runs))
    if only is not None:
        kept = np.array([item in only for item in sheet.reading.items])
        sheet = replace(sheet, values=np.where(kept[:, None], sheet.values, np.nan))
    if grid is None:
        return sheet, None
    cube = cube_of(list(runs.values()), grid, sheet)
    return replace(sheet, values=cube.mean(axis=2)), cube


@dataclass(frozen=True, slots=True)
class CompleteItems:
    """Complete items: `values` (items, α, conditions), `inside` (items,), and `images` as in
    `crossing.ways_of`. `factors`: those with several levels; `levels` (conditions, factors).
    """

    values: Floats
    inside: Mask
    images: Codes
    alphas: tuple[str, ...]
    factors: tuple[Factor, ...]
    levels: Codes
    seed: int

    @classmethod
    def of(
        cls, sheet: AlphaSheet, cube: Floats, grid: Grid, inside: Mask, *, seed: int
    ) -> CompleteItems:
        """Of the items of a sheet, of which those `inside` are in the domain."""
        there = np.isfinite(cube).all(axis=(1, 2))
        several = [at for at, factor in enumerate(grid.factors) if len(factor.levels) > 1]
        factors = tuple(grid.factors[at] for at in several)
        levels = [[f.levels.index(c.levels[at]) for at, f in zip(several, factors, strict=True)]
                  for c in grid.cells]  # fmt: skip
        return cls(
            values=cube[there],
            inside=inside[there],
            images=sheet.reading.clusters.codes[there],
            alphas=tuple(sheet.names),
            factors=factors,
            levels=np.array(levels, np.int64).reshape(len(grid.cells), len(factors)),
            seed=seed,
        )

    def halves(self, condition: int) -> Halves:
        """The items in-domain and of the rest under one condition."""
        return Halves.of(self.values[:, :, condition], self.images, self.inside, ~self.inside)

    def by_level(self, factor: int, conditions: Mask | None = None) -> Floats:
        """Values (items, α, levels of a factor): means over the conditions with each level, of
        those that are given."""
        own = self.levels[:, factor]
        counted = np.ones(len(own), bool) if conditions is None else conditions
        return np.stack(
            [
                self.values[:, :, (own == level) & counted].mean(axis=2)
                for level in range(len(self.factors[factor].levels))
                if ((own == level) & counted).any()
            ],
            axis=2,
        )

    @property
    def seeing(self) -> Mask:
        """The conditions under which models see the item's own image."""
        hidden = [[hides(factor.name, level) for level in factor.levels] for factor in self.factors]
        return np.array([
            not any(own[at] for own, at in zip(hidden, places, strict=True))
            for places in self.levels
        ])  # fmt: skip
