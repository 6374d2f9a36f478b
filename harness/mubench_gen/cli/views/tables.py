"""Tables and JSON on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mubench_gen.console.masking import blanked
from mubench_gen.console.notes import note
from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.console.tables import Sheet

_NAME = 40  # characters of a name that is not folded, however narrow the terminal is


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    say(json.dumps(blanked(document), indent=2, ensure_ascii=True, default=str))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str | None = None,
    right: Iterable[int] = (),
    caption: str | None = None,
    spare: Sequence[str] = (),
) -> None:
    """Print a table; columns whose numbers are in `right` are aligned to the right.

    On a terminal it is fitted to the width, where the columns `spare` are left out first. Elsewhere
    it is plain: a row is a line, so that grep, awk and the like find what they look for.
    """
    from mubench_gen.console.tables import Line, Sheet

    sheet = Sheet(
        columns,
        [[Line(row) for row in rows]],
        title,
        caption,
        right=frozenset(right),
        spare=spare,
        unfolded=_NAME,
    )
    width = None
    if sys.stdout.isatty():
        from rich.console import Console

        width = Console().width
    print_sheet(sheet, width)


def print_lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table whose rows are a line each, on a terminal too: a cell may hold a sentence."""
    from mubench_gen.console.tables import Line, Sheet, plain

    for number, line in enumerate(plain(Sheet(columns, [[Line(row) for row in rows]]))):
        say(mark=line, bold=number == 0)


def print_sheet(sheet: Sheet, width: int | None, notes: Sequence[str] = ()) -> None:
    """Print a table fitted to the width, and notes below it; None: each row is a line."""
    from mubench_gen.console.tables import fit, plain

    if width is None:
        for line in (*plain(sheet), *map(printable, notes)):
            say(line)
        return
    from rich.console import Console

    console = Console(width=width)
    fitted = fit(sheet, width)
    console.print(*fitted.tables, sep="\n")
    for words in notes:
        console.print(printable(words), style="dim", highlight=False, markup=False)
    if fitted.left_out:
        note(f"Hidden (terminal too narrow): {', '.join(fitted.left_out)}.")
