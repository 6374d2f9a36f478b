"""A radar chart: for those who must. Dots with intervals say more, and say it truly."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mubench_gen.console.formats import folded
from mubench_gen.console.numbers import percent
from mubench_gen.report.figures import drawing
from mubench_gen.report.figures.drawing import COLUMN, SMALL, Drawing
from mubench_gen.report.figures.palette import INK, SOFT, colour, marker

LEAST = 3  # axes


def radar(
    axes_names: Sequence[str],
    series: Sequence[tuple[str, Sequence[float]]],
    title: str,
    *,
    width: float = COLUMN,
) -> Drawing:
    """A ring an axis, from 0 in the middle to 100 %; no interval can be shown."""
    figure = drawing.new(width, 0.86 * width + 0.16 * -(-len(series) // 2) + 0.1)
    plot = figure.add_subplot(projection="polar")
    turns = [2 * math.pi * at / len(axes_names) for at in range(len(axes_names))]
    found = Drawing(
        figure,
        title,
        ". ".join(
            f"{label}: "
            + ", ".join(f"{n} {percent(v)} %" for n, v in zip(axes_names, values, strict=True))
            for label, values in series
        ),
    )
    for at, (label, values) in enumerate(series):
        shade = colour(at, len(series))
        shares = [100 * value for value in values]
        (line,) = plot.plot(
            [*turns, turns[0]], [*shares, shares[0]], color=shade, linewidth=1,
            marker=marker(at, len(series)), markersize=3, label=label,
            clip_on=False,
        )  # fmt: skip
        found.tip(line, label)
    plot.set_theta_offset(math.pi / 2)  # type: ignore[attr-defined]
    plot.set_theta_direction(-1)  # type: ignore[attr-defined]
    plot.set_ylim(0, 100)
    plot.set_yticks([25, 50, 75, 100], ["25", "50", "75", ""], fontsize=SMALL - 1, color=SOFT)
    plot.set_xticks(turns, [folded(name, 14) for name in axes_names], fontsize=SMALL - 1, color=INK)
    plot.tick_params(axis="x", pad=6)
    plot.set_rlabel_position(180 / len(axes_names))  # type: ignore[attr-defined]
    plot.spines["polar"].set_color(SOFT)
    figure.legend(loc="outside lower left", ncols=2, labelcolor=INK, borderaxespad=0)
    return found
