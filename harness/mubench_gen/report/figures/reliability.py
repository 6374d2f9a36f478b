"""Reliability of confidences: a square a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mubench_gen.console.formats import folded
from mubench_gen.console.numbers import percent
from mubench_gen.report.figures import drawing
from mubench_gen.report.figures.drawing import COLUMN, SMALL, Drawing, bare
from mubench_gen.report.figures.palette import PAPER, SOFT, colour
from mubench_gen.scores.calibration import Calibration

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def reliability(
    several: Sequence[tuple[str, Calibration]],
    *,
    width: float = COLUMN,
    first: int = 0,
    count: int = 0,
) -> Drawing:
    """Accuracy against confidence, a square a model; on the diagonal a model is calibrated.

    `first`, `count`: the place of the first among all runs of a page, and their number.
    """
    columns = min(len(several), max(1, round(width / (COLUMN / 2))))
    rows = -(-len(several) // columns)
    side = width / max(columns, 2)
    figure = drawing.new(width if columns > 1 else COLUMN * 0.7, rows * (side + 0.3))
    found = Drawing(figure, "Reliability: accuracy against confidence", _told(several))
    for place, (label, one) in enumerate(several):
        axes = figure.add_subplot(rows, columns, place + 1)
        _calibrated(found, axes, one, colour(first + place, count or len(several)))
        axes.set_title(folded(f"{label}: expected error {percent(one.ece)}", 30), fontsize=SMALL)
        axes.set_xlabel("confidence, %")
        axes.set_ylabel("accuracy, %")
    return found


def _calibrated(found: Drawing, axes: Axes, one: Calibration, shade: str) -> None:
    bare(axes, grid="both")
    axes.plot([0, 100], [0, 100], color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    most = max((part.n for part in one.bins), default=1) or 1
    for part in one.bins:
        if part.confidence is None or part.accuracy is None:
            continue
        x, y = 100 * part.confidence, 100 * part.accuracy
        axes.plot([x, x], [x, y], color=shade, linewidth=0.7, alpha=0.6)
        (dot,) = axes.plot(
            [x], [y], marker="o", markersize=2.5 + 5 * (part.n / most) ** 0.5, color=shade,
            markeredgecolor=PAPER, markeredgewidth=0.5, linestyle="none", clip_on=False,
        )  # fmt: skip
        found.tip(
            dot,
            f"confidence {percent(part.low)}–{percent(part.high)} %: right in "
            f"{percent(part.accuracy)} % of {part.n:,}",
        )
    axes.set(xlim=(0, 100), ylim=(0, 100), aspect="equal")
    axes.set_xticks([0, 50, 100])
    axes.set_yticks([0, 50, 100])


def _told(several: Sequence[tuple[str, Calibration]]) -> str:
    return ". ".join(
        f"{label}: expected error {percent(one.ece)} points, mean confidence "
        f"{percent(one.confidence)} %, accuracy {percent(one.accuracy)} % of {one.n:,} answers"
        for label, one in several
    )
