"""Squares of two axes: the frontier of a sweep, and one part against another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mubench_gen.console.numbers import percent
from mubench_gen.report.figures import drawing
from mubench_gen.report.figures.drawing import COLUMN, SMALL, Drawing, bare
from mubench_gen.report.figures.palette import (
    INK,
    LINE,
    PAPER,
    SERIES,
    SOFT,
    are_named,
    colour,
    marker,
)
from mubench_gen.scores.pareto import undominated

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_LABEL = 0.12, 0.05  # a label's width and height, in parts of the dots' range


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """A point of a sweep: its name (α), and accuracies as shares. at: α as a number, None for a
    model that none gives. bands: where the accuracies in-domain, of the rest and their mean may be,
    for all α at once; none where that is not known. method: along whose α it stands, empty for a
    model itself, None where that is not known. kind: "mix" for a mix of outputs with an α for each
    answer, "bound" for the bound of choosing between the two.
    """

    name: str
    at: float | None
    inside: float
    rest: float
    mean: float
    bands: tuple[tuple[float, float], ...] = ()
    method: str | None = None
    kind: Literal["alpha", "mix", "bound"] = "alpha"

    @property
    def is_model(self) -> bool:
        return self.method == ""

    @property
    def alpha(self) -> str:
        """Its α, without the method."""
        return self.name.removeprefix(f"{self.method} ")


def _methods(steps: Sequence[SweepPoint]) -> list[str]:
    """The methods, where the names tell them."""
    return list(dict.fromkeys(one.method for one in steps if one.method and one.alpha != one.name))


def frontier(steps: Sequence[SweepPoint], title: str, *, width: float = COLUMN) -> Drawing:
    """In-domain against the rest, a point a step; below it the accuracies along α, of several
    methods the mean by each.
    """
    figure = drawing.new(width, 1.72 * width if width < 2 * COLUMN else 0.5 * width)
    grid = (2, 1) if width < 2 * COLUMN else (1, 2)
    methods = _methods(steps)
    told = "; ".join(
        f"{_spoken(one, methods)}: in-domain {percent(one.inside)} %, rest {percent(one.rest)} %, "
        f"mean {percent(one.mean)} %"
        for one in steps
    )
    found = Drawing(figure, title, told)
    _against(found, figure.add_subplot(*grid, 1), steps)
    axes = figure.add_subplot(*grid, 2)
    numbered = [one for one in steps if one.at is not None]
    if methods:
        _by_method(axes, numbered, methods)
    else:
        _along(axes, numbered)
    _models(axes, [one for one in steps if one.is_model])
    return found


def _spoken(step: SweepPoint, methods: Sequence[str]) -> str:
    named = methods or step.is_model or step.kind != "alpha"
    return step.name if named else f"α {step.name}"


def _against(found: Drawing, axes: Axes, every: Sequence[SweepPoint]) -> None:
    steps = [one for one in every if one.kind == "alpha"]
    others = [_dot(one, one.kind != "bound", ()) for one in every if one.kind != "alpha"]
    kept = undominated([(one.rest, one.inside) for one in steps])
    methods = _methods(steps)
    dots = [_dot(*pair, methods) for pair in zip(steps, kept, strict=True)]
    pareto = sorted((one for one in dots if not one.is_open), key=lambda one: one.across)
    along = [dot for dot, one in zip(dots, steps, strict=True) if not one.is_model]
    several = bool(methods) or any("=" in one.name for one in steps)
    told = ["numbers: α"] * bool(methods) + ["filled: Pareto points"] * (not all(kept))
    if others:
        told = ["dots filled: Pareto", "squares: α by answer", "open square: bound"]
    line = pareto if several else along
    _drawn(found, axes, Panel("rest", "in-domain", dots, line, others, ", ".join(told)))


def _dot(step: SweepPoint, stays: bool, methods: Sequence[str]) -> Dot:
    """A step's dot; by several methods in its method's colour, with its α beside it."""
    place = methods.index(step.method) if step.method in methods else None
    count = len(methods)
    return Dot(
        _spoken(step, methods),
        100 * step.rest,
        100 * step.inside,
        label="" if place is None or are_named(count) else step.alpha,
        is_open=not stays,
        shade=SERIES[2] if not methods else INK if place is None else colour(place, count),
        shape="o" if place is None else marker(place, count),
    )


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a panel, in %. name: for its tooltip; label: what stands beside it, the name if
    there is none; is_open: whether it is drawn hollow; shade, shape: its colour and mark.
    """

    name: str
    across: float
    up: float
    label: str = ""
    is_open: bool = False
    shade: str = SERIES[2]
    shape: str = "o"


@dataclass(frozen=True, slots=True)
class Panel:
    """Accuracies on two parts. line: the dots that a line joins; others: squares, such as
    published points; note: what stands above.
    """

    across: str
    up: str
    dots: Sequence[Dot]
    line: Sequence[Dot]
    others: Sequence[Dot] = ()
    note: str = ""


def against(panels: Sequence[Panel], title: str, *, width: float = COLUMN) -> Drawing:
    """A panel beside the other: one part's accuracy against another's."""
    figure = drawing.new(width, 1.15 * width / len(panels))
    told = "; ".join(
        f"{one.name}: {panel.across} {one.across:.1f} %, {panel.up} {one.up:.1f} %"
        for panel in panels
        for one in (*panel.dots, *panel.others)
    )
    found = Drawing(figure, title, told)
    for place, panel in enumerate(panels, start=1):
        _drawn(found, figure.add_subplot(1, len(panels), place), panel)
    return found


def _drawn(found: Drawing, axes: Axes, panel: Panel) -> None:
    bare(axes, grid="both")
    axes.plot(
        [one.across for one in panel.line], [one.up for one in panel.line], linewidth=1,
        color=SOFT if len({one.shade for one in panel.line}) > 1 else SERIES[2],
    )  # fmt: skip
    named = _apart([*panel.others, *panel.dots[:1], *panel.dots[-1:], *panel.dots])
    for dots, other in ((panel.dots, None), (panel.others, (SERIES[0], "s"))):
        for one in dots:
            shade, shape = other or (one.shade, one.shape)
            edge, fill = (shade, PAPER) if one.is_open else (PAPER, shade)
            (dot,) = axes.plot(
                [one.across], [one.up], color=shade, marker=shape, markersize=4.5,
                markerfacecolor=fill, markeredgecolor=edge, markeredgewidth=0.5,
            )  # fmt: skip
            found.tip(
                dot, f"{one.name}: {panel.across} {one.across:.1f} %, {panel.up} {one.up:.1f} %"
            )
            if one in named:
                axes.annotate(
                    one.label or one.name, (one.across, one.up), xytext=(4, 4),
                    textcoords="offset points", fontsize=SMALL, color=INK,
                )  # fmt: skip
    axes.margins(0.12)
    if panel.note:
        axes.set_title(panel.note, fontsize=SMALL, color=INK)
    axes.set_xlabel(f"{panel.across}, %")
    axes.set_ylabel(f"{panel.up}, %")


def _apart(dots: Sequence[Dot]) -> list[Dot]:
    """The dots whose labels have room, the first ones first; the others keep their tooltips."""
    width, height = (
        max(values) - min(values) or 1.0
        for values in ([one.across for one in dots], [one.up for one in dots])
    )
    kept: list[Dot] = []
    for one in dots:
        if all(
            abs(one.across - other.across) > _LABEL[0] * width
            or abs(one.up - other.up) > _LABEL[1] * height
            for other in kept
        ):
            kept.append(one)
    return kept


def _along(axes: Axes, steps: Sequence[SweepPoint]) -> None:
    bare(axes, grid="both")
    for name, values, at, style in (
        ("in-domain", [one.inside for one in steps], 0, (0, (4, 2))),
        ("rest", [one.rest for one in steps], 1, (0, (4, 2))),
        ("mean", [one.mean for one in steps], 2, "-"),
    ):
        axes.plot(
            [one.at or 0.0 for one in steps], [100 * value for value in values], color=SERIES[at],
            linestyle=style, linewidth=1.2, marker="os^"[at], markersize=3.5, label=name,
        )  # fmt: skip
        banded = [one for one in steps if one.bands]
        axes.fill_between(
            [one.at or 0.0 for one in banded], [100 * one.bands[at][0] for one in banded],
            [100 * one.bands[at][1] for one in banded], color=SERIES[at], alpha=0.13, linewidth=0,
        )  # fmt: skip
    if any(one.bands for one in steps):
        axes.set_title("shaded: band of the gains over the base", fontsize=SMALL, color=INK)
    _labelled(axes)


def _by_method(axes: Axes, steps: Sequence[SweepPoint], methods: Sequence[str]) -> None:
    """The mean along α, a line a method; by part the names alone."""
    bare(axes, grid="both")
    for place, method in enumerate(methods):
        along = [one for one in steps if one.method == method]
        axes.plot(
            [one.at or 0.0 for one in along], [100 * one.mean for one in along], linewidth=1.2,
            color=colour(place, len(methods)), marker=marker(place, len(methods)), markersize=3.5,
            label=method,
        )  # fmt: skip
    axes.set_title("mean of in-domain and rest", fontsize=SMALL, color=INK)
    _labelled(axes)


def _models(axes: Axes, steps: Sequence[SweepPoint]) -> None:
    """The means of models that no α gives, as lines from side to side."""
    for one in steps:
        axes.axhline(100 * one.mean, color=SOFT, linewidth=0.8, linestyle=(0, (1, 2)))
        axes.annotate(
            f"{one.name}, mean", (0, 100 * one.mean), xycoords=("axes fraction", "data"),
            xytext=(2, 2), textcoords="offset points", fontsize=SMALL, color=INK,
        )  # fmt: skip


def _labelled(axes: Axes) -> None:
    axes.margins(0.06)
    axes.set_xlabel("α")
    axes.set_ylabel("accuracy, %")
    axes.legend(labelcolor=INK, handlelength=2.2)
    axes.spines["bottom"].set_color(LINE)
