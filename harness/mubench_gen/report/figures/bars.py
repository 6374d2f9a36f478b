"""Bars: the positions of answers, and what fine-tunes learned and forgot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mubench_gen.console.formats import folded
from mubench_gen.console.numbers import percent
from mubench_gen.report.figures import drawing
from mubench_gen.report.figures.drawing import COLUMN, SMALL, Drawing, bare
from mubench_gen.report.figures.palette import INK, PAPER, SERIES, SOFT, colour

_ROW = 0.19  # inches


@dataclass(frozen=True, slots=True)
class PositionShares:
    """One run's shares of the answers, and of the right options, at each position of the list."""

    label: str
    answered: Sequence[float]
    gold: Sequence[float]


def positions(
    several: Sequence[PositionShares],
    *,
    width: float = COLUMN,
    top: float = 0.01,
    first: int = 0,
    count: int = 0,
) -> Drawing:
    """Bars: the answers at each position; lines: the right options. A plot a run.

    `top`: the least height of the axis, as a share. `first`, `count`: the place of the first run
    among all of a page, and their number.
    """
    columns = min(len(several), max(1, round(width / (COLUMN / 2))))
    rows = -(-len(several) // columns)
    figure = drawing.new(width if columns > 1 else COLUMN * 0.7, 1.35 * rows + 0.1)
    found = Drawing(
        figure, "Position bias: shares of the answers by position", ". ".join(map(_placed, several))
    )
    top = max(top, *(share for one in several for share in (*one.answered, *one.gold)))
    for place, one in enumerate(several):
        axes = figure.add_subplot(rows, columns, place + 1)
        bare(axes, grid="y")
        names = [_letter(at) for at in range(len(one.answered))]
        bars = axes.bar(
            names, [100 * share for share in one.answered], width=0.66,
            color=colour(first + place, count or len(several)), alpha=0.85,
        )  # fmt: skip
        axes.hlines(
            [100 * share for share in one.gold], [at - 0.42 for at in range(len(names))],
            [at + 0.42 for at in range(len(names))], color=INK, linewidth=1.4,
        )  # fmt: skip
        for bar, words in zip(bars, _positions(one), strict=True):
            found.tip(bar, words)
        axes.set_ylim(0, 105 * top)
        axes.set_title(folded(one.label, 30), fontsize=SMALL)
    figure.supxlabel("bars: answers, %; lines: right options", fontsize=SMALL, color=SOFT)
    return found


@dataclass(frozen=True, slots=True)
class Changed:
    """A group of items: the shares forgotten and learned, and the change in words."""

    name: str
    forgotten: float
    learned: float
    told: str


def changes(groups: Sequence[Changed], title: str, *, width: float = COLUMN) -> Drawing:
    """Forgotten to the left, learned to the right, a row a group, in the given order."""
    figure = drawing.new(width, len(groups) * _ROW + 0.55)
    axes = figure.add_subplot()
    found = Drawing(figure, title, ". ".join(map(_changed, groups)))
    bare(axes, grid="x")
    rows = list(range(len(groups)))
    for words, shade, way in (("forgotten", SERIES[1], -1), ("learned", SERIES[0], 1)):
        bars = axes.barh(
            rows, [way * 100 * getattr(one, words) for one in groups], height=0.7, color=shade,
            edgecolor=PAPER, linewidth=0.4, label=words, hatch="////" if way < 0 else None,
        )  # fmt: skip
        for bar, one in zip(bars, groups, strict=True):
            found.tip(bar, _changed(one))
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(rows, [folded(one.name, 22) for one in groups])
    axes.invert_yaxis()
    right = axes.secondary_yaxis("right")
    right.set_yticks(rows, [one.told for one in groups], color=SOFT, fontsize=SMALL - 1)
    right.spines["right"].set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    axes.set_xlabel("← forgotten   % of the items   learned →")
    return found


def _positions(one: PositionShares) -> list[str]:
    return [
        f"{_letter(at)}: {percent(share)} % of answers, {percent(gold)} % of right options"
        for at, (share, gold) in enumerate(zip(one.answered, one.gold, strict=True))
    ]


def _placed(one: PositionShares) -> str:
    return f"{one.label}: {'; '.join(_positions(one))}"


def _changed(one: Changed) -> str:
    return (
        f"{one.name}: forgotten {percent(one.forgotten)} %, learned {percent(one.learned)} %, "
        f"change {one.told}"
    )


def _letter(at: int) -> str:
    return chr(ord("A") + at) if at < 26 else str(at + 1)
