"""Figures that only a study has: its grid as a heat map, flips between cells, gains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

from mubench_gen.ablation.grid import Factor, Grid, shown
from mubench_gen.ablation.statistics.verdict_words import level_words
from mubench_gen.console.numbers import Shares
from mubench_gen.console.outlet import printable
from mubench_gen.errors import SettingError
from mubench_gen.report.figures.drawing import COLUMN, Drawing, styled
from mubench_gen.report.figures.intervals import DotRow, Mark, interval_dots
from mubench_gen.report.figures.matrix import Matrix, matrices

if TYPE_CHECKING:
    from mubench_gen.ablation.analysis import Analysis
    from mubench_gen.ablation.statistics.findings import ModelFindings

_MOST = 40  # rows or columns of a heat map
_LONGEST = 34  # characters of a row's name


def draw_own(study: Analysis, kind: str, *, width: float = COLUMN) -> Drawing:
    """A figure of OWN_KINDS; `width` in inches. SettingError if the study does not have it."""
    with styled():
        return OWN_KINDS[kind](study, width)


def grid_map(study: Analysis, width: float = COLUMN) -> Drawing:
    """The accuracies: the two factors with most effect across, a matrix for each model; other
    factors and levels in the rows."""
    down, across = _sides(study.grid, study.findings.models)
    several = [_of_grid(study, at, down, across) for at in range(len(study.models))]
    words = " · ".join(factor.name for factor in down) or "all"
    title = f"Accuracy in %: {words} by {across.name}"
    return matrices(several, title, below=f"accuracy, %: {words} by {across.name}", width=width)


def flip_map(study: Analysis, width: float = COLUMN) -> Drawing:
    """For each two cells the share of the items with another answer, a matrix a model."""
    varied = [at for at, factor in enumerate(study.grid.factors) if len(factor.levels) > 1]
    names = [
        printable(" · ".join(shown(cell.levels[at]) for at in varied)) for cell in study.grid.cells
    ]
    if not study.items[0].matrix or len(names) > _MOST:
        raise SettingError(f"A map of flips needs a study of {_MOST} cells at most.")
    if len(names) < 2:
        raise SettingError("Flips are between cells, and this study has one.")
    numbered = [f"{at + 1}" for at in range(len(names))]
    rows = [f"{at} {name}" for at, name in zip(numbered, names, strict=True)]
    several = [
        Matrix(
            printable(one.model),
            rows,
            numbered,
            one.matrix,
            [["–" if v is None else f"{100 * v:.0f}" for v in row] for row in one.matrix],
            longest=_LONGEST,
        )
        for one in study.items
    ]
    title = "Items with another answer, in %, between each two cells"
    factors = " · ".join(study.grid.factors[at].name for at in varied)
    below = f"items with another answer, %; cells: {factors}"
    return matrices(several, title, below=below, width=width)


def gain_dots(study: Analysis, width: float = COLUMN) -> Drawing:
    """The fine-tune's gain over the base by level."""
    found = study.verdict
    if found is None:
        raise SettingError(
            "Gains are those of a fine-tune over its base: mubench-gen ablate --study verdict "
            "--base MODEL --finetuned MODEL makes such a study."
        )
    marks = [
        Mark(
            printable(level_words(one) if one.factor else "all"),
            one.gain,
            one.ci95,
        )
        for one in found.gains
    ]
    factors = list(dict.fromkeys(one.factor for one in found.gains))
    groups = [
        DotRow(
            name or "all", [m for m, g in zip(marks, found.gains, strict=True) if g.factor == name]
        )
        for name in factors
    ]
    told = Shares()
    return interval_dots(
        groups,
        f"Gain of {found.finetuned} over {found.base}",
        axis="gain in accuracy, points",
        zero=True,
        width=width,
        told=lambda mark: (
            f"{mark.label}: {told.signed(mark.value)} points ({told.signed_interval(mark.ends)})"
        ),
    )


OWN_KINDS: Mapping[str, Callable[[Analysis, float], Drawing]] = {
    "grid": grid_map, "flips": flip_map, "gains": gain_dots,
}  # fmt: skip


def _sides(grid: Grid, models: Sequence[ModelFindings]) -> tuple[list[Factor], Factor]:
    """The factors of the rows, and that of the columns: the one of most levels that fits."""
    varied = [factor for factor in grid.factors if len(factor.levels) > 1]
    if not varied:
        raise SettingError("A heat map of the grid needs a setting with two levels or more.")
    moved: dict[str, float] = {}
    for one in models:
        for effect in one.effects.effects if one.effects is not None else ():
            moved[effect.name] = max(moved.get(effect.name, 0.0), effect.spread)
    across = max(varied, key=lambda factor: moved.get(factor.name, 0.0))
    down = [factor for factor in varied if factor is not across]
    rows = 1
    for factor in down:
        rows *= len(factor.levels)
    while rows > _MOST:  # the mean over the factors that move the score least
        least = min(down, key=lambda factor: moved.get(factor.name, 0.0))
        down.remove(least)
        rows //= len(least.levels)
    return down, across


def _of_grid(study: Analysis, model: int, down: Sequence[Factor], across: Factor) -> Matrix:
    found = study.findings.models[model]
    rows = list(product(*(factor.levels for factor in down)))
    values = [
        [
            _mean_of(
                found, {**dict(zip((f.name for f in down), row, strict=True)), across.name: level}
            )
            for level in across.levels
        ]
        for row in rows
    ]
    named = [" · ".join(map(shown, row)) or "all" for row in rows]
    return Matrix(
        printable(found.model),
        list(map(printable, named)),
        [printable(shown(level)) for level in across.levels],
        values,
        [["" if v is None else f"{100 * v:.0f}" for v in row] for row in values],
        across=across.name if len(study.models) == 1 else "",
        longest=_LONGEST,
    )


def _mean_of(found: ModelFindings, levels: Mapping[str, str]) -> float | None:
    """The mean accuracy of the cells with these levels; as estimated where it was."""
    values = []
    for at, cell in enumerate(found.cells):
        if all(cell.levels[name] == level for name, level in levels.items()):
            value = cell.tally.accuracy
            if found.estimated is not None:
                value = found.estimated.accuracies[at].value
            values.append(value)
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
