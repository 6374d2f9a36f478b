"""A page of figures and tables, for sweeps, forgetting and previews of data."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from markupsafe import Markup

from mubench_gen.report.html.rendering import render
from mubench_gen.report.html.svg import tag

_SCRIPTS = ("dom.js", "theme.js", "tables.js", "figures.js", "static.js")


def static_page(title: str, parts: Sequence[str], notes: Sequence[str], *, by: str) -> str:
    """The page as text; `parts` are HTML, title and notes plain text; `by`: the command."""
    return render(
        "static.html.j2",
        _SCRIPTS,
        title=title,
        parts=[Markup(part) for part in parts],
        notes=notes,
        by=by,
        sections=(),
    )


def html_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, name: str) -> str:
    """A scrollable table of text cells, which can be sorted; the first column has the names.

    `name`: says what it shows to those who do not see it.
    """
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heads)
    body = "".join(_row(row) for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}">'
        f'<table class="plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def drawing(
    parts: Sequence[str], *, width: float, height: float, title: str, class_: str | None = None
) -> str:
    """An SVG picture of fixed size in pixels."""
    return tag(
        "svg",
        tag("title", escape(title)) + "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        font_family="sans-serif",
        font_size=12,
        class_=class_,
    )


def _row(cells: Sequence[str]) -> str:
    name, *others = cells
    cells = [f'<th scope="row">{escape(name)}</th>', *(f"<td>{escape(one)}</td>" for one in others)]
    return f"<tr>{''.join(cells)}</tr>\n"
