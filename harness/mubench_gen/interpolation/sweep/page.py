"""A sweep as one HTML file: the frontier, accuracy along α, the tables; no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

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

_SIDE, _EDGE = 360, 56  # pixels: of a drawing, and of the margin for its numbers
_COLOURS = {IN_DOMAIN: "#1f5fbf", REST: "#b3261e", MEAN: "#2e7d32"}
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0 2rem; }
th, td { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
.scroll { overflow-x: auto; }
svg text { fill: currentColor; }
"""


def page(found: Frontier, title: str) -> str:
    """The whole page as text."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="generator" content="mubench-gen sweep">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>{escape(title)}</h1>\n<div class=scroll>{svg(found, title)}</div>\n"
        f"<div class=scroll>{_ends_table(found)}</div>\n"
        f"<div class=scroll>{_task_table(found)}</div>\n"
        + "".join(f"<p>{escape(line)}</p>\n" for line in explained(found))
        + "</body></html>\n"
    )


def explained(found: Frontier) -> list[str]:
    """What the numbers are, and which α to take, in sentences."""
    lines = [
        f"In-domain: {', '.join(found.in_domain)}. Rest: {', '.join(found.rest)}. Mean: of the "
        f"two, half each. On {found.items:,} items that every α answered"
        + (f" ({found.n_excluded:,} left out)" if found.n_excluded else "")
        + "; unanswered is wrong. Intervals are paired by item and clustered by image."
    ]
    if found.beats_both:
        lines.append(f"The mean is above that of both ends at α {', '.join(found.beats_both)}.")
    else:
        lines.append("No α between has a mean above that of both ends.")
    if found.chosen is None:
        lines.append("No α is recommended: half the images hold no items of both kinds.")
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


def svg(found: Frontier, title: str, *, alone: bool = False) -> str:
    """To the left the frontier, a point an α; to the right accuracy along α.

    `alone`: for a file of its own, with a white ground.
    """
    width, height = 2 * (_SIDE + _EDGE) + 70, _SIDE + _EDGE + 36
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        *([f'<rect width="{width}" height="{height}" fill="white"/>'] if alone else []),
        *_frontier_drawing(found),
        *_along_alpha(found, _SIDE + _EDGE + 60),
        "</svg>",
    ]
    return "".join(body)


def _frontier_drawing(found: Frontier) -> list[str]:
    inside, rest = found.of(IN_DOMAIN), found.of(REST)
    across, up = _Scale([p.accuracy for p in rest]), _Scale([p.accuracy for p in inside])
    places = [
        (_EDGE + across(a.accuracy), 24 + _SIDE - up(b.accuracy))
        for a, b in zip(rest, inside, strict=True)
    ]
    body = [*_frame(_EDGE, "rest, %", "in-domain, %"), *_ticks(_EDGE, across, up)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    body.append(f'<polyline points="{line}" fill="none" stroke="{_COLOURS[MEAN]}"/>')
    for (x, y), one, other in zip(places, rest, inside, strict=True):
        said = (
            f"α {one.alpha}: rest {percent(one.accuracy)} %, in-domain {percent(other.accuracy)} %"
        )
        body.append(
            f'<g><title>{escape(said)}</title><circle cx="{x:.1f}" cy="{y:.1f}" r="4" '
            f'fill="{_COLOURS[MEAN]}"/><text x="{x + 7:.1f}" y="{y - 5:.1f}">{one.alpha}</text></g>'
        )
    return body


def _along_alpha(found: Frontier, left: int) -> list[str]:
    alphas = [float(alpha) for alpha in found.alphas if alpha != BASE]
    parts = {
        part: [point for point in found.of(part) if point.alpha != BASE]
        for part in (IN_DOMAIN, REST, MEAN)
    }
    across = _Scale(alphas, unit=1.0, margin=0.0)
    up = _Scale([point.accuracy for points in parts.values() for point in points])
    body = [*_frame(left, "α", "accuracy, %"), *_ticks(left, across, up)]
    for number, (part, points) in enumerate(parts.items()):
        line = " ".join(
            f"{left + across(alpha):.1f},{24 + _SIDE - up(point.accuracy):.1f}"
            for alpha, point in zip(alphas, points, strict=True)
        )
        dash = "" if part == MEAN else ' stroke-dasharray="5 3"'
        body.append(
            f'<polyline points="{line}" fill="none" stroke="{_COLOURS[part]}" '
            f'stroke-width="2"{dash}/>'
            f'<text x="{left + 8 + 90 * number}" y="14" style="fill:{_COLOURS[part]}">{part}</text>'
        )
    return body


class _Scale:
    """Shares (or α) → pixels, with round numbers at both ends."""

    def __init__(
        self, values: Sequence[float], *, unit: float = 100.0, margin: float = 0.01
    ) -> None:
        self._unit = unit
        low, high = min(values) - margin, max(values) + margin
        step = next((s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / s <= 8), 1.0)
        first = int(low // step)
        self._steps = [step * n for n in range(first, int(-(-high // step)) + 1)]
        if len(self._steps) < 2:
            self._steps.append(self._steps[0] + step)

    def __call__(self, value: float) -> float:
        low, high = self._steps[0], self._steps[-1]
        return (value - low) / (high - low) * _SIDE

    def ticks(self) -> list[tuple[float, str]]:
        return [(self(value), f"{self._unit * value:.4g}") for value in self._steps]


def _frame(left: int, across: str, up: str) -> list[str]:
    return [
        f'<rect x="{left}" y="24" width="{_SIDE}" height="{_SIDE}" fill="none" '
        'stroke="currentColor" stroke-opacity="0.4"/>',
        f'<text x="{left + _SIDE / 2}" y="{_SIDE + 60}" text-anchor="middle">{across}</text>',
        f'<text x="{left - 42}" y="{24 + _SIDE / 2}" text-anchor="middle" '
        f'transform="rotate(-90 {left - 42} {24 + _SIDE / 2})">{up}</text>',
    ]


def _ticks(left: int, across: _Scale, up: _Scale) -> list[str]:
    below = [
        f'<text x="{left + x:.1f}" y="{_SIDE + 40}" text-anchor="middle">{text}</text>'
        for x, text in across.ticks()
    ]
    beside = [
        f'<text x="{left - 6}" y="{28 + _SIDE - y:.1f}" text-anchor="end">{text}</text>'
        f'<line x1="{left}" x2="{left + _SIDE}" y1="{24 + _SIDE - y:.1f}" '
        f'y2="{24 + _SIDE - y:.1f}" stroke="currentColor" stroke-opacity="0.12"/>'
        for y, text in up.ticks()
    ]
    return [*below, *beside]


def _ends_table(found: Frontier) -> str:
    heads = [
        "α", "in-domain", "rest", "mean", "in-domain − base", "rest − base", "mean − base",
        "in-domain − fine-tune", "rest − fine-tune", "mean − fine-tune",
    ]  # fmt: skip
    return _table(heads, ends_rows(found))


def ends_rows(found: Frontier) -> list[list[str]]:
    """A row an α: the three accuracies, and each against both ends."""
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
    """A row a task: the number of items, and the accuracy at each α."""
    rows = []
    for task in (*found.in_domain, *found.rest):
        points: Sequence[Point] = found.of(task)
        if points:
            mark = "* " if task in found.in_domain else ""
            rows.append(
                [f"{mark}{task}", f"{points[0].n:,}", *(percent(p.accuracy) for p in points)]
            )
    return rows


def _task_table(found: Frontier) -> str:
    return _table(["task (*: in-domain)", "items", *found.alphas], task_rows(found))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return (
        "<table><tr>"
        + "".join(f"<th>{escape(head)}</th>" for head in heads)
        + "</tr>\n"
        + "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows
        )
        + "</table>"
    )


def signed_interval(gain: Gain | None) -> str:
    """A difference in points with its interval; a dash where it is the end itself."""
    if gain is None:
        return "–"
    low, high = gain.ci95
    return f"{signed(gain.difference)} ({signed(low)} to {signed(high)})"
