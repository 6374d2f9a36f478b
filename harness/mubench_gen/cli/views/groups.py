"""`report --group FACT`: groups of models side by side, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mubench_gen.cli.views.tables import print_table
from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.runs.results import Run
    from mubench_gen.scores.joint import Adjust


def show(runs: Sequence[Run], fact: str, *, adjust: Adjust = "maxt") -> None:
    """Print the groups, their scores on the items that all runs have, and the differences."""
    from mubench_gen.compare.groups import label_runs
    from mubench_gen.compare.model_groups import group_runs
    from mubench_gen.report.group_tables import (
        difference_table,
        group_notes,
        model_table,
        score_table,
    )

    labels = label_runs(runs)
    found = group_runs(runs, labels, fact=fact, adjust=adjust)
    for table in (model_table(found, runs, labels), score_table(found), difference_table(found)):
        if table is not None:
            print_table(
                table.columns,
                [row for section in table.sections for row in section],
                title=table.title,
                right=range(table.texts, len(table.columns)),
            )
    for note in group_notes(found):
        say(printable(note))
