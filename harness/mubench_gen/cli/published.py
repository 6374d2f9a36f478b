"""`report RUN… --published`: the paper's results and the user's, in separate sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import say

if TYPE_CHECKING:
    from mubench_gen.compare.published import AxisScore, ColumnScore, OwnResults
    from mubench_gen.runs.results import Run

_AXES = {
    "fine_he": "fine H&E",
    "fine_all": "fine all",
    "coarse_he": "coarse H&E",
    "coarse_all": "coarse all",
}
_MARK = "≠"


def show(runs: Sequence[Run]) -> None:
    """Print two tables: the main results and the weight-merging figure."""
    from mubench_gen.compare.published import beside

    yours = [beside(run) for run in runs]
    _print_main(yours)
    _print_merging(yours)
    _print_notes(yours)


def document(runs: Sequence[Run]) -> dict[str, Any]:
    """The same for --json: published results and the user's under separate keys."""
    from mubench_gen.compare.published import beside, load_published

    return {
        "published": asdict(load_published()),
        "yours": [{"run_dir": str(run.dir), **asdict(beside(run))} for run in runs],
    }


def _print_main(yours: Sequence[OwnResults]) -> None:
    from mubench_gen.cli.tables import print_table
    from mubench_gen.compare.published import load_published

    published = load_published()
    columns = published.columns
    rows = [
        ["published", model, *(_plain(cells.get(name)) for name in columns)]
        for model, cells in published.models.items()
    ]
    for run in yours:
        official = [_official(run.columns.get(name)) for name in columns]
        ours = [_ours(run.columns.get(name)) for name in columns]
        rows += [["yours, paper-compat", run.model, *official], ["yours", run.model, *ours]]
    print_table(
        ["", "model", *(f"{column.title} (N {column.n:,})" for column in columns.values())],
        rows,
        title=f"Accuracy in % ± half of the 95 % interval. Published: {published.source}",
        right=range(2, 2 + len(columns)),
        caption=f"{_MARK} cannot be compared with the published column: see below",
    )


def _print_merging(yours: Sequence[OwnResults]) -> None:
    from mubench_gen.cli.tables import print_table
    from mubench_gen.compare.published import load_published

    merging = load_published().merging
    rows = [
        ["published", model, *(f"{place[axis]:.1f}" for axis in _AXES)]
        for model, place in merging.models.items()
    ]
    rows += [
        ["yours, paper-compat", run.model, *(_place(run.merging, axis) for axis in _AXES)]
        for run in yours
        if run.merging
    ]
    print_table(
        ["", "model", *_AXES.values()],
        rows,
        title=f"Weight merging, read off a figure (± {merging.read_off}); fine: "
        + merging.fine_axis,
        right=range(2, 2 + len(_AXES)),
    )


def _print_notes(yours: Sequence[OwnResults]) -> None:
    from mubench_gen.compare.published import load_published

    columns = load_published().columns
    for run in yours:
        for note in run.reservations:
            say(f"{run.model}: not comparable: {note}.")
        for name, cell in run.columns.items():
            for note in cell.reservations[len(run.reservations) :]:
                say(f"{run.model}, {columns[name].title}: not comparable: {note}.")
    say("“yours” is our own reading of the replies: the paper has no such column.")


def _plain(cell: tuple[float, float] | None) -> str:
    if cell is None:
        return "–"
    accuracy, half_width = cell
    return (
        f"{accuracy:.2f} ± {half_width:.2f}"
        if half_width < 1
        else f"{accuracy:.2f} ± {half_width:g}"
    )


def _official(cell: ColumnScore | None) -> str:
    if cell is None or cell.score.accuracy is None or cell.score.half_width is None:
        return "–"
    mark = f"{_MARK} " if cell.reservations else ""
    return f"{mark}{100 * cell.score.accuracy:.2f} ± {100 * cell.score.half_width:.2f}"


def _ours(cell: ColumnScore | None) -> str:
    if cell is None or cell.score.ours is None:
        return "–"
    return f"{_MARK} {100 * cell.score.ours:.2f} (N {cell.score.n:,})"


def _place(places: Mapping[str, AxisScore], axis: str) -> str:
    place = places.get(axis)
    if place is None:
        return "–"
    mark = f"{_MARK} " if place.reservations else ""
    return f"{mark}{100 * place.accuracy:.1f}"
