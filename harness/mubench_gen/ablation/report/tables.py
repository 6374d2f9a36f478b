"""findings → tables of texts, for a terminal, a page, Markdown and LaTeX alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from mubench_gen.ablation.grid import Grid, shown
from mubench_gen.ablation.report.words import adjusted_by, notes_of, ranked, share_range
from mubench_gen.ablation.statistics.effects import Decomposition
from mubench_gen.ablation.statistics.estimated import Estimated, EstimatedNumber
from mubench_gen.ablation.statistics.findings import CellScore, Findings, ModelFindings
from mubench_gen.ablation.statistics.metrics import MetricFindings
from mubench_gen.ablation.statistics.spread import Spread
from mubench_gen.ablation.statistics.tallies import Tally
from mubench_gen.console.formats import TextTable
from mubench_gen.console.numbers import Shares, number_format, p_value, percent
from mubench_gen.scores.joint import Adjust

MOST_CELLS = 24  # rows of a table; of a longer one the best and the worst are shown
_MOST_LEVELS = 40
T = TypeVar("T")


def tables_of(
    grid: Grid,
    found: Findings,
    metrics: Mapping[str, Mapping[str, MetricFindings]],
    adjust: Adjust = "maxt",
) -> Iterator[TextTable]:
    """The tables of each model, then those of all together. `adjust`: how p were adjusted."""
    for one in found.models:
        own = list(_of_model(grid, one))
        for metric in metrics.get(one.model, {}).values():
            own += _of_metric(grid, one.model, metric)
        yield from own[:-1]
        yield with_notes(own[-1], notes_of(grid, one, found))
    if found.together is not None:
        told = [f"Note: {note}." for note in found.notes]
        if found.together.effects and found.together.effects[0].p is not None:
            told.append(adjusted_by(adjust, found.clustered))
        names = [one.model for one in found.models]
        for ranks, over in ((found.ranks, "cells"), (found.ranks_by_prompt, "prompts")):
            if ranks is not None and ranks.rankings > 1:
                told += ranked(ranks, names, over)
        title = "All models together: what moves the score"
        yield with_notes(_effects(found.together, title), told)


def with_notes(table: TextTable, notes: Sequence[str]) -> TextTable:
    """The table with further notes below it."""
    return replace(table, notes=[*table.notes, *notes])


def _of_model(grid: Grid, one: ModelFindings) -> Iterator[TextTable]:
    yield _estimated(grid, one, one.estimated) if one.estimated is not None else _cells(grid, one)
    if one.levels:
        yield _levels(one)
    if one.over and len(grid.cells) > 1:
        yield _spread(grid, one)
    if one.effects is not None and one.effects.effects:
        yield _effects(one.effects, f"{one.model}: what moves the score")


def _cells(grid: Grid, one: ModelFindings) -> TextTable:
    order = sorted(one.cells, key=lambda cell: -(cell.tally.accuracy or 0.0))
    kept, between = ends_of(order)
    varied = [factor.name for factor in grid.factors if len(factor.levels) > 1]
    varied = varied or ["prompt"]
    return TextTable(
        f"{one.model}: {len(one.cells):,} cells, in %{between}",
        [*varied, "n", "accuracy", "95 % CI", "unanswered", "of answered", "position bias",
         "errors"],
        [[_cell(cell, varied) for cell in kept]],
        texts=len(varied),
    )  # fmt: skip


def ends_of(ordered: Sequence[T]) -> tuple[Sequence[T], str]:
    """The best and the worst of many, and words on those between."""
    left = len(ordered) - MOST_CELLS
    if left <= 0:
        return ordered, ""
    half = MOST_CELLS // 2
    kept = [*ordered[:half], *ordered[-half:]]
    return kept, f" (the best and the worst; {left:,} between)"


def _cell(cell: CellScore, varied: Sequence[str]) -> list[str]:
    tally = cell.tally
    return [
        *(shown(cell.levels[name]) for name in varied),
        f"{tally.records:,}",
        percent(tally.accuracy),
        share_range(cell.ci95),
        *_shares(tally),
    ]


def _shares(tally: Tally) -> list[str]:
    bias = "–" if tally.place_bias is None else percent(tally.place_bias)
    noise = "" if tally.place_noise is None else f" ({percent(tally.place_noise)})"
    return [
        percent(tally.unanswered),
        percent(tally.accuracy_answered),
        bias + noise,
        f"{tally.errors:,}" if tally.errors else "",
    ]


def _estimated(grid: Grid, one: ModelFindings, found: Estimated) -> TextTable:
    order = sorted(range(len(one.cells)), key=lambda at: -found.accuracies[at].value)
    kept, between = ends_of(order)
    rows = [
        [
            grid.label(grid.cells[at]),
            f"{one.cells[at].tally.records:,}",
            percent(one.cells[at].tally.accuracy),
            *_estimate(found.accuracies[at]),
            percent(found.best[at]),
        ]
        for at in kept
    ]
    rows += [
        [name, "", "", *_estimate(number), ""]
        for name, number in (
            ("mean", found.mean),
            ("minimum", found.minimum),
            ("median", found.median),
            ("maximum", found.maximum),
        )
    ]
    return TextTable(
        f"{one.model}: {len(one.cells):,} cells, {found.asked:,} of {found.pairs:,} pairs "
        f"asked, in %{between}",
        ["cell", "asked", "accuracy", "estimate", "± SE", "95 % CI", "P(best)"],
        [rows],
    )


def _estimate(number: EstimatedNumber) -> list[str]:
    return [percent(number.value), f"{100 * number.error:.1f}", share_range(number.ci95)]


def _levels(one: ModelFindings) -> TextTable:
    moved = {
        (effect.source[0], level.level): level
        for effect in (one.effects.effects if one.effects is not None else ())
        for level in effect.levels
    }
    rows = []
    for entry in one.levels[:_MOST_LEVELS]:
        level = moved.get((entry.factor, entry.level))
        tally = entry.tally
        rows.append(
            [
                entry.factor,
                shown(entry.level),
                f"{tally.records:,}",
                percent(tally.accuracy),
                "–" if level is None else f"{100 * level.effect:+.1f}",
                "–" if level is None else share_range(level.ci95, signed=True),
                *_shares(tally),
            ]
        )
    return TextTable(
        f"{one.model}: by level, in %",
        ["factor", "level", "n", "accuracy", "effect", "95 % CI", "unanswered",
         "of answered", "position bias", "errors"],
        [rows],
        texts=2,
    )  # fmt: skip


def _spread(grid: Grid, one: ModelFindings) -> TextTable:
    factors = {factor.name: factor for factor in grid.factors}
    rows = [
        *(
            _spread_row(
                name, found, [grid.label(grid.cells[at]) for at in (found.lowest, found.highest)]
            )
            for name, found in one.over.items()
        ),
        *(
            _spread_row(
                f"over {name}",
                found,
                [
                    factors[name].named(factors[name].levels[at])
                    for at in (found.lowest, found.highest)
                ],
            )
            for name, found in one.over_levels.items()
        ),
    ]
    return TextTable(
        f"{one.model}: over {len(grid.cells):,} cells, accuracy in %",
        ["", "min", "median", "max", "max − min", "lowest", "highest"],
        [rows],
        after=2,
    )


def _spread_row(name: str, found: Spread, ends: Sequence[str]) -> list[str]:
    return [
        name,
        percent(found.minimum),
        percent(found.median),
        percent(found.maximum),
        f"{100 * (found.maximum - found.minimum):.1f}",
        *(ends if found.maximum > found.minimum else ("all equal", "")),
    ]


def _of_metric(grid: Grid, model: str, found: MetricFindings) -> Iterator[TextTable]:
    """One further metric: its mean in each cell, and what it depends on."""
    metric = found.chosen.metric
    how, title = number_format(in_percent=metric.percent), metric.title
    scored = [at for at, one in enumerate(found.cells) if one.value is not None]
    order = sorted(scored, key=lambda at: -(found.cells[at].value or 0.0))
    kept, between = ends_of(order)
    cells = [(grid.label(grid.cells[at]), found.cells[at]) for at in kept]
    yield TextTable(
        f"{model}: {title} {how.unit}".rstrip() + between,
        ["cell", "n", title, "95 % CI"],
        [[[n, f"{one.n:,}", how.value(one.value), how.interval(one.ci95)] for n, one in cells]],
    )
    if found.effects is not None and found.effects.effects:
        few = found.complete < max((one.n for one in found.cells), default=0)
        told = f"{title}: effects on the {found.complete:,} items with a value in all cells."
        moved = _effects(found.effects, f"{model}: what moves {title}", how)
        yield with_notes(moved, [told] if few else [])


def _effects(found: Decomposition, title: str, how: Shares | None = None) -> TextTable:
    how = how or Shares()
    pairs = sum(len(effect.source) > 1 for effect in found.effects)
    rows = [
        [
            effect.name,
            percent(effect.share),
            share_range(effect.share_ci95),
            percent(effect.raw_share),
            how.value(effect.spread),
            how.interval(effect.spread_ci95),
            *([] if effect.p is None else [p_value(effect.p), p_value(effect.p_adjusted or 0.0)]),
        ]
        for effect in found.effects
        if len(effect.source) < 2
        or pairs > 1  # with one pair, the row of all interactions says the same
    ]
    spread = how.value(found.spread), how.interval(found.spread_ci95)
    tested = any(effect.p is not None for effect in found.effects)
    rows.append(["all", "", "", "", *spread, *(["", ""] if tested else [])])
    return TextTable(
        f"{title}: share of the variance between {found.cells:,} cells, in %",
        [
            "source",
            "share",
            "95 % CI",
            "with the sample's",
            "SD, points" if how.unit else "SD",
            "95 % CI",
            *(["p", "p, adjusted"] if tested else []),
        ],
        [rows],
    )
