"""answers under image transforms → mean corruption error against a baseline model.

Hendrycks & Dietterich 2019: a model's error under a corruption, summed over its severities, over
that of the baseline model; relative: of both without the error on the images as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.grid import Factor, Grid
from mubench_gen.ablation.statistics.answers import Answers, on_shared_items
from mubench_gen.ablation.statistics.cell_pairs import as_given, transforms_of
from mubench_gen.ablation.statistics.spread import ByImage, by_image, complete, over_cells
from mubench_gen.errors import SettingError, did_you_mean
from mubench_gen.images.transform import NONE
from mubench_gen.scores.quantile import student

Floats = npt.NDArray[np.float64]
Ends = tuple[float, float] | None

MEAN = "mean"
_SECURE = 3.0  # standard errors that a denominator must be above 0


@dataclass(frozen=True, slots=True)
class CorruptionError:
    """One model's error under a kind of transform, or the "mean" over kinds (mCE), with 95 %
    intervals by cluster; 1 is the baseline model's. relative: of what the transform adds to the
    error on images as they are. None where the baseline model's is hardly above 0."""

    model: str
    kind: str
    ce: float | None
    ci95: Ends
    relative: float | None
    relative_ci95: Ends


@dataclass(frozen=True, slots=True)
class Corruption:
    """The corruption errors of several models. kinds: of the transforms, each with its levels."""

    baseline: str
    items: int
    kinds: tuple[tuple[str, tuple[str, ...]], ...]
    errors: tuple[CorruptionError, ...]


def corruption(
    grid: Grid,
    answers: Sequence[Answers],
    names: Sequence[str],
    baseline: str | None = None,
    *,
    whole: bool = True,
) -> Corruption | None:
    """The corruption errors of all models against the baseline model, the first by default.

    None without an axis of transforms, with one model, or without items that all have answered.
    SettingError for a baseline that is no model of the study.
    """
    if baseline is not None and baseline not in names:
        raise SettingError(
            f"--baseline {baseline}: no model of this study. {did_you_mean(baseline, names)}"
        )
    factor = transforms_of(grid)
    if factor is None or len(names) < 2:
        return None
    kinds: dict[str, list[int]] = {}
    for at, level in enumerate(factor.levels):
        if level != NONE:
            kinds.setdefault(level.partition(":")[0], []).append(at)
    columns = _columns(grid, answers, factor)
    table = _errors(answers, columns, whole=whole)
    if not kinds or table is None:
        return None
    chosen = names.index(baseline) if baseline is not None else 0
    clean = factor.levels.index(NONE) if NONE in factor.levels else None
    if clean is not None and not _alike(grid, factor, columns):  # as of a fraction of a grid
        clean = None
    found = _Errors(table, len(factor.levels), chosen, clean)
    errors = [one for at, name in enumerate(names) for one in found.of_model(at, name, kinds)]
    told = tuple((kind, tuple(factor.levels[at] for at in own)) for kind, own in kinds.items())
    return Corruption(names[chosen], int(table.sizes.sum()), told, tuple(errors))


def _columns(grid: Grid, answers: Sequence[Answers], factor: Factor) -> list[list[int]]:
    """The cells with each level, of those that all models were asked."""
    at = [one.name for one in grid.factors].index(factor.name)
    there = np.all([np.isfinite(one.right).any(axis=0) for one in answers], axis=0)
    cells = [place for place in as_given(grid) if there[place]]  # of a fraction not all are asked
    return [[c for c in cells if grid.cells[c].levels[at] == level] for level in factor.levels]


def _alike(grid: Grid, factor: Factor, columns: Sequence[Sequence[int]]) -> bool:
    """Whether the cells of all levels differ by the transform alone."""
    at = [one.name for one in grid.factors].index(factor.name)
    others = [{grid.cells[c].but(at) for c in own} for own in columns]
    return all(own == others[0] for own in others)


def _errors(
    answers: Sequence[Answers], columns: Sequence[Sequence[int]], *, whole: bool
) -> ByImage | None:
    """The error of each item, (items, models × levels), on the items that all have answered in
    every cell; not `whole`: in a part of them."""
    if not all(columns):
        return None
    parts, codes = on_shared_items(answers)
    if not len(codes):
        return None
    if whole:
        errors = [1 - right[:, own].mean(axis=1) for right in parts for own in columns]
    else:  # on the pairs of item and cell that every model was asked
        unknown = np.any([np.isnan(right) for right in parts], axis=0)
        known = [np.where(unknown, np.nan, right) for right in parts]
        errors = [1 - over_cells(right[:, own]) for right in known for own in columns]
    values = np.stack(errors, axis=1)
    sound = complete(values)
    if len(np.unique(codes[sound], axis=0)) < 2:
        return None
    return by_image(values[sound], codes[sound])


class _Errors:
    """Ratios of sums of errors, with what each item adds to them."""

    def __init__(self, table: ByImage, levels: int, baseline: int, clean: int | None) -> None:
        self._table = table
        self._values = table.values.reshape(len(table.values), -1, levels)
        self._baseline, self._clean = baseline, clean

    def of_model(self, model: int, name: str, kinds: dict[str, list[int]]) -> list[CorruptionError]:
        plain = {kind: self._ratio(model, own, None) for kind, own in kinds.items()}
        above = {
            kind: self._ratio(model, own, self._clean) if self._clean is not None else None
            for kind, own in kinds.items()
        }
        found = [self._told(name, kind, plain[kind], above[kind]) for kind in kinds]
        return [*found, self._told(name, MEAN, _mean(plain.values()), _mean(above.values()))]

    def _ratio(self, model: int, own: list[int], clean: int | None) -> tuple[float, Floats] | None:
        """A ratio and its items' influences; None where the denominator may be 0."""
        each, base = (self._sums(at, own, clean) for at in (model, self._baseline))
        low = float(base.mean())
        if low <= _SECURE * self._table.precision(base).error:
            return None
        ratio = float(each.mean()) / low
        return ratio, (each - ratio * base) / low

    def _sums(self, model: int, own: list[int], clean: int | None) -> Floats:
        found: Floats = self._values[:, model, own].sum(axis=1)
        return found if clean is None else found - len(own) * self._values[:, model, clean]

    def _told(
        self,
        name: str,
        kind: str,
        plain: tuple[float, Floats] | None,
        above: tuple[float, Floats] | None,
    ) -> CorruptionError:
        ce, ci95 = (None, None) if plain is None else (plain[0], self._ends(plain, log=True))
        relative, ends = (None, None) if above is None else (above[0], self._ends(above))
        return CorruptionError(name, kind, ce, ci95, relative, ends)

    def _ends(self, found: tuple[float, Floats], *, log: bool = False) -> Ends:
        """Student's t interval; of a ratio of errors on the scale of its logarithm."""
        value, influences = found
        known = self._table.precision(influences)
        half = student(0.95, known.robust_freedom) * known.error
        if known.error == 0:  # of the baseline model itself
            return None
        if not log:
            return value - half, value + half
        if value <= 0:
            return None
        return float(value * np.exp(-half / value)), float(value * np.exp(half / value))


def _mean(several: Iterable[tuple[float, Floats] | None]) -> tuple[float, Floats] | None:
    whole = list(several)
    ratios = [one for one in whole if one is not None]
    if len(ratios) < len(whole):
        return None
    return (
        float(np.mean([value for value, _ in ratios])),
        np.mean([influence for _, influence in ratios], axis=0),
    )
