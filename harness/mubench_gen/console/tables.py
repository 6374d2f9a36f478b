"""Fits a table to the width of the terminal.

Where it is too wide, these go in this order: the frame, empty columns, long headings, columns that
are named below the table instead, long words. At last the columns are split into tables below each
other. Numbers are never cut. Where stdout is no terminal, `plain` makes each row a line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mubench_gen.console.formats import Strong, TextTable, folded, pieces
from mubench_gen.console.outlet import printable

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_NAME = 24  # characters of a first column, and of a word, that are not folded
_PADDED = 40  # characters of a plain column; a longer cell moves only what is behind it in its row
_FOLDED = 10  # characters of a word in a further column where there is no other way


@dataclass(frozen=True, slots=True)
class Line:
    """A row, and how its text looks (a style of rich)."""

    cells: Sequence[str]
    style: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table before it is fitted to a width.

    `right`: columns that are right-aligned and never folded; `short`: short forms of headings;
    `spare`: headings of the columns that may be left out, the first one first; `folds`: whether
    the headings of right-aligned columns may be folded; `unfolded`: characters of the first
    column that are not folded.
    """

    columns: Sequence[str]
    sections: Sequence[Sequence[Line]]
    title: str | None = None
    caption: str | None = None
    right: Collection[int] = ()
    short: Mapping[str, str] = field(default_factory=dict)
    spare: Sequence[str] = ()
    folds: bool = False
    unfolded: int = _NAME

    def lines(self) -> Iterator[Line]:
        for section in self.sections:
            yield from section


def as_sheet(table: TextTable) -> Sheet:
    """A table of texts as a terminal shows it."""
    sections = [[Line(row) for row in section] for section in table.sections]
    numbers = range(table.texts, len(table.columns))
    return Sheet(table.columns, sections, table.title, right=numbers)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A table fitted to a width, as several one below the other if it has too many columns, and
    the headings of the columns that were left out.
    """

    tables: tuple[Table, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Layout:
    kept: tuple[int, ...]
    headings: tuple[str, ...]
    gap: int = 0  # between columns; 0: a frame
    word: int = _NAME  # characters at which words of texts are folded


def width_of_stdout(elsewhere: int) -> int | None:
    """The width of results for rich: None where the terminal or COLUMNS tells it."""
    return None if sys.stdout.isatty() or os.environ.get("COLUMNS") else elsewhere


def plain(sheet: Sheet) -> Iterator[str]:
    """The title, the headings, a line a row, and the caption; columns stand below each other."""
    rows = [sheet.columns, *(line.cells for line in sheet.lines())]
    texts = [[" ".join(printable(cell).split()) for cell in row] for row in rows]
    columns = range(len(sheet.columns))
    longest = [max((_cells(row[i]) for row in texts if i < len(row)), default=0) for i in columns]
    if sheet.title is not None:
        yield printable(sheet.title)
    for row in texts:
        cells = (_padded(sheet, place, text, longest[place]) for place, text in enumerate(row))
        yield "  ".join(cells).rstrip()
    if sheet.caption is not None:
        yield printable(sheet.caption)


def _padded(sheet: Sheet, place: int, text: str, longest: int) -> str:
    space = " " * (min(longest, _PADDED) - _cells(text))
    return space + text if place in sheet.right else text + space


def fit(sheet: Sheet, width: int) -> Fitted:
    """The table in the first layout that fits the width, or else the narrowest one in parts."""
    layout = _Layout((), ())
    for layout in _layouts(sheet):
        if _needed(sheet, layout) <= width:
            break
    left_out = tuple(
        column
        for place, column in enumerate(sheet.columns)
        if place not in layout.kept and column in sheet.spare and _filled(sheet, place)
    )
    parts = _parts(sheet, layout, width)
    tables = (_drawn(sheet, part, width, titled=part is parts[0]) for part in parts)
    return Fitted(tuple(tables), left_out)


def _layouts(sheet: Sheet) -> Iterator[_Layout]:
    whole = _Layout(tuple(range(len(sheet.columns))), tuple(sheet.columns), word=sheet.unfolded)
    yield whole
    yield replace(whole, gap=2)
    kept = tuple(place for place in whole.kept if place == 0 or _filled(sheet, place))
    filled = replace(whole, kept=kept)
    yield replace(filled, gap=2)
    yield replace(filled, gap=1)
    brief = replace(filled, headings=tuple(sheet.short.get(c, c) for c in sheet.columns))
    yield replace(brief, gap=2)
    yield replace(brief, gap=1)
    for spare in sheet.spare:
        kept = tuple(place for place in kept if sheet.columns[place] != spare)
        yield replace(brief, kept=kept, gap=2)
        yield replace(brief, kept=kept, gap=1)
    yield replace(brief, kept=kept, gap=1, word=_FOLDED)


def _parts(sheet: Sheet, layout: _Layout, width: int) -> list[_Layout]:
    """The layout, split into parts if it does not fit; each part has the first column."""
    if not layout.kept or _needed(sheet, layout) <= width:
        return [layout]
    layout = replace(layout, word=_NAME)
    name, *others = layout.kept
    parts = [replace(layout, kept=(name,))]
    for place in others:
        more = replace(layout, kept=(*parts[-1].kept, place))
        if _needed(sheet, more) <= width or len(parts[-1].kept) == 1:
            parts[-1] = more
        else:
            parts.append(replace(layout, kept=(name, place)))
    return parts


def _filled(sheet: Sheet, place: int) -> bool:
    return any(place < len(line.cells) and line.cells[place] for line in sheet.lines())


def _needed(sheet: Sheet, layout: _Layout) -> int:
    return _between(layout) + sum(_least(sheet, layout, place) for place in layout.kept)


def _between(layout: _Layout) -> int:
    gaps = len(layout.kept) - 1
    return 3 * gaps + 4 if layout.gap == 0 else layout.gap * gaps


def _least(sheet: Sheet, layout: _Layout, place: int) -> int:
    """The least width of a column: that of the longest word if its texts can be folded."""
    longest = _longest(sheet, layout, place)
    if place in sheet.right:
        return _number(sheet, layout, place) if sheet.folds else longest
    if place == 0:
        return min(longest, sheet.unfolded)
    words = [word for text in _texts(sheet, layout, place) for word in text.split()]
    return min(max(map(len, words), default=0), layout.word)


def _number(sheet: Sheet, layout: _Layout, place: int) -> int:
    """The least width of a column of numbers whose heading may be folded."""
    heading, *cells = _texts(sheet, layout, place)
    return max(len(text.rstrip()) for text in (*pieces(heading), *cells))


def _longest(sheet: Sheet, layout: _Layout, place: int) -> int:
    return max(map(_cells, _texts(sheet, layout, place)), default=0)


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _texts(sheet: Sheet, layout: _Layout, place: int) -> list[str]:
    cells = (line.cells[place] for line in sheet.lines() if place < len(line.cells))
    return [printable(text) for text in (layout.headings[place], *cells)]


def _widths(sheet: Sheet, layout: _Layout, width: int) -> dict[int, int]:
    """The width of each column; what is left goes to those whose texts are folded most."""
    found = {place: _least(sheet, layout, place) for place in layout.kept}
    most = {place: _longest(sheet, layout, place) for place in layout.kept}
    for _ in range(width - _needed(sheet, layout)):
        place = max(found, key=lambda one: most[one] - found[one])
        if found[place] >= most[place]:
            break
        found[place] += 1
    return found


def _drawn(sheet: Sheet, layout: _Layout, width: int, *, titled: bool) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(printable(sheet.title)) if sheet.title is not None and titled else None,
        caption=Text(printable(sheet.caption)) if sheet.caption is not None and titled else None,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD if layout.gap else box.HEAVY_HEAD,
        show_edge=not layout.gap,
        pad_edge=not layout.gap,
        padding=(0, layout.gap - 1, 0, 0) if layout.gap else (0, 1),
    )
    for place, wide in _widths(sheet, layout, width).items():
        right = place in sheet.right
        heading = printable(layout.headings[place])
        table.add_column(
            Text(folded(heading, wide) if sheet.folds and right else heading),
            justify="right" if right else "left",
            overflow="ellipsis" if right else "fold",
            no_wrap=right,
            width=max(wide, 1),
        )
    for section in sheet.sections:
        for line in section:
            cells = [line.cells[place] if place < len(line.cells) else "" for place in layout.kept]
            table.add_row(*map(_text, cells), style=line.style)
        table.add_section()
    return table


def _text(cell: str) -> Text:
    from rich.text import Text

    return Text(printable(cell), style="bold" if isinstance(cell, Strong) else "")
