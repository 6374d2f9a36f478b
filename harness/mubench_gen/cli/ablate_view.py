"""Prints the results of a study as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mubench_gen.cli.tables import print_table
from mubench_gen.console.numbers import Shares, number_format, p_value, percent
from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.ablation.effects import Decomposition
    from mubench_gen.ablation.estimated import Estimated, EstimatedNumber
    from mubench_gen.ablation.findings import CellScore, Findings, ModelFindings
    from mubench_gen.ablation.grid import Grid
    from mubench_gen.ablation.metrics import MetricFindings
    from mubench_gen.ablation.ranks import RankStability
    from mubench_gen.ablation.spread import Spread
    from mubench_gen.ablation.study import StudyResult
    from mubench_gen.ablation.tallies import Tally
    from mubench_gen.scores.joint import Adjust

_MOST_CELLS = 24  # rows of a table; of a longer one the best and the worst are shown
_MOST_LEVELS = 40


def show(result: StudyResult, adjust: Adjust = "maxt") -> None:
    """Print all tables on stdout. `adjust`: how the p of effects were adjusted."""
    grid, found = result.study.grid, result.findings
    for one in found.models:
        if one.estimated is not None:
            _show_estimated(grid, one, one.estimated)
        else:
            _show_cells(grid, one)
        _show_levels(one)
        _show_spread(grid, one)
        if one.effects is not None and one.effects.effects:
            _show_effects(one.effects, f"{one.model}: what moves the score")
        for metric in result.metrics.get(one.model, {}).values():
            _show_metric(grid, one.model, metric)
        for line in _notes(grid, one, found):
            say(printable(line))
    for note in found.notes:
        say(printable(f"Note: {note}."))
    if found.together is not None:
        _show_effects(found.together, "All models together: what moves the score")
        if found.together.effects and found.together.effects[0].p is not None:
            say(printable(_tested(adjust, found.clustered)))
    names = [one.model for one in found.models]
    for ranks, over in ((found.ranks, "cells"), (found.ranks_by_prompt, "prompts")):
        if ranks is not None and ranks.rankings > 1:
            for line in _ranked(ranks, names, over):
                say(printable(line))


def _show_cells(grid: Grid, one: ModelFindings) -> None:
    shown = sorted(one.cells, key=lambda cell: -(cell.tally.accuracy or 0.0))
    left = len(shown) - _MOST_CELLS
    if left > 0:
        half = _MOST_CELLS // 2
        shown = [*shown[:half], *shown[-half:]]
    varied = [factor.name for factor in grid.factors if len(factor.levels) > 1]
    varied = varied or ["prompt"]
    print_table(
        [*varied, "n", "accuracy", "95 % CI", "unanswered", "of answered", "position bias",
         "errors"],
        [_cell(cell, varied) for cell in shown],
        title=f"{one.model}: {len(one.cells):,} cells, in %"
        + (f" (the best and the worst; {left:,} between)" if left > 0 else ""),
        right=range(len(varied), len(varied) + 7),
    )  # fmt: skip


def _cell(cell: CellScore, varied: Sequence[str]) -> list[str]:
    from mubench_gen.ablation.grid import shown

    tally = cell.tally
    return [
        *(shown(cell.levels[name]) for name in varied),
        f"{tally.records:,}",
        percent(tally.accuracy),
        _range(cell.ci95),
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


def _show_estimated(grid: Grid, one: ModelFindings, found: Estimated) -> None:
    order = sorted(range(len(one.cells)), key=lambda at: -found.accuracies[at].value)
    left = len(order) - _MOST_CELLS
    if left > 0:
        order = [*order[: _MOST_CELLS // 2], *order[-_MOST_CELLS // 2 :]]
    rows = [
        [
            grid.label(grid.cells[at]),
            f"{one.cells[at].tally.records:,}",
            percent(one.cells[at].tally.accuracy),
            *_estimate(found.accuracies[at]),
            percent(found.best[at]),
        ]
        for at in order
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
    print_table(
        ["cell", "asked", "accuracy", "estimate", "± SE", "95 % CI", "P(best)"],
        rows,
        title=f"{one.model}: {len(one.cells):,} cells, {found.asked:,} of {found.pairs:,} pairs "
        "asked, in %" + (f" (the best and the worst; {left:,} between)" if left > 0 else ""),
        right=range(1, 7),
    )


def _estimate(number: EstimatedNumber) -> list[str]:
    return [percent(number.value), f"{100 * number.error:.1f}", _range(number.ci95)]


def _show_levels(one: ModelFindings) -> None:
    from mubench_gen.ablation.grid import shown

    if not one.levels:
        return
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
                "–" if level is None else _range(level.ci95, signed=True),
                *_shares(tally),
            ]
        )
    print_table(
        ["factor", "level", "n", "accuracy", "effect", "95 % CI", "unanswered",
         "of answered", "position bias", "errors"],
        rows,
        title=f"{one.model}: by level, in %",
        right=range(2, 10),
    )  # fmt: skip


def _show_spread(grid: Grid, one: ModelFindings) -> None:
    if not one.over or len(grid.cells) < 2:
        return
    factors = {factor.name: factor for factor in grid.factors}
    rows = [
        *(
            _spread_row(name, found, [grid.label(grid.cells[at]) for at in _ends(found)])
            for name, found in one.over.items()
        ),
        *(
            _spread_row(
                f"over {name}",
                found,
                [factors[name].named(factors[name].levels[at]) for at in _ends(found)],
            )
            for name, found in one.over_levels.items()
        ),
    ]
    print_table(
        ["", "min", "median", "max", "max − min", "lowest", "highest"],
        rows,
        title=f"{one.model}: over {len(grid.cells):,} cells, accuracy in %",
        right=(1, 2, 3, 4),
    )


def _ends(found: Spread) -> tuple[int, int]:
    return found.lowest, found.highest


def _spread_row(name: str, found: Spread, ends: Sequence[str]) -> list[str]:
    return [
        name,
        percent(found.minimum),
        percent(found.median),
        percent(found.maximum),
        f"{100 * (found.maximum - found.minimum):.1f}",
        *(ends if found.maximum > found.minimum else ("all equal", "")),
    ]


def _show_metric(grid: Grid, model: str, found: MetricFindings) -> None:
    """Print one further metric: its mean in each cell, and what it depends on."""
    metric = found.chosen.metric
    shown, title = number_format(in_percent=metric.percent), metric.title
    scored = [at for at, one in enumerate(found.cells) if one.value is not None]
    order = sorted(scored, key=lambda at: -(found.cells[at].value or 0.0))
    left = len(order) - _MOST_CELLS
    if left > 0:
        order = [*order[: _MOST_CELLS // 2], *order[-_MOST_CELLS // 2 :]]
    cells = [(grid.label(grid.cells[at]), found.cells[at]) for at in order]
    print_table(
        ["cell", "n", title, "95 % CI"],
        [[n, f"{one.n:,}", shown.value(one.value), shown.interval(one.ci95)] for n, one in cells],
        title=f"{model}: {title} {shown.unit}".rstrip()
        + (f" (the highest and the lowest; {left:,} between)" if left > 0 else ""),
        right=(1, 2, 3),
    )
    if found.effects is not None and found.effects.effects:
        _show_effects(found.effects, f"{model}: what moves {title}", shown)
    if found.complete < max((one.n for one in found.cells), default=0):
        say(
            printable(
                f"{title}: effects on the {found.complete:,} items with a value in all cells."
            )
        )


def _show_effects(found: Decomposition, title: str, shown: Shares | None = None) -> None:
    shown = shown or Shares()
    pairs = sum(len(effect.source) > 1 for effect in found.effects)
    rows = [
        [
            effect.name,
            percent(effect.share),
            _range(effect.share_ci95),
            percent(effect.raw_share),
            shown.value(effect.spread),
            shown.interval(effect.spread_ci95),
            *([] if effect.p is None else [p_value(effect.p), p_value(effect.p_adjusted or 0.0)]),
        ]
        for effect in found.effects
        if len(effect.source) < 2
        or pairs > 1  # with one pair, the row of all interactions says the same
    ]
    spread = shown.value(found.spread), shown.interval(found.spread_ci95)
    tested = any(effect.p is not None for effect in found.effects)
    rows.append(["all", "", "", "", *spread, *(["", ""] if tested else [])])
    print_table(
        [
            "source",
            "share",
            "95 % CI",
            "with the sample's",
            "SD, points" if shown.unit else "SD",
            "95 % CI",
            *(["p", "p, adjusted"] if tested else []),
        ],
        rows,
        title=f"{title}: share of the variance between {found.cells:,} cells, in %",
        right=range(1, 8),
    )


def _notes(grid: Grid, one: ModelFindings, found: Findings) -> Iterable[str]:
    if one.estimated is not None:
        yield (
            "The estimate is by a Rasch-type model (docs/ablations.md): what the whole grid would "
            f"show on the same {one.effects.items if one.effects is not None else one.items:,} "
            "items, with errors from posterior draws. Effects are computed from the estimates."
        )
        return
    if one.complete < one.items:
        yield (
            f"{one.items - one.complete:,} of {one.items:,} items are not answered in every cell: "
            "cells are compared without them."
        )
    if one.best is not None:
        best = one.best
        yield (
            f"The best cell on half of the {found.noun}s "
            f"({grid.label(grid.cells[best.chosen])}) scores {percent(best.there)} there and "
            f"{percent(best.elsewhere)} ({_range(best.elsewhere_ci95)}) on the other half; over "
            f"{best.splits} splits {percent(best.mean_there)} and {percent(best.mean_elsewhere)}, "
            f"and the same cell in {percent(best.chosen_again)} % of them."
        )
    if one.unmoved is not None:
        yield (
            "Items answered with the same option under all orders, right or wrong: "
            f"{percent(one.unmoved)} %."
        )
    if one.effects is not None:
        if any(effect.share is None for effect in one.effects.effects):
            yield "A share “–”: the cells differ by no more than the sample of items explains."
        drawn = f"bootstrap samples of {found.noun}s"
        if found.noun == "cluster":
            drawn = "draws from their normal limit, with the covariance of both clusterings"
        yield (
            f"Effects on {one.effects.items:,} items, clustered by {found.clustered}: "
            f"{one.effects.images:,} {found.noun}s. What the sample of items adds to the variance "
            f"is subtracted. Intervals: {one.effects.draws:,} {drawn}, seed {one.effects.seed}."
        )
    yield "Position bias: SD of the recalls by position of the right option (in brackets: chance)."


def _tested(adjust: str, clustered: str) -> str:
    how = {"bh": "by Benjamini & Hochberg", "none": "not at all"}.get(adjust, "by Holm")
    return (
        "p: a Wald test of the hypothesis that the source has no effect, were all such items "
        f"asked, with a covariance clustered by {clustered}; model × FACTOR: that the factor moves "
        "all models alike. "
        f"Adjusted over the table's sources {how}."
    )


def _ranked(ranks: RankStability, names: Sequence[str], over: str) -> list[str]:
    """Sentences on the order of the models over cells or prompts."""
    if ranks.tau is None or ranks.tau_ci95 is None or ranks.one_leader is None:
        return [f"Order of the models over {ranks.rankings:,} {over}: they are tied."]
    best = ", ".join(f"{n} {percent(share)}" for n, share in zip(names, ranks.best, strict=True))
    raw = "" if ranks.raw_tau is None else f"; of the observed scores {ranks.raw_tau:.2f}"
    told = "" if ranks.known else " Not known: with these items, the order may hold or change."
    leads = [sum(shares) / len(ranks.leads) for shares in zip(*ranks.leads, strict=True)]
    chances = ", ".join(f"{n} {percent(share)}" for n, share in zip(names, leads, strict=True))
    return [
        f"Order of the models over {ranks.rankings:,} {over}: mean Kendall τ {ranks.tau:.2f} "
        "({:.2f} to {:.2f}), ".format(*ranks.tau_ci95)
        + f"corrected for the sample of items{raw}.{told}",
        f"Two {over} have one leader with probability {percent(ranks.one_leader)} %; probability "
        f"of leading a cell, mean over {over}, in %: {chances}; observed best in % of the {over}: "
        f"{best}.",
    ]


def _range(interval: tuple[float, float] | None, *, signed: bool = False) -> str:
    if interval is None:
        return "–"
    low, high = (100 * end for end in interval)
    return f"{low:+.1f} to {high:+.1f}" if signed else f"{low:.1f}–{high:.1f}"
