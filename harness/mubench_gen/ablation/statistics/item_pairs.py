"""What items do over pairs of cells that differ by one factor alone, and means over items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.statistics.answers import MOVED, UNASKED, Answers
from mubench_gen.ablation.statistics.cell_pairs import Pairs
from mubench_gen.scores.estimand import estimands
from mubench_gen.scores.estimate import share_estimate

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Known:
    """A mean over `items`, with its 95 % interval by cluster."""

    value: float
    ci95: tuple[float, float]
    items: int


def known(values: Floats, answers: Answers) -> Known | None:
    """The mean of shares of items (NaN: left out) with its interval; None without items."""
    there = np.isfinite(values)
    if not there.any():
        return None
    first, *also = estimands(values[there], answers.clusters.codes[there])
    found = share_estimate(first, also=also, noun=answers.clusters.noun)
    return Known(found.value, found.ci95, int(there.sum()))


def asked_pairs(answers: Answers, pairs: Pairs) -> Pairs:
    """The pairs of which both cells were asked: of a fraction of a grid not all are."""
    there = asked_cells(answers)
    return [(one, other) for one, other in pairs if there[one] and there[other]]


def asked_cells(answers: Answers) -> npt.NDArray[np.bool_]:
    """Whether each cell was asked."""
    return np.asarray((answers.choice > UNASKED).any(axis=0), np.bool_)


def over_pairs(values: Floats, pairs: Pairs) -> tuple[Floats, Floats]:
    """Each item's mean of the first cells of the pairs, and of the second; NaN where one is."""
    if not pairs:
        return np.empty(0), np.empty(0)
    first = np.stack([values[:, one] for one, _ in pairs])
    second = np.stack([values[:, other] for _, other in pairs])
    gone = np.isnan(first) | np.isnan(second)
    return mean_of(np.where(gone, np.nan, first)), mean_of(np.where(gone, np.nan, second))


def mean_of(rows: Sequence[Floats] | Floats) -> Floats:
    """The mean of the rows that are there, NaN where none is."""
    table = np.asarray(rows, np.float64)
    there = np.isfinite(table)
    counts = there.sum(axis=0)
    sums = np.where(there, table, 0).sum(axis=0)
    found: Floats = np.divide(sums, counts, out=np.full(table.shape[1], np.nan), where=counts > 0)
    return found


def answer_differs(answers: Answers, one: int, other: int) -> Floats:
    """Whether each item's answer is another in these cells; NaN if one is not known."""
    first, second = answers.choice[:, one], answers.choice[:, other]
    unknown = (first <= MOVED) | (second <= MOVED)
    return np.where(unknown, np.nan, (first != second).astype(np.float64))
