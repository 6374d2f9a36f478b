"""`sweep --budget N`: asks N answers where they decide which α is the best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mubench_gen.console.notes import note
from mubench_gen.interpolation.sweep.budget.halving import (
    PoolItem,
    Search,
    pool_of,
    schedule,
    search,
)
from mubench_gen.interpolation.sweep.conditions.sample import sheet_under
from mubench_gen.interpolation.sweep.opened import Sweep
from mubench_gen.interpolation.sweep.stops import Stop
from mubench_gen.interpolation.sweep.stored import read_part
from mubench_gen.plan.items import samples_of
from mubench_gen.plan.plan import Plan, Selection
from mubench_gen.runs.results import Run
from mubench_gen.scores.clusters import IMAGE, cluster_of
from mubench_gen.types import Sample

RunStop = Callable[[Stop, Sequence[Plan]], list[Run]]


def whole_of(sweep: Sweep) -> int:
    """How many answers all of the sweep takes."""
    return len(sweep.plans) * sum(sweep.conditions.counts().values())


def is_bounded(sweep: Sweep) -> bool:
    """Whether there is a budget that is not enough to ask everything."""
    return sweep.budget is not None and sweep.budget < whole_of(sweep)


def check_budget(sweep: Sweep) -> None:
    """Refuse a budget that is too small, before anything is asked."""
    if sweep.budget is None:
        return
    whole = whole_of(sweep)
    if sweep.budget >= whole:
        note(f"The budget covers all {whole:,} answers of the sweep.")
        return
    items = _items(sweep)
    pool = pool_of(items, seed=sweep.settings.seed)
    schedule(len(sweep.plans), sweep.budget, _cost(sweep, len(items)), pool.room, whole=whole)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a budget was spent on: the search, the runs of all that was asked, and the names of the
    items on which the finalists are compared, which confirm."""

    search: Search
    runs: Mapping[Stop, Sequence[Run]]
    confirming: frozenset[str]

    @property
    def finals(self) -> dict[Stop, Sequence[Run]]:
        """The runs of the chosen α and of the ends."""
        return {stop: own for stop, own in self.runs.items() if stop.name in self.search.finalists}


def spend(sweep: Sweep, run_stop: RunStop) -> Spent:
    """Search by the budget. `run_stop`: runs the plans of a stop, and asks what is not answered."""
    assert sweep.budget is not None
    every = _items(sweep)
    pool = pool_of(every, seed=sweep.settings.seed)
    stops = {stop.name: stop for stop in sweep.plans}
    asked: dict[str, set[str]] = {name: set() for name in stops}
    runs: dict[Stop, list[Run]] = {}

    def ask(names: Sequence[str], items: Sequence[str]) -> Sequence[float]:
        for name in names:
            asked[name].update(items)
            runs[stops[name]] = run_stop(stops[name], _selected(sweep, stops[name], asked[name]))
        of_names = {stops[name]: runs[stops[name]] for name in names}
        sheet, _ = sheet_under(of_names, sweep.conditions.varied_grid, only=items)
        inside, outside = sheet.halves(sweep.in_domain)
        means = [sheet.values[half].mean(axis=0) for half in (inside, outside)]
        return list(np.mean(means, axis=0).tolist())

    ends = [stop.name for stop in sweep.plans if stop.end]
    cost = _cost(sweep, len(every))
    found = search(list(stops), ends, ask, pool, budget=sweep.budget, cost=cost)
    ordered = {stop: runs[stop] for stop in sweep.plans}
    return Spent(found, ordered, frozenset(pool.confirming(found.confirmed // 2)))


def _items(sweep: Sweep) -> list[PoolItem]:
    return [
        PoolItem(
            sample.id,
            drawn_with(sample, sweep.settings.cluster),
            sample.task.name in sweep.in_domain,
        )
        for sample in samples_of(sweep.conditions.plans[0])
    ]


def drawn_with(sample: Sample, fields: Sequence[str]) -> str:
    """What an item is drawn with, so that what chooses and what confirms have none of it in common:
    by the first field of `--cluster`, or by that of its task."""
    row, (field, *_) = sample.row, fields or (sample.task.cluster or IMAGE,)
    facts = {"dataset": row.dataset, "image_id": row.image_id, "image_sha256": "", "meta": row.meta}
    return cluster_of(facts, field)


def _cost(sweep: Sweep, items: int) -> int:
    """Answers that one of so many items takes of each α: one in each cell, order and repeat."""
    return -(-sum(sweep.conditions.counts().values()) // items)


def _selected(sweep: Sweep, stop: Stop, items: set[str]) -> list[Plan]:
    """The plans of a stop, each restricted to these items."""
    assert sweep.budget is not None
    found = []
    for plan in sweep.conditions.of(sweep.plans[stop]):
        cells = frozenset((one.name, readout) for one in plan.prompts for readout in plan.readouts)
        selection = Selection(sweep.budget, dict.fromkeys(items, cells))
        found.append(replace(plan, selection=selection))
    return found


def stored_search(results: Mapping[str, Any], folder: Path) -> Search | None:
    """That of a sweep's stored results; None of a sweep without a budget."""
    otherwise = f"{folder}: what the budget was spent on is not as this version has it"
    return read_part(Search, results, "search", otherwise)
