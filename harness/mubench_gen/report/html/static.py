"""A page of figures and tables without a script, for sweeps and forgetting."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mubench_gen.report.html.assets import asset


def static_page(title: str, parts: Sequence[str], notes: Sequence[str], *, by: str) -> str:
    """The page as text; `parts` are HTML, title and notes plain text; `by`: the command."""
    body = [f"<h1>{escape(title)}</h1>", *parts, *(f"<p class=note>{escape(n)}</p>" for n in notes)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="generator" content="mubench-gen {by}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{asset('page.css')}</style></head>"
        "<body><main>\n" + "\n".join(body) + "\n</main></body></html>\n"
    )


def html_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A scrollable table of text cells; the first column has the names."""
    shown = [_row("th", heads), *(_row("td", row) for row in rows)]
    return f'<div class=scroll><table class="plain">{"".join(shown)}</table></div>'


def _row(name: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{name}>{escape(cell)}</{name}>" for cell in cells) + "</tr>\n"
