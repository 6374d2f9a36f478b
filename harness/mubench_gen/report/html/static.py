"""A page of figures and tables, for sweeps, forgetting and previews of data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape

from markupsafe import Markup

from mubench_gen.report.figures.drawing import Drawing
from mubench_gen.report.html.rendering import render

_SCRIPTS = ("dom.js", "theme.js", "tables.js", "figures.js", "static.js")


def static_page(
    title: str,
    parts: Sequence[str],
    notes: Sequence[str],
    *,
    by: str,
    sections: Sequence[Mapping[str, str]] = (),
) -> str:
    """The page as text; `parts` are HTML, title and notes plain text; `by`: the command;
    `sections`: the id and the name of what the top of the page links to."""
    return render(
        "static.html.j2",
        _SCRIPTS,
        title=title,
        parts=[Markup(part) for part in parts],
        notes=notes,
        by=by,
        sections=sections,
    )


def html_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    name: str,
    words: Collection[int] = (),
) -> str:
    """A scrollable table of text cells, which can be sorted; the first column has the names.

    `name`: says what it shows to those who do not see it; `words`: other columns that are no
    numbers.
    """
    head = "".join(
        f'<th scope="col"{_kind(at, words)}>{escape(cell)}</th>' for at, cell in enumerate(heads)
    )
    return scrolling(head, "".join(_row(row, words) for row in rows), name=name)


def scrolling(head: str, body: str, *, name: str, kind: str = "plain") -> str:
    """A table of these cells and rows, which are HTML, in a region that scrolls; `name`: says what
    it shows to those who do not see it; `kind`: its classes."""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}">'
        f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def html_figure(drawing: Drawing) -> str:
    """A drawing in a region that scrolls where it is wider than the window."""
    name = escape(drawing.title)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Figure: {name}">'
        f'<div data-figure="{name}">{drawing.inline()}</div></div>'
    )


def _row(cells: Sequence[str], words: Collection[int]) -> str:
    name, *others = cells
    cells = [
        f'<th scope="row">{escape(name)}</th>',
        *(f"<td{_kind(at, words)}>{escape(one)}</td>" for at, one in enumerate(others, start=1)),
    ]
    return f"<tr>{''.join(cells)}</tr>\n"


def _kind(at: int, words: Collection[int]) -> str:
    return ' class="word"' if at in words else ""
