"""Prints runs: several as one table of models by tasks, or each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from rich.console import Console

    from mubench_gen.compare.board import Board
    from mubench_gen.console.formats import TextTable
    from mubench_gen.console.tables import Sheet
    from mubench_gen.runs.results import Run
    from mubench_gen.scores.metrics import ChosenMetric

_WIDTH = 120  # characters, if stdout is not a terminal


def show_runs(
    runs: Sequence[Run],
    *,
    by: Sequence[str] = (),
    metrics: Sequence[ChosenMetric] = (),
    each: bool = False,
) -> None:
    """Print the board of several runs; the own table of one run, or of `each`."""
    from mubench_gen.compare.board import boards
    from mubench_gen.report.text import print_report

    if each or len(runs) == 1:
        print_report(runs, by=by, metrics=metrics)
        return
    for number, board in enumerate(boards(runs, by=by or None)):
        if number:
            say("")
        show_board(board)
    _show_metrics(runs, by, metrics)


def summaries_document(
    runs: Sequence[Run], summaries: Sequence[dict[str, Any]], *, by: Sequence[str] = ()
) -> dict[str, Any]:
    """What `--json` prints: the summary of one run, or those of several with their boards."""
    from mubench_gen.compare.board import boards

    if len(summaries) == 1:
        return summaries[0]
    found = [board.as_dict() for board in boards(runs, by=by or None)]
    return {"runs": list(summaries), "boards": found}


def show_board(board: Board) -> None:
    """Print the result in words, the table, and what it depends on."""
    from rich.console import Console

    from mubench_gen.console.tables import fit
    from mubench_gen.report.board_tables import models_across, models_down

    console = Console(width=_width())
    for words in board.lead:
        say(printable(words))
    say("")
    for table in (models_across(board), models_across(board, brief=True)):
        if len(fit(_sheet(table), console.width).tables) == 1:
            break
    else:
        table = models_down(board)
    _show_table(console, table)


def _show_metrics(runs: Sequence[Run], by: Sequence[str], metrics: Sequence[ChosenMetric]) -> None:
    """A table per metric, the runs side by side."""
    from rich.console import Console

    from mubench_gen.compare.groups import label_runs
    from mubench_gen.report.metric_table import beside_tables

    console = Console(width=_width())
    measured = [run.measured(metrics, by) for run in runs]
    for table in beside_tables(list(zip(label_runs(runs), measured, strict=True))):
        _show_table(console, table)
    for note in dict.fromkeys(note for one in measured for note in one.notes):
        say(printable(note))


def _width() -> int | None:
    """The width of results for rich: None where the terminal tells it."""
    import sys

    return None if sys.stdout.isatty() else _WIDTH


def _sheet(table: TextTable) -> Sheet:
    from dataclasses import replace

    from mubench_gen.console.tables import as_sheet

    return replace(as_sheet(table), folds=True, spare=("majority", "items", "chance"))


def _show_table(console: Console, table: TextTable) -> None:
    from mubench_gen.console.tables import fit

    fitted = fit(_sheet(table), console.width)
    console.print(*fitted.tables, sep="\n")
    for note in table.notes:
        console.print(printable(note), style="dim", highlight=False, markup=False)
    if fitted.left_out:
        words = f"Hidden (terminal too narrow): {', '.join(fitted.left_out)}."
        console.print(words, style="dim", highlight=False, markup=False)
