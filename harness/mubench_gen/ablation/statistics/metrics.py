"""Further metrics on a grid: the mean of each cell, and the effect of each factor on it."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mubench_gen.ablation.grid import Grid
from mubench_gen.ablation.statistics.answers import Codes, Floats, PlacedRecords, cell_means, placed
from mubench_gen.ablation.statistics.effects import Decomposition, decompose
from mubench_gen.ablation.statistics.spread import Spread, by_image, complete, spread
from mubench_gen.scores.clusters import Clustering
from mubench_gen.scores.item_clusters import ItemClusters, clusters_of_items
from mubench_gen.scores.measured import MetricScore, score_of
from mubench_gen.scores.metrics import ChosenMetric


@dataclass(frozen=True, slots=True)
class MetricFindings:
    """One metric of one model: cells in the grid's order, each on all items that it answered.

    complete: the number of items with a value in every cell; over and effects are computed on
    those, and None if there are too few.
    """

    chosen: ChosenMetric
    cells: tuple[MetricScore, ...]
    complete: int
    over: Spread | None
    effects: Decomposition | None

    def as_dict(self) -> dict[str, Any]:
        return {
            **self.chosen.described(),
            "cells": [asdict(cell) for cell in self.cells],
            "complete": self.complete,
            "over": None if self.over is None else asdict(self.over),
            "effects": None if self.effects is None else asdict(self.effects),
        }


def metric_findings(
    grid: Grid,
    parts: Sequence[PlacedRecords],
    metrics: Sequence[ChosenMetric],
    *,
    seed: int,
    clustering: Clustering | None = None,
) -> dict[str, MetricFindings]:
    """Analyse one model's runs by each metric, by its key. Raises MetricError if one fails."""
    if not metrics:
        return {}
    found = measured(parts, metrics, clustering)
    return {
        metric.key: _found(grid, metric, values, found, seed)
        for metric, values in zip(metrics, found.values, strict=True)
    }


@dataclass(frozen=True, slots=True)
class MeasuredRecords:
    """Records of cells by metrics: the `item` and the `cell` of each record, the `values` of each
    metric in the same order, and what the items are clustered by (`of_item`)."""

    item: Codes
    cell: Codes
    values: tuple[Floats, ...]
    of_item: Codes


def measured(
    parts: Sequence[PlacedRecords],
    metrics: Sequence[ChosenMetric],
    clustering: Clustering | None = None,
) -> MeasuredRecords:
    """Measure the records of one model's runs, but for those of no cell and those that failed."""
    items, clusters = dict[str, int](), clusters_of_items(clustering or Clustering())
    item, cell = array("q"), array("q")
    columns = [array("d") for _ in metrics]
    for place, record in placed(parts):
        if place is None or record["status"] == "error":
            continue
        item.append(items.setdefault(record["item"], len(items)))
        for one in clusters:
            one.add(item[-1], record)
        cell.append(place)
        for metric, column in zip(metrics, columns, strict=True):
            column.append(metric.value(record))
    return MeasuredRecords(
        np.array(item, np.int64),
        np.array(cell, np.int64),
        tuple(np.array(column, np.float64) for column in columns),
        ItemClusters.of(clusters).codes,
    )


def _found(
    grid: Grid, chosen: ChosenMetric, values: Floats, found: MeasuredRecords, seed: int
) -> MetricFindings:
    item, cell, of_item = found.item, found.cell, found.of_item
    width = len(grid.cells)
    there = ~np.isnan(values)
    shape = (int(item.max(initial=-1)) + 1, width)
    table = cell_means((item * width + cell)[there], values[there], shape)
    sound = complete(table)
    summed = by_image(table[sound], of_item[sound]) if sound.any() else None
    several = summed is not None and width > 1 and len(summed.sizes) > 1
    factors = [(factor.name, factor.levels) for factor in grid.factors]
    return MetricFindings(
        chosen=chosen,
        cells=tuple(
            score_of(chosen.metric, values[cell == place], of_item[item[cell == place]])
            for place in range(width)
        ),
        complete=int(sound.sum()),
        over=spread(summed.means) if summed is not None else None,
        effects=decompose(summed, factors, seed=seed) if summed is not None and several else None,
    )


def as_document(found: Mapping[str, Mapping[str, MetricFindings]]) -> dict[str, Any]:
    """For JSON: by model and metric."""
    return {
        model: {key: one.as_dict() for key, one in metrics.items()}
        for model, metrics in found.items()
    }
