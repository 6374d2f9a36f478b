"""Sentences on how well a run's numbers are known, and what they are beside the baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mubench_gen.console.numbers import Shares, interval, p_value, percent
from mubench_gen.scores.calibration import Calibration
from mubench_gen.scores.clusters import IMAGE
from mubench_gen.scores.headline import Against, Headline
from mubench_gen.scores.score import Scores
from mubench_gen.scores.tally import Score

_SHOWN = 6  # tasks named in a sentence
_BASELINES = {"chance": "chance", "majority": "the majority baseline"}


def inference_notes(scores: Scores) -> Iterator[str]:
    """The notes below a run's table on macro means, baselines, clusters and cautions."""
    headline = scores.headline
    if headline is None:
        return
    yield from _macro(scores, headline)
    for attribute, name in _BASELINES.items():
        yield from _against(getattr(headline, attribute), name)
    yield from _clusters(scores)


def _macro(scores: Scores, headline: Headline) -> Iterator[str]:
    if headline.macro_tasks is not None:
        found, corrected = headline.macro_tasks, headline.macro_corrected
        above = (
            ""
            if corrected is None
            else f"; chance-corrected {percent(corrected[0])} ({interval(corrected[1])})"
        )
        yield (
            f"Mean of the {len(scores.tasks)} tasks: {percent(found.value)} "
            f"({interval(found.ci95)}){above}."
        )
    if headline.macro_datasets is not None:
        found = headline.macro_datasets
        yield (
            f"Mean of the {len(scores.datasets)} data sets: {percent(found.value)} "
            f"({interval(found.ci95)})."
        )
    pooled = scores.pooled
    if pooled.statuses.get("answered", 1.0) < 1 and pooled.accuracy_answered is not None:
        yield (
            f"Among the answered: {percent(pooled.accuracy_answered)} "
            f"({interval(pooled.answered_ci95)})."
        )


def _against(found: Mapping[str, Against], name: str) -> Iterator[str]:
    """Where the model is above a baseline and, task by task, where it is not."""
    pooled = found["pooled"]
    yield f"The run is {pooled.says} {name}: {_difference(pooled)}, p {p_value(pooled.p)}."
    for says in ("at the level of", "below"):
        tasks = [
            task
            for task, one in found.items()
            if task != "pooled" and one.says == says and len(found) > 2
        ]
        if tasks:
            yield f"{says[0].upper()}{says[1:]} {name}: {_some(tasks)}."


def _difference(found: Against) -> str:
    shown = Shares()
    low, high = found.ci95
    return f"{shown.signed(found.difference)}, {shown.signed(low)} to {shown.signed(high)}"


def _clusters(scores: Scores) -> Iterator[str]:
    pooled = scores.pooled
    by = scores.clustered_by
    if by != IMAGE or (pooled.worth is not None and pooled.worth < 0.95 * pooled.clusters):
        many = "" if len(scores.clustered) > 1 else f"{pooled.clusters:,} clusters, "
        yield (
            f"The intervals are clustered by {by}: {many}worth {_worth(pooled)} clusters of equal "
            "weight."
        )
    if pooled.cautions:
        yield f"Caution: the interval of all items may not hold: {'; '.join(pooled.cautions)}."
    unsure = [name for name, one in scores.tasks.items() if one.cautions]
    if unsure and len(scores.tasks) > 1:
        which = "all tasks" if len(unsure) == len(scores.tasks) else _some(unsure)
        yield f"Too little data for intervals that surely hold: {which}."


def _some(tasks: Sequence[str]) -> str:
    more = f" and {len(tasks) - _SHOWN} more" if len(tasks) > _SHOWN else ""
    return f"{', '.join(tasks[:_SHOWN])}{more}"


def _worth(score: Score) -> str:
    worth = score.worth or 0.0
    return f"{worth:,.0f}" if worth >= 10 else f"{worth:.1f}"


def calibration_note(found: Calibration) -> str:
    """The calibration of the pooled items in a sentence."""
    return (
        f"Calibration: expected error {percent(found.ece)}{_within(found.ece_ci95)} (mean "
        f"confidence {percent(found.confidence)}); Brier score {found.brier:.3f}"
        f"{_plain(found.brier_ci95)}, NLL {found.nll:.3f}{_plain(found.nll_ci95)}."
    )


def _within(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f", {interval(ends)}"


def _plain(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f" ({ends[0]:.3f} to {ends[1]:.3f})"
