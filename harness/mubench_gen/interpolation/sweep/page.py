"""A sweep as one HTML file: the frontier, accuracy along α, the tables; no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
from mubench_gen.report.html.static import drawing, html_table, static_page
from mubench_gen.report.html.svg import tag, text, titled

_SIDE, _EDGE = 360, 56  # pixels of a drawing, and of the margin for its numbers
_HEADS = (
    "α", "in-domain", "rest", "mean", "in-domain − base", "rest − base", "mean − base",
    "in-domain − fine-tune", "rest − fine-tune", "mean − fine-tune",
)  # fmt: skip
_COLOURS = {IN_DOMAIN: "#1f5fbf", REST: "#b3261e", MEAN: "#2e7d32"}


def page(found: Frontier, title: str) -> str:
    """The whole page as text."""
    parts = [
        f"<div class=scroll>{svg(found, title)}</div>",
        html_table(_HEADS, ends_rows(found)),
        html_table(["task (*: in-domain)", "items", *found.alphas], task_rows(found)),
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
    lines.append(_BANDS[found.adjust])
    if found.beats_both:
        lines.append(
            f"The mean is surely above that of both ends at α {_listed(found.beats_both)}."
        )
    else:
        lines.append("No α between the ends has a mean that is surely above both.")
    if found.chosen is None:
        lines.append("No α is recommended: too few images have items in-domain and of the rest.")
        return lines
    chosen = found.chosen
    alike = [alpha for alpha in found.alphas if alpha in chosen.equally_good]
    if len(alike) > 1:
        lines.append(
            f"α {_spanned(alike, found.alphas)} are equally good: on {chosen.images:,} images "
            "none of them can be said to have a lower mean than the best (95 %)."
        )
    else:
        lines.append(f"α {chosen.alpha} is the best: all others have a lower mean (95 %).")
    lines.append(
        f"α {chosen.alpha} has the highest mean, {percent(chosen.mean_there)} %. Choosing α so is "
        f"worth {percent(chosen.mean)} % on other images (cross-fitted: {chosen.folds} folds of "
        f"images, {chosen.repeats} times, seed {found.seed}), "
        f"{signed_interval(chosen.over_base)} against the base, "
        f"{signed_interval(chosen.over_finetuned)} against the fine-tune; it chose "
        f"α {_often(chosen.shares)}."
    )
    return lines


_BANDS = {
    "maxt": "Intervals of gains are bands: each column holds all its α at once in 95 % of samples.",
    "holm": "Intervals of gains hold all α at once (Bonferroni).",
    "bh": "Intervals of gains are of each α alone, not of the best of them.",
    "none": "Intervals of gains are of each α alone, not of the best of them.",
}


def _listed(alphas: Sequence[str]) -> str:
    return ", ".join(alphas)


def _spanned(some: Sequence[str], alphas: Sequence[str]) -> str:
    """ "from 0.6 to 0.9" if they are neighbours, else all of them."""
    first = alphas.index(some[0])
    neighbours = list(alphas[first : first + len(some)]) == list(some)
    return f"from {some[0]} to {some[-1]}" if neighbours and len(some) > 2 else _listed(some)


def _often(shares: Mapping[str, float]) -> str:
    """The α that were chosen most often, with their shares."""
    ranked = sorted(shares.items(), key=lambda pair: -pair[1])[:3]
    told = [f"{alpha} in {percent(share)} %" for alpha, share in ranked if share > 0]
    return ", ".join(told)


def svg(found: Frontier, title: str, *, alone: bool = False) -> str:
    """The frontier at the left, a point per α; accuracy by α at the right.

    `alone`: for a separate file, with a white background.
    """
    width, height = 2 * (_SIDE + _EDGE) + 70, _SIDE + _EDGE + 36
    ground = tag("rect", width=width, height=height, fill="white") if alone else ""
    parts = [ground, *_frontier_drawing(found), *_along_alpha(found, _SIDE + _EDGE + 60)]
    return drawing(parts, width=width, height=height, title=title, class_="drawn")


def _frontier_drawing(found: Frontier) -> list[str]:
    inside, rest = found.of(IN_DOMAIN), found.of(REST)
    across, up = _Scale([p.accuracy for p in rest]), _Scale([p.accuracy for p in inside])
    places = [
        (_EDGE + across(a.accuracy), 24 + _SIDE - up(b.accuracy))
        for a, b in zip(rest, inside, strict=True)
    ]
    body = [*_frame(_EDGE, "rest, %", "in-domain, %"), *_ticks(_EDGE, across, up)]
    body.append(_line(places, stroke=_COLOURS[MEAN]))
    for (x, y), one, other in zip(places, rest, inside, strict=True):
        said = (
            f"α {one.alpha}: rest {percent(one.accuracy)} %, in-domain {percent(other.accuracy)} %"
        )
        dot = tag("circle", cx=x, cy=y, r=4, fill=_COLOURS[MEAN])
        body.append(titled(said, dot, text(one.alpha, x=x + 7, y=y - 5)))
    return body


def _along_alpha(found: Frontier, left: int) -> list[str]:
    alphas = [float(alpha) for alpha in found.alphas if alpha != BASE]
    parts = {
        part: [point for point in found.of(part) if point.alpha != BASE]
        for part in (IN_DOMAIN, REST, MEAN)
    }
    across = _Scale(alphas, unit=1.0, margin=0.0)
    up = _Scale([end for points in parts.values() for point in points for end in _reach(point)])
    body = [
        *_frame(left, "α", "accuracy, % (shaded: band of the gain over the base)"),
        *_ticks(left, across, up),
    ]
    for number, (part, points) in enumerate(parts.items()):
        places = [
            (left + across(alpha), 24 + _SIDE - up(point.accuracy))
            for alpha, point in zip(alphas, points, strict=True)
        ]
        dash = None if part == MEAN else "5 3"
        body.append(_shaded(points, alphas, left, across, up, _COLOURS[part]))
        body.append(_line(places, stroke=_COLOURS[part], stroke_width=2, stroke_dasharray=dash))
        body.append(text(part, x=left + 8 + 90 * number, y=14, style=f"fill:{_COLOURS[part]}"))
    return body


def _reach(point: Point) -> tuple[float, float]:
    """The accuracies within the band of the gain over the base; the point's own at the base."""
    gain = point.over_base
    if gain is None:
        return point.accuracy, point.accuracy
    base = point.accuracy - gain.difference
    return base + gain.band[0], base + gain.band[1]


def _shaded(
    points: Sequence[Point],
    alphas: Sequence[float],
    left: int,
    across: _Scale,
    up: _Scale,
    colour: str,
) -> str:
    """The band of the gains over the base, from the base's accuracy."""
    edges = [
        (left + across(alpha), 24 + _SIDE - up(_reach(point)[side]))
        for side, order in ((0, 1), (1, -1))
        for alpha, point in list(zip(alphas, points, strict=True))[::order]
    ]
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in edges)
    return tag("polygon", "", points=places, fill=colour, fill_opacity=0.12)


def _line(places: Sequence[tuple[float, float]], **style: object) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return tag("polyline", "", points=points, fill="none", **style)


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
    x, y = left - 42, 24 + _SIDE / 2
    return [
        tag(
            "rect", x=left, y=24, width=_SIDE, height=_SIDE, fill="none", stroke="currentColor",
            stroke_opacity=0.4,
        ),
        text(across, x=left + _SIDE / 2, y=_SIDE + 60, text_anchor="middle"),
        text(up, x=x, y=y, text_anchor="middle", transform=f"rotate(-90 {x:g} {y:g})"),
    ]  # fmt: skip


def _ticks(left: int, across: _Scale, up: _Scale) -> list[str]:
    below = [
        text(words, x=left + x, y=_SIDE + 40, text_anchor="middle") for x, words in across.ticks()
    ]
    beside = []
    for up_by, words in up.ticks():
        y = 24 + _SIDE - up_by
        beside += [
            text(words, x=left - 6, y=y + 4, text_anchor="end"),
            tag("line", x1=left, x2=left + _SIDE, y1=y, y2=y, stroke="currentColor",
                stroke_opacity=0.12),
        ]  # fmt: skip
    return [*below, *beside]


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
    """A difference in points with its band; a dash at the end itself."""
    if gain is None:
        return "–"
    low, high = gain.band
    return f"{signed(gain.difference)} ({signed(low)} to {signed(high)})"
