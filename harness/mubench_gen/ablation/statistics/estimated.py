"""answers to a part of a grid → the estimated results of the whole grid, for each model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.grid import Grid
from mubench_gen.ablation.statistics.answers import Answers
from mubench_gen.scores.posterior import GridEstimate
from mubench_gen.scores.rasch import Responses, responses_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EstimatedNumber:
    """An estimate for the whole grid: posterior mean, standard error, 95 % interval."""

    value: float
    error: float
    ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Estimated:
    """Estimates for the whole grid on the same items, from the part of it that was asked.

    asked: the number of (item, cell) pairs with an answer, of `pairs`. accuracies: of the cells,
    in their order; mean, minimum, median, maximum: over the cells. best: for each cell the
    probability that it is the best.
    """

    asked: int
    pairs: int
    accuracies: tuple[EstimatedNumber, ...]
    mean: EstimatedNumber
    minimum: EstimatedNumber
    median: EstimatedNumber
    maximum: EstimatedNumber
    best: tuple[float, ...]


def responses_in(grid: Grid, answers: Answers, items: Mapping[str, str]) -> Responses:
    """The answers as responses on all items, including items that no cell asked."""
    place = {item: n for n, item in enumerate(answers.items)}
    names: dict[str, int] = {}
    task = np.array([names.setdefault(task, len(names)) for task in items.values()])
    right = np.full((len(items), len(grid.cells)), np.nan)
    for n, item in enumerate(items):
        if item in place:
            right[n] = answers.right[place[item]]
    levels = np.array(
        [
            [f.levels.index(level) for f, level in zip(grid.factors, cell.levels, strict=True)]
            for cell in grid.cells
        ]
    )
    return responses_of(right, levels, task)


def estimated(found: GridEstimate, answers: Answers, items: int) -> Estimated:
    """Summarise an estimate of the accuracies on that many items."""
    drawn = found.drawn
    leads = drawn >= drawn.max(axis=1, keepdims=True)
    ends = found.interval(lambda cells: cells)
    return Estimated(
        asked=int(np.isfinite(answers.right).sum()),
        pairs=items * drawn.shape[1],
        accuracies=tuple(_number(drawn[:, cell], ends[:, cell]) for cell in range(drawn.shape[1])),
        mean=_over(found, lambda cells: cells.mean(axis=1)),
        minimum=_over(found, lambda cells: cells.min(axis=1)),
        median=_over(found, lambda cells: np.median(cells, axis=1)),
        maximum=_over(found, lambda cells: cells.max(axis=1)),
        best=tuple(float(share) for share in leads.mean(axis=0)),
    )


def _over(found: GridEstimate, over: Callable[[Floats], Floats]) -> EstimatedNumber:
    return _number(over(found.drawn), found.interval(over))


def _number(drawn: Floats, interval: Floats) -> EstimatedNumber:
    low, high = interval.tolist()
    return EstimatedNumber(float(drawn.mean()), float(drawn.std(ddof=1)), (low, high))
