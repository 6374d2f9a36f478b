"""findings → sentences: how a study's numbers are to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mubench_gen.ablation.grid import Grid
from mubench_gen.ablation.statistics.findings import Findings, ModelFindings
from mubench_gen.ablation.statistics.ranks import RankStability
from mubench_gen.console.numbers import percent


def notes_of(grid: Grid, one: ModelFindings, found: Findings) -> list[str]:
    """What to know of one model's tables."""
    own = [*_notes(grid, one, found)]
    return [*own, *(f"Note: {note}." for note in found.notes if found.together is None)]


def _notes(grid: Grid, one: ModelFindings, found: Findings) -> Iterator[str]:
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
            f"{percent(best.elsewhere)} ({share_range(best.elsewhere_ci95)}) on the other half; "
            f"over {best.splits} splits {percent(best.mean_there)} and "
            f"{percent(best.mean_elsewhere)}, and the same cell in "
            f"{percent(best.chosen_again)} % of them."
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


def adjusted_by(adjust: str, clustered: str) -> str:
    """What p is, and how it is adjusted."""
    how = {"bh": "by Benjamini & Hochberg", "none": "not at all"}.get(adjust, "by Holm")
    return (
        "p: a Wald test of the hypothesis that the source has no effect, were all such items "
        f"asked, with a covariance clustered by {clustered}; model × FACTOR: that the factor moves "
        "all models alike. "
        f"Adjusted over the table's sources {how}."
    )


def ranked(ranks: RankStability, names: Sequence[str], over: str) -> list[str]:
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


def share_range(interval: tuple[float, float] | None, *, signed: bool = False) -> str:
    """An interval of shares in per cent, or of a difference in points."""
    if interval is None:
        return "–"
    low, high = (100 * end for end in interval)
    return f"{low:+.1f} to {high:+.1f}" if signed else f"{low:.1f}–{high:.1f}"
