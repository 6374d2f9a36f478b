"""A run's results in the columns of the published tables, and why some are not comparable."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from mubench_gen.compare.official import Compared, Count, OfficialScore, compare_scorers
from mubench_gen.compare.published.comparable import column_reservations, reservations
from mubench_gen.compare.published.table import load_published
from mubench_gen.runs.results import Run
from mubench_gen.tasks.task import load_tasks


@dataclass(frozen=True, slots=True)
class ColumnScore:
    """A run's score in one column; `reservations` is empty if it can be compared."""

    score: OfficialScore
    reservations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AxisScore:
    """A run's accuracy on one axis of the weight-merging figure, official and ours."""

    accuracy: float
    ours: float
    reservations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnResults:
    """A run's own results. `reservations` apply to the whole run, and are in every score too."""

    model: str
    reservations: tuple[str, ...]
    columns: Mapping[str, ColumnScore]
    merging: Mapping[str, AxisScore]


def beside(run: Run) -> OwnResults:
    """The run's results in the published columns for which it has questions."""
    manifest, published = run.manifest, load_published()
    compared = compare_scorers(run.records(), group_of(manifest))
    whole = reservations(manifest, asked=compared.asked, n_errors=compared.n_errors)
    return OwnResults(
        model=f"{manifest['plugin']['name']} {manifest['model']['id']}",
        reservations=tuple(whole),
        columns={
            name: ColumnScore(score, (*whole, *column_reservations(column, score.n)))
            for name, column in published.columns.items()
            if (score := compared.groups.get(name)) is not None
        },
        merging=_merging(compared, whole),
    )


def group_of(manifest: Mapping[str, Any]) -> Callable[[str], str | None]:
    """A function from task to group, by the manifest; for older runs, by the shipped tasks."""
    tasks = manifest.get("tasks")
    groups = (
        {name: task["group"] for name, task in tasks.items()}
        if tasks is not None
        else {task.name: task.group for task in load_tasks()}
    )
    return groups.get


def _merging(compared: Compared, whole: list[str]) -> dict[str, AxisScore]:
    """The axes, H&E and all data sets. fine: unweighted mean over data sets; coarse: pooled."""
    published = load_published()
    subset = frozenset(published.merging.datasets)
    found = {}
    for group in ("fine", "coarse"):
        for name, datasets in ((f"{group}_he", subset), (f"{group}_all", None)):
            counts = _counts(compared, group, datasets)
            if counts:
                notes = list(whole)
                if datasets is not None and len(counts) < len(datasets):
                    notes.append(f"{len(counts)} of the {len(datasets)} H&E data sets")
                elif datasets is None:
                    n = sum(count.n for count in counts)
                    notes += column_reservations(published.columns[group], n)
                found[name] = _axis(counts, group == "fine", tuple(notes))
    return found


def _counts(compared: Compared, group: str, datasets: Collection[str] | None) -> list[Count]:
    return [
        count
        for (name, dataset), count in compared.cells.items()
        if name == group and (datasets is None or dataset in datasets)
    ]


def _axis(counts: list[Count], unweighted: bool, notes: tuple[str, ...]) -> AxisScore:
    if unweighted:
        shares, ours = [c.right / c.n for c in counts], [c.ours / c.n for c in counts]
        return AxisScore(fmean(shares), fmean(ours), notes)
    n = sum(c.n for c in counts)
    return AxisScore(sum(c.right for c in counts) / n, sum(c.ours for c in counts) / n, notes)
