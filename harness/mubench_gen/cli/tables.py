"""Tables and JSON on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from mubench_gen.console.notes import note
from mubench_gen.console.outlet import blanked, say

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
    from mubench_gen.console.tables import Line, Sheet, fit, plain

    sheet = Sheet(
        columns,
        [[Line(row) for row in rows]],
        title,
        caption,
        right=frozenset(right),
        spare=spare,
        unfolded=_NAME,
    )
    if not sys.stdout.isatty():
        for line in plain(sheet):
            say(line)
        return
    from rich.console import Console

    console = Console()
    fitted = fit(sheet, console.width)
    console.print(*fitted.tables, sep="\n")
    if fitted.left_out:
        note(f"Hidden (terminal too narrow): {', '.join(fitted.left_out)}.")
