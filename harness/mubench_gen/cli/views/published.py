"""`report RUN… --published`: published results and the user's, in separate sections."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mubench_gen.cli.views.protocol_scores import MARK, METRICS
from mubench_gen.console.outlet import say

if TYPE_CHECKING:
    from mubench_gen.compare.published import AxisScore, ColumnScore, OwnResults, Published
    from mubench_gen.compare.published.table import Merging
    from mubench_gen.runs.results import Run

_AXES = {
    "fine_he": "fine H&E",
    "fine_all": "fine all",
    "coarse_he": "coarse H&E",
    "coarse_all": "coarse all",
}
_DEFAULT = "ubench"


def with_tables(args: Sequence[str]) -> list[str]:
    """The words of the command, with a table behind each `--published`.

    A word behind it is one if it ends in .toml, or is neither a path nor an option.
    """
    words, found = list(args), []
    while words:
        word = words.pop(0)
        if word == "--published":
            word += f"={words.pop(0) if words and _is_table(words[0]) else _DEFAULT}"
        found.append(word)
    return found


def _is_table(word: str) -> bool:
    plain = "/" not in word and not word.startswith(("-", ".", "~"))
    return word.endswith(".toml") or (plain and not os.path.exists(word))


def show(runs: Sequence[Run], names: Sequence[str]) -> None:
    """Print each published table, with the runs' own numbers in a section of their own."""
    for table, yours in _read(runs, names):
        _print_main(table, yours)
        if table.merging is not None:
            _print_merging(table, table.merging, yours)
        _print_notes(table, yours)


def document(runs: Sequence[Run], names: Sequence[str]) -> dict[str, Any]:
    """The same for --json: published results and the user's under separate keys.

    Several tables are a list under "tables".
    """
    documents = [
        {
            "published": table.as_dict(),
            "yours": [
                {"run_dir": str(run.dir), **asdict(one)}
                for run, one in zip(runs, yours, strict=True)
            ],
        }
        for table, yours in _read(runs, names)
    ]
    return documents[0] if len(documents) == 1 else {"tables": documents}


def _read(runs: Sequence[Run], names: Sequence[str]) -> list[tuple[Published, list[OwnResults]]]:
    """SettingError for a table that no run has a number of."""
    from mubench_gen.compare.published import beside, load_published
    from mubench_gen.errors import SettingError

    found = []
    for name in dict.fromkeys(names):
        table = load_published(name)
        yours = [beside(run, table) for run in runs]
        if all(one.refused for one in yours):
            raise SettingError(
                f"--published {name}: nothing can be shown beside this table, whose protocol is "
                f"{table.protocol.name}: {'; '.join(dict.fromkeys(o.refused for o in yours))}."
            )
        found.append((table, yours))
    return found


def _print_main(table: Published, yours: Sequence[OwnResults]) -> None:
    from mubench_gen.cli.views.tables import print_table

    columns, scorer = table.columns, table.protocol.name
    rows = [
        ["published", model, *(_plain(cells.get(name)) for name in columns)]
        for model, cells in table.models.items()
    ]
    for run in yours:
        official = [_official(run.columns.get(name)) for name in columns]
        ours = [_ours(run.columns.get(name)) for name in columns]
        rows.append([f"yours, {scorer}", run.model, *official])
        if scorer != "ours":
            rows.append(["yours", run.model, *ours])
    print_table(
        ["", "model", *(f"{column.title} (N {column.n:,})" for column in columns.values())],
        rows,
        title=f"{_metrics(table)} in % ± half of the 95 % interval. Published: {table.source}",
        right=range(2, 2 + len(columns)),
        caption=f"{MARK} cannot be compared with the published column: see below",
    )


def _metrics(table: Published) -> str:
    metrics = dict.fromkeys(table.number(name).metric for name in table.columns)
    named = ", ".join(METRICS[metric] for metric in metrics)
    return named[:1].upper() + named[1:]


def _print_merging(table: Published, merging: Merging, yours: Sequence[OwnResults]) -> None:
    from mubench_gen.cli.views.tables import print_table

    rows = [
        ["published", model, *(f"{place[axis]:.1f}" for axis in _AXES)]
        for model, place in merging.models.items()
    ]
    rows += [
        [f"yours, {table.protocol.name}", run.model, *(_place(run.merging, axis) for axis in _AXES)]
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


def _print_notes(table: Published, yours: Sequence[OwnResults]) -> None:
    for run in yours:
        if run.refused:
            say(f"{run.model}: no number beside this table: {run.refused}.")
        for note in run.reservations:
            say(f"{run.model}: not comparable: {note}.")
        for name, cell in run.columns.items():
            for note in cell.reservations[len(run.reservations) :]:
                say(f"{run.model}, {table.columns[name].title}: not comparable: {note}.")
    if table.protocol.name != "ours":
        say("“yours” is our own reading of the replies: the published table has no such column.")


def _plain(cell: tuple[float, float | None] | None) -> str:
    if cell is None:
        return "–"
    value, half_width = cell
    if half_width is None:
        return f"{value:.2f}"
    return f"{value:.2f} ± {half_width:.2f}" if half_width < 1 else f"{value:.2f} ± {half_width:g}"


def _official(cell: ColumnScore | None) -> str:
    if cell is None or cell.score.accuracy is None:
        return "–"
    mark = f"{MARK} " if cell.reservations else ""
    half = cell.score.half_width
    width = "" if half is None else f" ± {100 * half:.2f}"
    return f"{mark}{100 * cell.score.accuracy:.2f}{width}"


def _ours(cell: ColumnScore | None) -> str:
    if cell is None or cell.score.ours is None:
        return "–"
    return f"{MARK} {100 * cell.score.ours:.2f} (N {cell.score.n:,})"


def _place(places: Mapping[str, AxisScore], axis: str) -> str:
    place = places.get(axis)
    if place is None:
        return "–"
    mark = f"{MARK} " if place.reservations else ""
    return f"{mark}{100 * place.accuracy:.1f}"
