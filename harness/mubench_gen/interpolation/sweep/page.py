"""A sweep as one HTML file: the frontier, accuracy along α, the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from html import escape

from mubench_gen.console.numbers import percent
from mubench_gen.interpolation.sweep import sentences
from mubench_gen.interpolation.sweep.budget import tables as budget_tables
from mubench_gen.interpolation.sweep.budget.halving import Search
from mubench_gen.interpolation.sweep.conditions import tables as condition_tables
from mubench_gen.interpolation.sweep.conditions.frontiers import ByCondition
from mubench_gen.interpolation.sweep.conditions.page import parts as by_condition_parts
from mubench_gen.interpolation.sweep.frontier import Frontier
from mubench_gen.interpolation.sweep.gains import Point
from mubench_gen.interpolation.sweep.parts import IN_DOMAIN, MEAN, REST, ItemPart
from mubench_gen.interpolation.sweep.words import signed_interval
from mubench_gen.report.figures.drawing import COLUMN, Drawing, styled
from mubench_gen.report.figures.squares import Dot, Panel, against, frontier
from mubench_gen.report.figures.studies import steps_of_points
from mubench_gen.report.html.static import html_figure, html_table, static_page

PUBLISHED = "published"


def page(
    found: Frontier, title: str, by: ByCondition | None = None, search: Search | None = None
) -> str:
    """The whole page as text; `by`: the results by condition, where there are several; `search`:
    what a budget was spent on."""
    parts = [
        "".join(f'<p class="finding">{escape(line)}</p>' for line in answers(found, by, search)),
        *([] if search is None else budget_tables.parts(search)),
        *([] if by is None else by_condition_parts(by)),
        html_figure(figure(found)),
        html_table(_heads(found), ends_rows(found), name="Accuracy by α"),
        *_of_finetunes(found),
        *_of_parts(found),
        html_table(
            ["task (*: in-domain)", "items", *found.names],
            task_rows(found),
            name="Accuracy by task",
        ),
    ]
    return static_page(title, parts, explained(found), by="sweep")


def answers(found: Frontier, by: ByCondition | None, search: Search | None) -> list[str]:
    """What stands above all tables: the sentences that say which α to take."""
    told = sentences.answers(found)
    if by is not None:
        told = [*condition_tables.answers(by), "All conditions together:", *told]
    return [*_searched(search), *told]


def _searched(search: Search | None) -> list[str]:
    return [] if search is None else budget_tables.answers(search)


def explained(found: Frontier) -> list[str]:
    """What stands below all tables: what the numbers are of, and notes."""
    return [*sentences.explained(found), *(f"Note: {text}." for text in found.notes)]


def head(found: Frontier) -> str:
    """The head of the column of names."""
    return f"{'method and α' if found.several else 'α'} (*: Pareto point)"


def _heads(found: Frontier) -> list[str]:
    other = found.finetuned if found.finetunes else "fine-tune"
    parts = (IN_DOMAIN, REST, MEAN)
    gains = [f"{part} − {end}" for end in ("base", other) for part in parts]
    return [head(found), *parts, *gains]


def _of_finetunes(found: Frontier) -> list[str]:
    """The table of the gains over each of several fine-tunes."""
    if not found.finetunes:
        return []
    return [html_table(each_heads(found), each_rows(found), name="Gain of the mean, in points")]


def each_heads(found: Frontier) -> list[str]:
    """The heads of the table of gains over each fine-tune."""
    return [head(found), *(f"mean − {name}" for name in found.finetunes)]


def each_rows(found: Frontier) -> list[list[str]]:
    """A row per α: the gain of its mean over each of several fine-tunes."""
    return [
        [_marked(found, one.alpha), *map(signed_interval, one.over_each.values())]
        for one in found.of(MEAN)
    ]


def _marked(found: Frontier, alpha: str) -> str:
    return f"* {alpha}" if alpha in found.pareto else alpha


def _of_parts(found: Frontier) -> list[str]:
    """The table of the parts with published points, and its figure where points can be drawn."""
    if not found.parts:
        return []
    table = html_table(
        part_heads(found), part_rows(found), name="Accuracy by part in %", words=(1,)
    )
    drawn = parts_figure(found)
    return [table] if drawn is None else [html_figure(drawn), table]


def figure(found: Frontier, *, width: float = 2 * COLUMN) -> Drawing:
    """The frontier, a point per α, and the accuracies by α."""
    bound = "" if found.mix is None else found.mix.bound
    steps = steps_of_points(map(asdict, found.points), map(asdict, found.beside), bound)
    with styled():
        return frontier(steps, "Frontier: in-domain accuracy against the rest", width=width)


def ends_rows(found: Frontier) -> list[list[str]]:
    """A row per α, and per mix beside them: the three accuracies, and their differences from both
    ends."""
    parts = [found.all_of(part) for part in (IN_DOMAIN, REST, MEAN)]
    return [
        [
            _marked(found, alpha),
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


def part_heads(found: Frontier) -> list[str]:
    """The heads of the table of parts."""
    return ["α or model", "source", *(part.name for part in found.parts)]


def part_rows(found: Frontier) -> list[list[str]]:
    """A row per α, and one per published model: the accuracy on each part, a dash for none."""
    points = [found.all_of(part.name) for part in found.parts]
    rows = [
        [
            found.spoken(alpha),
            "this sweep",
            *(percent(of_part[place].accuracy) for of_part in points),
        ]
        for place, alpha in enumerate(found.names)
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


def _panel(found: Frontier, domain: ItemPart) -> Panel | None:
    """The panel of a part in the domain, against the part of the same tasks in all data sets."""
    if domain.where != "in-domain":
        return None
    wider = [one for one in found.parts if one.tasks == domain.tasks and one.where == "all"]
    if not wider:
        return None
    across, up = wider[0].name, domain.name
    pairs = zip(found.of(across), found.of(up), strict=True)
    published = {} if found.published is None else found.published.models
    dots = [Dot(found.spoken(x.alpha), 100 * x.accuracy, 100 * y.accuracy) for x, y in pairs]
    others = [
        Dot(f"{model} ({_tag(found)})", values[across], values[up], model, is_open=True)
        for model, values in published.items()
        if across in values and up in values
    ]
    by_part = found.several or any("=" in alpha for alpha in found.alphas)
    note = f"squares: {_tag(found)}" if others else ""
    return Panel(across, up, dots, () if by_part else dots, others, note)
