"""A study with thinking as an axis → accuracy against the tokens that were written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mubench_gen.ablation.grid import Grid
from mubench_gen.ablation.statistics.answers import PlacedRecords
from mubench_gen.ablation.statistics.metrics import measured
from mubench_gen.plugins.extension import Metric
from mubench_gen.scores.clusters import Clustering
from mubench_gen.scores.measured import MetricScore, score_of
from mubench_gen.scores.metrics import ChosenMetric, choose_metrics

THINKING = "thinking"

_CUT = Metric(
    "cut", "cut before an answer", lambda r: float(r["status"] == "truncated"),
    higher_is_better=False, bounds=(0, 1), percent=True,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ThinkingCost:
    """The answers at a level of thinking: how many are right, how many tokens were written for one,
    how many of these are of its thought, and the share that was cut before an answer. A number of
    tokens is None where the model does not count them."""

    level: str
    accuracy: MetricScore
    tokens: MetricScore
    thought: MetricScore
    cut: MetricScore


def thinking_costs(
    grid: Grid, parts: Sequence[PlacedRecords], clustering: Clustering | None = None
) -> tuple[ThinkingCost, ...]:
    """The costs of one model's levels, over all other factors; empty without such an axis."""
    factor = next((one for one in grid.factors if one.name == THINKING), None)
    if factor is None or len(factor.levels) < 2:
        return ()
    at = grid.factors.index(factor)
    metrics = [*choose_metrics(["accuracy", "tokens", "thought"]), ChosenMetric(_CUT)]
    found = measured(parts, metrics, clustering)
    if not len(found.item):
        return ()
    codes = found.of_item[found.item]
    of_cell = np.array([factor.levels.index(cell.levels[at]) for cell in grid.cells], np.int64)
    levels = of_cell[found.cell]
    return tuple(
        ThinkingCost(
            name,
            *(
                score_of(metric.metric, values[levels == number], codes[levels == number])
                for metric, values in zip(metrics, found.values, strict=True)
            ),
        )
        for number, name in enumerate(factor.levels)
    )
