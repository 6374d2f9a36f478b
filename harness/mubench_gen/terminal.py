"""A table as wide as the terminal: what gives way where it is narrow, and in which order.

First the frame, then columns that are empty, then long headings, and at last columns that
are named below it. Numbers are never cut.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mubench_gen.tabular import printable

if TYPE_CHECKING:
    from rich.table import Table

_NAME = 24  # characters of a first column that are not folded while there is any other way


@dataclass(frozen=True, slots=True)
class Line:
    """A row, and how its text looks (a style of rich)."""

    cells: Sequence[str]
    style: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table as it is meant.

    right: the columns whose texts stand to the right and are never folded; short: headings
    for want of room; spare: headings of the columns that may be left out, the first one first.
    """

    columns: Sequence[str]
    sections: Sequence[Sequence[Line]]
    title: str | None = None
    caption: str | None = None
    right: Collection[int] = ()
    short: Mapping[str, str] = field(default_factory=dict)
    spare: Sequence[str] = ()

    def lines(self) -> Iterator[Line]:
        for section in self.sections:
            yield from section


@dataclass(frozen=True, slots=True)
class Fitted:
    """A table for a width, and the headings of what is not in it."""

    table: Table
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Layout:
    kept: tuple[int, ...]
    headings: tuple[str, ...]
    gap: int = 0  # between columns; 0: a frame


def fit(sheet: Sheet, width: int) -> Fitted:
    """The first layout that is no wider than that; where none is, the narrowest."""
    layout = _Layout((), ())
    for layout in _layouts(sheet):
        if _needed(sheet, layout) <= width:
            break
    left_out = tuple(
        column
        for place, column in enumerate(sheet.columns)
        if place not in layout.kept and column in sheet.spare and _filled(sheet, place)
    )
    return Fitted(_drawn(sheet, layout, fits=_needed(sheet, layout) <= width), left_out)


def _layouts(sheet: Sheet) -> Iterator[_Layout]:
    whole = _Layout(tuple(range(len(sheet.columns))), tuple(sheet.columns))
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


def _filled(sheet: Sheet, place: int) -> bool:
    return any(place < len(line.cells) and line.cells[place] for line in sheet.lines())


def _needed(sheet: Sheet, layout: _Layout) -> int:
    between = len(layout.kept) - 1
    frame = 3 * between + 4 if layout.gap == 0 else layout.gap * between
    return frame + sum(_width(sheet, place, layout.headings[place]) for place in layout.kept)


def _width(sheet: Sheet, place: int, heading: str) -> int:
    """What a column takes at least: of texts that can be folded the longest word."""
    from rich.cells import cell_len

    texts = [printable(line.cells[place]) for line in sheet.lines() if place < len(line.cells)]
    longest = max(map(cell_len, (heading, *texts)), default=0)
    if place in sheet.right:
        return longest
    if place == 0:
        return min(longest, _NAME)
    words = (cell_len(word) for text in (heading, *texts) for word in text.split())
    return min(max(words, default=0), _NAME)


def _drawn(sheet: Sheet, layout: _Layout, *, fits: bool) -> Table:
    """Where it does not fit, words are broken rather than numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=None if sheet.title is None else Text(printable(sheet.title)),
        caption=None if sheet.caption is None else Text(printable(sheet.caption)),
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD if layout.gap else box.HEAVY_HEAD,
        show_edge=not layout.gap,
        pad_edge=not layout.gap,
        padding=(0, layout.gap - 1, 0, 0) if layout.gap else (0, 1),
    )
    for place in layout.kept:
        right = place in sheet.right
        table.add_column(
            Text(printable(layout.headings[place])),
            justify="right" if right else "left",
            overflow="ellipsis" if right else "fold",
            no_wrap=right,
            min_width=_width(sheet, place, layout.headings[place]) if fits or right else 3,
        )
    for section in sheet.sections:
        for line in section:
            cells = [line.cells[place] if place < len(line.cells) else "" for place in layout.kept]
            table.add_row(*(Text(printable(cell)) for cell in cells), style=line.style)
        table.add_section()
    return table
