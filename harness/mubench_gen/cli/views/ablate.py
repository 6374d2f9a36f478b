"""Prints the results of a study as tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mubench_gen.cli.views.tables import print_table
from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.console.formats import TextTable


def show(tables: Iterable[TextTable]) -> None:
    """Print all tables on stdout, each with its notes."""
    for table in tables:
        for line in table.lead:
            say(printable(line))
        columns = len(table.columns)
        print_table(
            table.columns,
            [row for section in table.sections for row in section],
            title=table.title,
            right=range(table.texts, columns - table.after),
        )
        for line in table.notes:
            say(printable(line))
