"""Matrices of shaded cells with their numbers: heat maps and confusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from mubench_gen.console.formats import folded
from mubench_gen.report.figures import drawing
from mubench_gen.report.figures.drawing import COLUMN, SMALL, Drawing
from mubench_gen.report.figures.palette import INK, LINE, SHADE, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW, _TITLE = 0.17, 0.2  # inches
_DARKEST = 0.62  # of a cell, so that its number stays readable in both themes
_LEAST, _MOST = 4.0, 6.0  # points of a number
_WIDE = 0.72  # of a number's size: the width of a digit, with some room
_TOO_SMALL = 3.0  # points at which a number would have room
_LINE = 7.0  # points of a line of names
MARKS = "*="  # behind a number; the first to go where there is no room
_LONGEST = 26  # characters of a label


@dataclass(frozen=True, slots=True)
class Matrix:
    """Cells by rows and columns: their shade from 0 to 1 (None: no value), and their text.

    framed: cells with a border (row, column), such as the right answers. rules: rows behind
    which a line ends a group. longest: characters of a row's name.
    """

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    shades: Sequence[Sequence[float | None]]
    texts: Sequence[Sequence[str]]
    across: str = ""
    down: str = ""
    framed: Sequence[tuple[int, int]] = ()
    rules: Sequence[int] = ()
    longest: int = _LONGEST


def matrices(
    several: Sequence[Matrix], title: str, *, below: str = "", width: float = COLUMN
) -> Drawing:
    """The matrices below each other, each in the whole width; `below`: a line of words."""
    heights = [_height(one) for one in several]
    figure = drawing.new(width, sum(heights) + (0.15 if below else 0))
    figure.supxlabel(below, fontsize=SMALL, color=SOFT)
    rows = figure.add_gridspec(len(several), 1, height_ratios=heights)
    found = Drawing(figure, title, ". ".join(map(_told, several)))
    for place, one in enumerate(several):
        _draw(found, figure.add_subplot(rows[place]), one, width)
    return found


def _height(one: Matrix) -> float:
    longest = max((len(_shortened(name)) for name in one.columns), default=0)
    named = 0.056 * longest + 0.12
    return len(one.rows) * _ROW + named + _TITLE + (_TITLE if one.across else 0) + 0.1


def _draw(found: Drawing, axes: Axes, one: Matrix, width: float) -> None:
    from matplotlib.patches import Rectangle

    size, marked = _fitting(one, width)
    for y, (shades, texts) in enumerate(zip(one.shades, one.texts, strict=True)):
        for x, (shade, text) in enumerate(zip(shades, texts, strict=True)):
            alpha = _DARKEST * (shade or 0.0)
            cell = Rectangle((x, y), 1, 1, facecolor=SHADE, alpha=alpha, linewidth=0)
            axes.add_patch(cell)
            found.tip(cell, f"{one.rows[y]}, {one.columns[x]}: {text or 'no value'}")
            if (y, x) in one.framed:
                axes.add_patch(
                    Rectangle((x + 0.04, y + 0.04), 0.92, 0.92, fill=False, edgecolor=INK,
                              linewidth=0.7)
                )  # fmt: skip
            if size >= _LEAST:
                axes.text(
                    x + 0.5, y + 0.5, text if marked else text.rstrip(MARKS), ha="center",
                    va="center", fontsize=size, color=INK, clip_on=True,
                )  # fmt: skip
    axes.set_xlim(0, len(one.columns))
    axes.set_ylim(len(one.rows), 0)
    for row in one.rules:
        axes.axhline(row, color=INK, linewidth=0.6)
    for side in axes.spines.values():
        side.set_color(LINE)
    named = _named(one, width)
    axes.set_xticks(
        [x + 0.5 for x in named], [_shortened(one.columns[x]) for x in named],
        rotation=90 if _is_crowded(one, width) else 45, ha="left", rotation_mode="anchor",
        va="center", color=INK,
    )  # fmt: skip
    axes.xaxis.tick_top()
    rows = [_shortened(name, one.longest) for name in one.rows]
    axes.set_yticks([y + 0.5 for y in range(len(one.rows))], rows)
    axes.xaxis.set_label_position("bottom")
    axes.set_xlabel(one.across)
    axes.set_ylabel(one.down)
    if one.title:
        axes.set_title(folded(one.title, 60), loc="left", pad=3)


def _fitting(one: Matrix, width: float) -> tuple[float, bool]:
    """The size of the numbers in points, 0 where they would run into each other, and whether there
    is room for their marks."""
    room = _room(one, width)
    longest = max((len(text) for texts in one.texts for text in texts), default=1) or 1
    bare = max((len(text.rstrip(MARKS)) for texts in one.texts for text in texts), default=1) or 1
    marked = room / (_WIDE * longest) >= _LEAST
    size = room / (_WIDE * (longest if marked else bare))
    return (0.0 if size < _TOO_SMALL else min(_MOST, max(_LEAST, size))), marked


def _room(one: Matrix, width: float) -> float:
    """The width of a column in points."""
    names = 0.055 * max((len(_shortened(n, one.longest)) for n in one.rows), default=0) + 0.1
    return 72 * (width - names) / max(len(one.columns), 1)


def _named(one: Matrix, width: float) -> range:
    """The columns that have their name above them: of numbers that have no room, the first and each
    so many behind it."""
    numbered = all(name.isdecimal() for name in one.columns)
    return range(0, len(one.columns), ceil(_LINE / _room(one, width)) if numbered else 1)


def _is_crowded(one: Matrix, width: float) -> bool:
    return len(one.columns) > 8 * width / COLUMN


def _shortened(name: str, longest: int = _LONGEST) -> str:
    return name if len(name) <= longest else f"{name[: longest - 2].rstrip()} …"


def _told(one: Matrix) -> str:
    rows = [
        f"{name}: "
        + ", ".join(f"{at} {text or '–'}" for at, text in zip(one.columns, texts, strict=True))
        for name, texts in zip(one.rows, one.texts, strict=True)
    ]
    return f"{one.title}: {'; '.join(rows)}" if one.title else "; ".join(rows)
