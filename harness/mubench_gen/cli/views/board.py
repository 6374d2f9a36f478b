"""Prints runs: several as one table of models by tasks, or each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.compare.board import Board
    from mubench_gen.console.formats import TextTable
    from mubench_gen.console.tables import Sheet
    from mubench_gen.runs.results import Run
    from mubench_gen.scores.joint import Adjust
    from mubench_gen.scores.metrics import ChosenMetric

_PLAIN = 0  # no width


def show_runs(
    runs: Sequence[Run],
    *,
    by: Sequence[str] = (),
    metrics: Sequence[ChosenMetric] = (),
    each: bool = False,
    adjust: Adjust = "maxt",
) -> None:
    """Print the board of several runs; the own table of one run, or of `each`."""
    from mubench_gen.compare.boards import boards
    from mubench_gen.report.text import print_report

    if each or len(runs) == 1:
        print_report(runs, by=by, metrics=metrics)
        return
    for number, board in enumerate(boards(runs, by=by or None, adjust=adjust)):
        if number:
            say("")
        show_board(board)
    _show_metrics(runs, by, metrics)


def summaries_document(
    runs: Sequence[Run],
    summaries: Sequence[dict[str, Any]],
    *,
    by: Sequence[str] = (),
    adjust: Adjust = "maxt",
) -> dict[str, Any]:
    """What `--json` prints: the summary of one run, or those of several with their boards."""
    from mubench_gen.compare.boards import boards

    if len(summaries) == 1:
        return summaries[0]
    found = [board.as_dict() for board in boards(runs, by=by or None, adjust=adjust)]
    return {"runs": list(summaries), "boards": found}


def show_board(board: Board) -> None:
    """Print the result in words, the table, and what it depends on.

    On a terminal models stand across as far as they fit, else below each other; where stdout is
    none they stand across, and each row is a line.
    """
    from mubench_gen.cli.views.tables import print_sheet

    for words in board.lead:
        say(printable(words))
    say("")
    width = _width()
    table = _fitting(board, width)
    print_sheet(_sheet(table), width, table.notes)


def _show_metrics(runs: Sequence[Run], by: Sequence[str], metrics: Sequence[ChosenMetric]) -> None:
    """A table per metric, the runs side by side."""
    from mubench_gen.cli.views.tables import print_sheet
    from mubench_gen.compare.groups import label_runs
    from mubench_gen.report.metric_table import beside_tables

    measured = [run.measured(metrics, by) for run in runs]
    for table in beside_tables(list(zip(label_runs(runs), measured, strict=True))):
        print_sheet(_sheet(table), _width(), table.notes)
    for words in dict.fromkeys(words for one in measured for words in one.notes):
        say(printable(words))


def _width() -> int | None:
    """The width that results are fitted to; None where each row is a line."""
    from rich.console import Console

    from mubench_gen.console.tables import width_of_stdout

    return Console().width if width_of_stdout(_PLAIN) is None else None


def _fitting(board: Board, width: int | None) -> TextTable:
    from mubench_gen.console.tables import fit
    from mubench_gen.report.board_tables import models_across, models_down

    for brief in (False, True):
        table = models_across(board, brief=brief)
        if width is None or len(fit(_sheet(table), width).tables) == 1:
            return table
    return models_down(board)


def _sheet(table: TextTable) -> Sheet:
    from dataclasses import replace

    from mubench_gen.console.tables import as_sheet

    return replace(as_sheet(table), folds=True, spare=("majority", "n", "chance"))
