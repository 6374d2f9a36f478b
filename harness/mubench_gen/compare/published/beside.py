"""A run's results in the columns of published tables, and why some are not comparable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mubench_gen.compare.protocols.reading import interval_of, read_run
from mubench_gen.compare.published.table import Column, Published, load_published
from mubench_gen.runs.results import Run
from mubench_gen.scores.protocols.asked import cannot_read, reservations
from mubench_gen.scores.protocols.definition import Number
from mubench_gen.scores.protocols.files import OURS, load_protocol
from mubench_gen.scores.protocols.numbers import Cells, cells_of, value, valued
from mubench_gen.scores.protocols.tally import ProtocolTally

AXES = ("fine_he", "fine_all", "coarse_he", "coarse_all")


@dataclass(frozen=True, slots=True)
class OwnScore:
    """A run's number by the table's protocol, and by our reading of the same n items.

    half_width and ci95: the basic bootstrap's, of a share of items; else None.
    """

    n: int
    accuracy: float | None
    half_width: float | None
    ci95: tuple[float, float] | None
    ours: float | None


@dataclass(frozen=True, slots=True)
class ColumnScore:
    """A run's score in one column; `reservations` is empty if it can be compared."""

    score: OwnScore
    reservations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AxisScore:
    """A run's accuracy on one axis of the weight-merging figure, official and ours."""

    accuracy: float
    ours: float
    reservations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnResults:
    """A run's own results. `reservations` apply to the whole run, and are in every score too.

    refused: why the run has no number of the table's protocol; empty if it has.
    """

    model: str
    reservations: tuple[str, ...]
    columns: Mapping[str, ColumnScore]
    merging: Mapping[str, AxisScore]
    refused: str = ""


def beside(run: Run, published: Published | None = None) -> OwnResults:
    """The run's results in the published columns for which it has questions."""
    table = published or load_published()
    manifest, protocol = run.manifest, table.protocol
    model = f"{manifest['plugin']['name']} {manifest['model']['id']}"
    if refused := cannot_read(manifest, protocol):
        return OwnResults(model, (), {}, {}, refused)
    found = read_run(run, [protocol, load_protocol(OURS)])
    whole = tuple(reservations(manifest, protocol, asked=found.asked, n_errors=found.n_errors))
    columns = {
        name: ColumnScore(score, (*whole, *column_reservations(column, score.n)))
        for name, column in table.columns.items()
        if (score := _score(found, table.number(name))) is not None
    }
    refused = "" if columns else f"it has no question of {', '.join(table.columns)}"
    return OwnResults(model, whole, columns, _merging(found, table, whole), refused)


def column_reservations(column: Column, n: int) -> list[str]:
    """Why one column is not comparable: its number of questions."""
    if n == column.n:
        return []
    for name, size in column.variants.items():
        if n == size:
            return [f"N is {n:,}: the variant {name}; the published N is {column.n:,}"]
    return [f"N is {n:,}, the published {column.n:,}"]


def _score(found: ProtocolTally, number: Number) -> OwnScore | None:
    cells = cells_of(found, 0, number)
    if not cells:
        return None
    official = valued(found, 0, "", number, cells)
    interval = interval_of(official)
    return OwnScore(
        n=official.n,
        accuracy=official.value,
        half_width=None if interval is None else interval.half_width,
        ci95=None if interval is None else (interval.low, interval.high),
        ours=_by_ours(found, number, cells),
    )


def _by_ours(found: ProtocolTally, number: Number, cells: Cells) -> float | None:
    """The number of the table's protocol by our reading."""
    return value(number, found.protocols[0], cells, lambda alike: alike.readings[1], found)


def _merging(
    found: ProtocolTally, table: Published, whole: tuple[str, ...]
) -> dict[str, AxisScore]:
    """The axes, H&E and all data sets. fine: unweighted mean over data sets; coarse: pooled."""
    if table.merging is None:
        return {}
    subset, scores = table.merging.datasets, {}
    for axis in AXES:
        group, part = axis.split("_")
        datasets = subset if part == "he" else ()
        over = "datasets" if group == "fine" else "items"
        number = Number.model_validate({"groups": (group,), "datasets": datasets, "over": over})
        cells = cells_of(found, 0, number)
        official, ours = valued(found, 0, axis, number, cells), _by_ours(found, number, cells)
        if official.value is not None and ours is not None:
            notes = _axis_reservations(table.columns[group], official.n, cells, datasets)
            scores[axis] = AxisScore(official.value, ours, (*whole, *notes))
    return scores


def _axis_reservations(
    column: Column, n: int, cells: Cells, datasets: tuple[str, ...]
) -> list[str]:
    if not datasets:
        return column_reservations(column, n)
    there = len({alike.dataset for alike, _ in cells})
    return [f"{there} of the {len(datasets)} H&E data sets"] if there < len(datasets) else []
