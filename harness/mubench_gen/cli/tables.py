"""Tables and JSON on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

_WIDTH = 160  # where stdout is no terminal


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=True, default=str) + "\n")


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str | None = None,
    right: Iterable[int] = (),
    caption: str | None = None,
) -> None:
    """A table; the columns numbered in `right` are aligned to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from mubench_gen.tabular import printable

    aligned = set(right)
    table = Table(
        title=None if title is None else Text(printable(title)),
        caption=None if caption is None else Text(printable(caption)),
        title_justify="left",
        caption_justify="left",
    )
    for i, column in enumerate(columns):
        table.add_column(
            Text(printable(column)),
            justify="right" if i in aligned else "left",
            overflow="fold",
            no_wrap=i in aligned,
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(table)
