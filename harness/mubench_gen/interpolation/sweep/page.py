"""A sweep as one HTML file: the frontier, accuracy along α, the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mubench_gen.console.numbers import percent, signed
from mubench_gen.interpolation.sweep import mixes
from mubench_gen.interpolation.sweep.frontier import BASE, Frontier
from mubench_gen.interpolation.sweep.gains import Gain, Point
from mubench_gen.interpolation.sweep.parts import IN_DOMAIN, MEAN, REST, Part
from mubench_gen.report.figures.drawing import COLUMN, Drawing, styled
from mubench_gen.report.figures.squares import Dot, Kind, Panel, Step, against, frontier
from mubench_gen.report.html.static import html_figure, html_table, static_page

PUBLISHED = "published"
ALPHA = "α (*: Pareto point)"
_HEADS = (
    ALPHA, "in-domain", "rest", "mean", "in-domain − base", "rest − base", "mean − base",
    "in-domain − fine-tune", "rest − fine-tune", "mean − fine-tune",
)  # fmt: skip


def page(found: Frontier, title: str) -> str:
    """The whole page as text."""
    parts = [
        html_figure(figure(found)),
        html_table(_HEADS, ends_rows(found), name="Accuracy by α"),
        *_of_parts(found),
        html_table(
            ["task (*: in-domain)", "items", *found.names],
            task_rows(found),
            name="Accuracy by task",
        ),
    ]
    notes = [*explained(found), *(f"Note: {text}." for text in found.notes)]
    return static_page(title, parts, notes, by="sweep")


def _of_parts(found: Frontier) -> list[str]:
    """The table of the parts with published points, and its figure where points can be drawn."""
    if not found.parts:
        return []
    table = html_table(
        part_heads(found), part_rows(found), name="Accuracy by part in %", words=(1,)
    )
    drawn = parts_figure(found)
    return [table] if drawn is None else [html_figure(drawn), table]


def explained(found: Frontier) -> list[str]:
    """Sentences that explain the numbers and recommend an α."""
    lines = [
        f"In-domain: {', '.join(found.in_domain)}. Rest: {', '.join(found.rest)}. Mean: of the "
        f"two, half each. On {found.items:,} items that every α answered"
        + (f" ({found.n_excluded:,} left out)" if found.n_excluded else "")
        + "; unanswered is wrong. Intervals are paired by item and clustered by "
        + f"{found.clustered}."
    ]
    lines += [_BANDS[found.adjust], *_parts_explained(found)]
    lines += [] if found.mix is None else mixes.explained(found.mix, found.alphas)
    if len(found.pareto) < len(found.alphas):
        lines.append(
            f"Pareto points: α {_spanned(found.pareto, found.alphas)}; every other α is below one "
            "of them in-domain or on the rest, and above it in neither."
        )
    else:
        lines.append(
            "Every α is a Pareto point: of two the one is better in-domain, the other on the rest."
        )
    if found.beats_both:
        lines.append(
            f"The mean is surely above that of both ends at α {_listed(found.beats_both)}."
        )
    else:
        lines.append("No α between the ends has a mean that is surely above both.")
    if found.chosen is None:
        lines.append(
            f"No α is recommended: too few {found.noun}s have items in-domain and of the rest."
        )
        return lines
    chosen = found.chosen
    alike = [alpha for alpha in found.alphas if alpha in chosen.equally_good]
    if len(alike) > 1:
        lines.append(
            f"α {_spanned(alike, found.alphas)} are equally good: on {chosen.images:,} "
            f"{found.noun}s none of them can be said to have a lower mean than the best "
            "(95 %)."
        )
    else:
        lines.append(f"α {chosen.alpha} is the best: all others have a lower mean (95 %).")
    lines.append(
        f"α {chosen.alpha} has the highest mean, {percent(chosen.mean_there)} %. Choosing α so is "
        f"worth {percent(chosen.mean)} % on other {found.noun}s (cross-fitted: "
        f"{chosen.folds} folds of {found.noun}s, {chosen.repeats} times, seed {found.seed}), "
        f"{signed_interval(chosen.over_base)} against the base, "
        f"{signed_interval(chosen.over_finetuned)} against the fine-tune; it chose "
        f"α {_often(chosen.shares)}."
    )
    return lines


def _parts_explained(found: Frontier) -> list[str]:
    """What parts are, where the published points are from, and whether they can be compared."""
    lines = []
    over = [part.name for part in found.parts if part.mean == "datasets"]
    if found.parts:
        lines.append(
            "Parts in the domain have the data sets of the in-domain tasks, and rest has the others"
            + (f". Means over data sets, which count the same: {'; '.join(over)}." if over else ".")
        )
    if found.published is not None:
        told = found.published
        why = f"They can't be compared with the sweep: {', '.join(told.differs)}. "
        lines.append(
            f"Published points: {told.source}; read off a figure, ± {told.read_off:g} points. "
            f"{why if told.differs else ''}{'. '.join(told.notes)}."
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


def figure(found: Frontier, *, width: float = 2 * COLUMN) -> Drawing:
    """The frontier, a point per α, and the accuracies by α."""
    several = zip(*(found.all_of(part) for part in (IN_DOMAIN, REST, MEAN)), strict=True)
    steps = [
        Step(
            a.alpha,
            _number(a.alpha) if a.alpha in found.alphas else None,
            a.accuracy,
            b.accuracy,
            c.accuracy,
            tuple(_reach(point) for point in (a, b, c)),
            _kind(found, a.alpha),
        )
        for a, b, c in several
    ]
    with styled():
        return frontier(steps, "Frontier: in-domain accuracy against the rest", width=width)


def _kind(found: Frontier, name: str) -> Kind:
    if name in found.alphas:
        return "alpha"
    return "bound" if found.mix is not None and name == found.mix.bound else "mix"


def _number(alpha: str) -> float | None:
    """Where the α stands on an axis; None for the base and for α by part."""
    return None if alpha == BASE or "=" in alpha else float(alpha)


def _reach(point: Point) -> tuple[float, float]:
    """The accuracies within the band of the gain over the base; the point's own at the base."""
    gain = point.over_base
    if gain is None:
        return point.accuracy, point.accuracy
    base = point.accuracy - gain.difference
    return base + gain.band[0], base + gain.band[1]


def ends_rows(found: Frontier) -> list[list[str]]:
    """A row per α, and per mix beside them: the three accuracies, and their differences from both
    ends."""
    parts = [found.all_of(part) for part in (IN_DOMAIN, REST, MEAN)]
    return [
        [
            f"* {alpha}" if alpha in found.pareto else alpha,
            *(percent(points[place].accuracy) for points in parts),
            *(signed_interval(points[place].over_base) for points in parts),
            *(signed_interval(points[place].over_finetuned) for points in parts),
        ]
        for place, alpha in enumerate(found.names)
    ]


def task_rows(found: Frontier) -> list[list[str]]:
    """A row per task: the number of items, and the accuracy at each α."""
    rows = []
    for task in (*found.in_domain, *found.rest):
        points: Sequence[Point] = found.all_of(task)
        if points:
            mark = "* " if task in found.in_domain else ""
            rows.append(
                [f"{mark}{task}", f"{points[0].n:,}", *(percent(p.accuracy) for p in points)]
            )
    return rows


def labels(found: Frontier) -> list[str]:
    """The names of the α, and of what stands beside them, for heads and tables."""
    return [f"α {name}" if name in found.alphas else name for name in found.names]


def part_heads(found: Frontier) -> list[str]:
    """The heads of the table of parts."""
    return ["α or model", "source", *(part.name for part in found.parts)]


def part_rows(found: Frontier) -> list[list[str]]:
    """A row per α, and one per published model: the accuracy on each part, a dash for none."""
    points = [found.all_of(part.name) for part in found.parts]
    rows = [
        [label, "this sweep", *(percent(of_part[place].accuracy) for of_part in points)]
        for place, label in enumerate(labels(found))
    ]
    if found.published is not None:
        for model, values in found.published.models.items():
            cells = [
                f"{values[part.name]:.1f}" if part.name in values else "–" for part in found.parts
            ]
            rows.append([model, _tag(found), *cells])
    return rows


def _tag(found: Frontier) -> str:
    compared = found.published is not None and not found.published.differs
    return PUBLISHED if compared else f"{PUBLISHED}, not comparable"


def parts_figure(found: Frontier) -> Drawing | None:
    """Two panels or more, each of parts of the same tasks: the domain against all (or the rest)
    along α, with published points; None where no parts make a panel."""
    panels = [panel for one in found.parts if (panel := _panel(found, one)) is not None]
    if not panels:
        return None
    with styled():
        return against(panels, "Parts: the domain against all", width=2 * COLUMN)


def _panel(found: Frontier, domain: Part) -> Panel | None:
    """The panel of a part in the domain, against the part of the same tasks in all data sets."""
    if domain.where != "in-domain":
        return None
    wider = [one for one in found.parts if one.tasks == domain.tasks and one.where == "all"]
    if not wider:
        return None
    across, up = wider[0].name, domain.name
    pairs = zip(found.of(across), found.of(up), strict=True)
    published = {} if found.published is None else found.published.models
    dots = [Dot(f"α {x.alpha}", 100 * x.accuracy, 100 * y.accuracy) for x, y in pairs]
    others = [
        Dot(f"{model} ({_tag(found)})", values[across], values[up], model, is_open=True)
        for model, values in published.items()
        if across in values and up in values
    ]
    by_part = any("=" in alpha for alpha in found.alphas)
    note = f"squares: {_tag(found)}" if others else ""
    return Panel(across, up, dots, () if by_part else dots, others, note)


def signed_interval(gain: Gain | None) -> str:
    """A difference in points with its band; a dash at the end itself."""
    if gain is None:
        return "–"
    low, high = gain.band
    return f"{signed(gain.difference)} ({signed(low)} to {signed(high)})"
