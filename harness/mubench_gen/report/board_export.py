"""Several runs as one table of models by tasks, in the formats of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import IO

from mubench_gen.compare.boards import boards
from mubench_gen.compare.groups import label_runs
from mubench_gen.console.formats import to_latex, to_markdown
from mubench_gen.report.board_tables import csv_rows, models_across
from mubench_gen.report.export import write_all, write_rows
from mubench_gen.report.metric_table import beside_tables
from mubench_gen.runs.results import Run
from mubench_gen.scores.joint import Adjust
from mubench_gen.scores.metrics import ChosenMetric

FORMATS = ("md", "csv", "latex")


def write_boards(
    form: str,
    runs: Sequence[Run],
    stream: IO[bytes],
    *,
    by: Sequence[str] = (),
    metrics: Sequence[ChosenMetric] = (),
    adjust: Adjust = "maxt",
) -> None:
    """Write the boards of the runs in one of FORMATS, and below them a table a metric."""
    found = boards(runs, by=by or None, adjust=adjust)
    if form == "csv":
        write_rows(*csv_rows(found), stream)
        return
    tables = [replace(models_across(board), lead=board.lead) for board in found]
    measured = [run.measured(metrics, by) for run in runs]
    tables += beside_tables(list(zip(label_runs(runs), measured, strict=True)))
    write_all(tables, to_markdown if form == "md" else to_latex, stream)
