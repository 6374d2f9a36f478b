"""Lines along α: a sweep under several conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mubench_gen.console.formats import folded
from mubench_gen.report.figures import drawing
from mubench_gen.report.figures.drawing import COLUMN, SMALL, Drawing, bare
from mubench_gen.report.figures.palette import INK, LINE, PAPER, colour


@dataclass(frozen=True, slots=True)
class AlphaLine:
    """Accuracies in % along α: `at` is each α as a number, None where it is none; best: the place
    of the highest."""

    name: str
    at: Sequence[float | None]
    values: Sequence[float]
    best: int


def along(
    lines: Sequence[AlphaLine], alphas: Sequence[str], title: str, *, width: float = COLUMN
) -> Drawing:
    """Lines along α, the best of each drawn larger; α without a number stand in their order."""
    figure = drawing.new(width, 0.42 * width + 0.16 * -(-len(lines) // 2))
    told = "; ".join(
        f"{line.name}: "
        + ", ".join(
            f"α {name} {value:.1f} %" for name, value in zip(alphas, line.values, strict=True)
        )
        for line in lines
    )
    found = Drawing(figure, title, told)
    axes = figure.add_subplot()
    bare(axes, grid="both")
    in_order = any(at is None for line in lines for at in line.at)
    for number, line in enumerate(lines):
        shade = colour(number, len(lines))
        across = [place if in_order else at or 0.0 for place, at in enumerate(line.at)]
        axes.plot(across, line.values, color=shade, linewidth=1.2, label=folded(line.name, 40))
        for place, (x, y) in enumerate(zip(across, line.values, strict=True)):
            (dot,) = axes.plot(
                [x], [y], color=shade, marker="o", markersize=6.5 if place == line.best else 3,
                markeredgecolor=PAPER, markeredgewidth=0.5,
            )  # fmt: skip
            found.tip(dot, f"{line.name}, α {alphas[place]}: {y:.1f} %")
    if in_order:
        axes.set_xticks(range(len(alphas)), [folded(name, 24) for name in alphas])
        axes.tick_params(axis="x", labelrotation=90)
    axes.margins(0.06)
    axes.set_xlabel("α")
    axes.set_ylabel("mean, %")
    axes.set_title("large dots: the best α of each", fontsize=SMALL, color=INK)
    axes.legend(labelcolor=INK, handlelength=2.2, loc="upper center", ncols=2,
                bbox_to_anchor=(0.5, -0.16))  # fmt: skip
    axes.spines["bottom"].set_color(LINE)
    return found
