"""Dots with their intervals, in groups below each other: scores by task, effects by level."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mubench_gen.console.formats import folded
from mubench_gen.console.numbers import Ends, interval, percent
from mubench_gen.report.figures import drawing
from mubench_gen.report.figures.drawing import COLUMN, SMALL, Drawing, bare
from mubench_gen.report.figures.palette import INK, LINE, PAPER, SOFT, are_named, colour, marker

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_LANE, _GAP, _LINE = 0.09, 0.07, 0.125  # inches: a mark, between groups, a line of text
_LEAST_EFFECT = 1  # points that an axis of effects shows to both sides, however small they are
_NAME = 22  # characters of a name in one line


@dataclass(frozen=True, slots=True)
class Mark:
    """A value with its interval, as shares. series: the number of its run, from 0; hollow: of an
    unfinished run.
    """

    label: str
    value: float
    ends: Ends
    series: int = 0
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class DotRow:
    """Marks in a row of the figure, with the scores that need no skill. strong: of a row that
    holds others.
    """

    name: str
    marks: Sequence[Mark]
    strong: bool = False
    chance: float | None = None
    majority: float | None = None


def interval_dots(
    groups: Sequence[DotRow],
    title: str,
    *,
    series: Sequence[str] = (),
    axis: str = "accuracy, %",
    zero: bool = False,
    width: float = COLUMN,
    told: Callable[[Mark], str] | None = None,
) -> Drawing:
    """One row a group, its marks below each other; a legend for up to eight series, else the
    names at the marks. `series`: their names, empty where each group names its own marks.
    `zero`: a line at no effect, and an axis that ends where the marks do.
    """
    named = not series or are_named(len(series))
    lane = _LINE if named else _LANE
    lanes = [max(len(group.marks), 0 if named else _lines(group.name)) for group in groups]
    inner = sum(lanes) * lane + len(groups) * (_GAP + (_LINE if named and series else 0))
    legend = 0 if named else -(-len(series) // 2) * 0.16
    figure = drawing.new(width, max(0.4, inner) + 0.45 + legend)
    axes = figure.add_subplot()
    found = Drawing(figure, title, _told(groups, told or _said))
    bare(axes, grid="x")
    places, labels, top = [], [], 0.0
    for group, count in zip(groups, lanes, strict=True):
        headed = named and bool(series)
        if headed:
            places.append(-(top + _LINE / 2))
            labels.append((group.name, INK, group.strong))
            top += _LINE
        height = count * lane
        for at, mark in enumerate(group.marks):
            y = -(top + height / 2 + (at - (len(group.marks) - 1) / 2) * lane)
            for part in _mark(axes, mark, y, len(series) or 1):
                found.tip(part, (told or _said)(mark))
            if named:
                places.append(y)
                labels.append((mark.label, SOFT if series else INK, False))
        if not named:
            places.append(-(top + height / 2))
            labels.append((folded(group.name, _NAME), INK, group.strong))
        _rules(axes, group, -top, -(top + height))
        top += height + _GAP
        axes.axhline(-(top - _GAP / 2), color=LINE, linewidth=0.5, zorder=0)
    _y_axis(axes, places, labels, top)
    _x_axis(axes, groups, axis, zero=zero)
    if not named:
        _legend(found, series, [mark for group in groups for mark in group.marks])
    return found


def _mark(axes: Axes, mark: Mark, y: float, count: int) -> Iterator[Line2D]:
    """Draw the interval and the dot."""
    from matplotlib.lines import Line2D

    shade = colour(mark.series, count)
    if mark.ends is not None:
        ends = [100 * end for end in mark.ends]
        line = Line2D(ends, [y, y], color=shade, linewidth=1, clip_on=False)
        axes.add_line(line)
        yield line
    dot = Line2D(
        [100 * mark.value],
        [y],
        marker=marker(mark.series, count),
        markersize=4.2,
        markerfacecolor=PAPER if mark.hollow else shade,
        markeredgecolor=shade,
        markeredgewidth=0.8,
        linestyle="none",
        clip_on=False,
        zorder=3,
    )
    axes.add_line(dot)
    yield dot


def _rules(axes: Axes, group: DotRow, top: float, bottom: float) -> None:
    """Lines at chance and at the most frequent answer, across the marks of a group."""
    for value, style in ((group.chance, (0, (3, 2))), (group.majority, (0, (1, 1.5)))):
        if value is not None:
            axes.plot([100 * value] * 2, [top, bottom], color=SOFT, linewidth=1, linestyle=style)


def _y_axis(
    axes: Axes, places: Sequence[float], labels: Sequence[tuple[str, str, bool]], height: float
) -> None:
    axes.set_ylim(-height, _GAP / 2)
    axes.set_yticks(places, [words for words, _, _ in labels])
    for tick, (_, shade, strong) in zip(axes.get_yticklabels(), labels, strict=True):
        tick.set_color(shade)
        tick.set_fontweight("bold" if strong else "normal")


def _x_axis(axes: Axes, groups: Sequence[DotRow], words: str, *, zero: bool) -> None:
    if zero:
        axes.axvline(0, color=SOFT, linewidth=0.8)
        axes.margins(x=0.06)
        axes.autoscale(enable=True, axis="x")
        left, right = axes.get_xlim()
        axes.set_xlim(min(left, -_LEAST_EFFECT), max(right, _LEAST_EFFECT))
    else:
        axes.set_xlim(0, 100)
        axes.set_xticks([0, 25, 50, 75, 100])
    rules = (("chance", "- - chance"), ("majority", "· · majority"))
    told = [words for name, words in rules if any(getattr(one, name) is not None for one in groups)]
    axes.set_xlabel("    ".join([words, *told]))


def _legend(found: Drawing, series: Sequence[str], marks: Sequence[Mark]) -> None:
    from matplotlib.lines import Line2D

    hollow = {mark.series for mark in marks if mark.hollow}
    keys = [
        Line2D(
            [], [], color=colour(at, len(series)), marker=marker(at, len(series)), markersize=4.2,
            linewidth=1, markerfacecolor=PAPER if at in hollow else colour(at, len(series)),
            label=name,
        )
        for at, name in enumerate(series)
    ]  # fmt: skip
    found.figure.legend(
        handles=keys, loc="outside upper left", ncols=2, handlelength=1.4, columnspacing=1.2,
        labelcolor=INK, borderaxespad=0, fontsize=SMALL,
    )  # fmt: skip


def _lines(name: str) -> int:
    return folded(name, _NAME).count("\n") + 1


def _said(mark: Mark) -> str:
    return f"{mark.label}: {percent(mark.value)} % ({interval(mark.ends)})"


def _told(groups: Sequence[DotRow], said: Callable[[Mark], str]) -> str:
    told = []
    for group in groups:
        chance = "" if group.chance is None else f"; chance {percent(group.chance)} %"
        told.append(f"{group.name}: {'; '.join(map(said, group.marks))}{chance}")
    return ". ".join(told)
