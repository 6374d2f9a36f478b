"""A sweep as one HTML file: the frontier, accuracy along α, the tables."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.console.numbers import percent, signed
from mubench_gen.interpolation.sweep.frontier import (
    BASE,
    IN_DOMAIN,
    MEAN,
    REST,
    Frontier,
    Gain,
    Point,
)
from mubench_gen.report.figures.drawing import COLUMN, Drawing, styled
from mubench_gen.report.figures.squares import Step, frontier
from mubench_gen.report.html.static import html_figure, html_table, static_page

_HEADS = (
    "α", "in-domain", "rest", "mean", "in-domain − base", "rest − base", "mean − base",
    "in-domain − fine-tune", "rest − fine-tune", "mean − fine-tune",
)  # fmt: skip


def page(found: Frontier, title: str) -> str:
    """The whole page as text."""
    parts = [
        html_figure(figure(found)),
        html_table(_HEADS, ends_rows(found), name="Accuracy by α"),
        html_table(
            ["task (*: in-domain)", "items", *found.alphas],
            task_rows(found),
            name="Accuracy by task",
        ),
    ]
    return static_page(title, parts, explained(found), by="sweep")


def explained(found: Frontier) -> list[str]:
    """Sentences that explain the numbers and recommend an α."""
    lines = [
        f"In-domain: {', '.join(found.in_domain)}. Rest: {', '.join(found.rest)}. Mean: of the "
        f"two, half each. On {found.items:,} items that every α answered"
        + (f" ({found.n_excluded:,} left out)" if found.n_excluded else "")
        + "; unanswered is wrong. Intervals are paired by item and clustered by image."
    ]
    if found.beats_both:
        lines.append(f"The mean is above that of both ends at α {', '.join(found.beats_both)}.")
    else:
        lines.append("No α between the ends has a mean above both.")
    if found.chosen is None:
        lines.append(
            "No α is recommended: a half of the images lacks items in-domain or of the rest."
        )
        return lines
    chosen = found.chosen
    mean = next(point for point in chosen.points if point.part == MEAN)
    lines.append(
        f"Chosen on one half of the images ({chosen.chosen_on:,}, seed {found.seed}): "
        f"α {chosen.alpha}, with a mean of {percent(chosen.mean_there)} % there; on the other "
        f"half ({chosen.scored_on:,}) {percent(mean.accuracy)} %, "
        + ", ".join(
            f"{signed_interval(gain)} against the {end}"
            for end, gain in (("base", mean.over_base), ("fine-tune", mean.over_finetuned))
            if gain is not None
        )
        + "."
    )
    return lines


def figure(found: Frontier, *, width: float = 2 * COLUMN) -> Drawing:
    """The frontier, a point per α, and the accuracies by α."""
    several = zip(found.of(IN_DOMAIN), found.of(REST), found.of(MEAN), strict=True)
    steps = [
        Step(
            a.alpha, None if a.alpha == BASE else float(a.alpha), a.accuracy, b.accuracy, c.accuracy
        )
        for a, b, c in several
    ]
    with styled():
        return frontier(steps, "Frontier: in-domain accuracy against the rest", width=width)


def ends_rows(found: Frontier) -> list[list[str]]:
    """A row per α: the three accuracies, and their differences from both ends."""
    parts = [found.of(part) for part in (IN_DOMAIN, REST, MEAN)]
    return [
        [
            alpha,
            *(percent(points[place].accuracy) for points in parts),
            *(signed_interval(points[place].over_base) for points in parts),
            *(signed_interval(points[place].over_finetuned) for points in parts),
        ]
        for place, alpha in enumerate(found.alphas)
    ]


def task_rows(found: Frontier) -> list[list[str]]:
    """A row per task: the number of items, and the accuracy at each α."""
    rows = []
    for task in (*found.in_domain, *found.rest):
        points: Sequence[Point] = found.of(task)
        if points:
            mark = "* " if task in found.in_domain else ""
            rows.append(
                [f"{mark}{task}", f"{points[0].n:,}", *(percent(p.accuracy) for p in points)]
            )
    return rows


def signed_interval(gain: Gain | None) -> str:
    """A difference in points with its interval; a dash at the end itself."""
    if gain is None:
        return "–"
    low, high = gain.ci95
    return f"{signed(gain.difference)} ({signed(low)} to {signed(high)})"
