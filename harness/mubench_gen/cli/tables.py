"""Tables and JSON on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from mubench_gen.console.outlet import blanked, say

_WIDTH = 160  # characters, if stdout is not a terminal


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
) -> None:
    """Print a table; columns whose numbers are in `right` are aligned to the right."""
    from rich.console import Console

    from mubench_gen.console.tables import Line, Sheet, fit

    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    lines = [Line(row) for row in rows]
    sheet = Sheet(columns, [lines], title, caption, right=frozenset(right))
    console.print(*fit(sheet, console.width).tables, sep="\n")
