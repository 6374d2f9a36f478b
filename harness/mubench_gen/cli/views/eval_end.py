"""What `eval` prints at its end: tables, the pooled line last, and what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mubench_gen.console.notes import note
from mubench_gen.console.numbers import interval, percent
from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.runs.results import Run
    from mubench_gen.scores.metrics import ChosenMetric


def show_end(runs: Sequence[Run], metrics: Sequence[ChosenMetric]) -> None:
    """Print the scores of the runs on stdout, the pooled ones last."""
    from mubench_gen.cli.views.board import show_runs
    from mubench_gen.cli.views.protocol_scores import scores_of, show_scores
    from mubench_gen.compare.groups import label_runs

    show_runs(runs, metrics=metrics)
    for run in runs:
        if protocols := protocols_of(run):
            show_scores(run, scores_of(run, protocols))
    for run, label in zip(runs, label_runs(runs), strict=True):
        say(printable(f"{label}, pooled: {_pooled(run)}"))


def protocols_of(run: Run) -> list[str]:
    """The protocols that a run was asked by; of files their paths."""
    manifest = run.manifest
    named = manifest.get("named") or {}
    return list(named.get("protocol") or manifest["settings"].get("protocol") or ())


def summary_of(run: Run, metrics: Sequence[ChosenMetric]) -> dict[str, Any]:
    """A run's summary for --json, with its numbers by the protocols that it was asked by."""
    from mubench_gen.cli.views.protocol_scores import document, scores_of

    summary = run.summary(measured=run.measured(metrics))
    if protocols := protocols_of(run):
        summary["protocols"] = document(scores_of(run, protocols))
    return summary


def note_next(runs: Sequence[Run]) -> None:
    """Say on stderr where the runs are, and what can be done with them."""
    for run in runs:
        note(f"Run folder: {run.dir}")
    folders = shlex.join(str(run.dir) for run in runs)
    page = "--html" if len(runs) == 1 else "--html report.html"
    note(f"Next: mubench-gen report {folders} {page}   (a page with plots and every item)")
    if len(runs) > 1:
        note(f"      mubench-gen compare {folders}   (differences, with their tests)")
    elif runs[0].manifest["settings"]["control"] == "none":
        note(
            "      the same command with --control blind, in a folder of its own   (what needs no "
            "image)"
        )


def _pooled(run: Run) -> str:
    """The headline of a run, with what it must be held against."""
    from mubench_gen.report.open_tables import OPEN_TITLES

    scores = run.scores
    pooled, boxes = scores.pooled, scores.boxes.get("pooled")
    told = []
    if pooled.n:
        majority = scores.controls["pooled"].majority
        told.append(
            f"{percent(pooled.accuracy)} % right ({interval(pooled.ci95)}) of {pooled.n:,} items; "
            f"chance {percent(pooled.chance)}, each task's most frequent answer {percent(majority)}"
        )
    if boxes is not None and boxes.n:
        told.append(
            f"boxes: GRIT score {percent(boxes.grit)} % ({interval(boxes.ci95)}) of {boxes.n:,} "
            "items"
        )
    for form, groups in scores.open.items():
        score = groups["pooled"].score
        if score.n:
            told.append(
                f"{OPEN_TITLES[form].partition(',')[0]}: {percent(score.accuracy)} % right "
                f"({interval(score.ci95)}) of {score.n:,} items"
            )
    if scores.n_errors:
        told.append(f"{scores.n_errors:,} failed")
    return "; ".join(told) + "." if told else "no item has an answer."
