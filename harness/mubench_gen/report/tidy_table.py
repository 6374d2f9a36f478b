"""scores → the tidy table of exports: a row per run and group of items, shares between 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mubench_gen.console.masking import blanked
from mubench_gen.report.metric_table import flat_columns, flat_scores
from mubench_gen.report.text import ScoreRow, table_rows
from mubench_gen.runs.results import Run
from mubench_gen.scores.breakdown import Breakdown
from mubench_gen.scores.measured import Measured, rows_of
from mubench_gen.scores.open_score import SET_DETAILS
from mubench_gen.scores.score import Scores

if TYPE_CHECKING:
    import pandas


# Columns of the tidy table: a row per run and group of items, shares between 0 and 1.
_TEXTS = ("run", "plugin", "model", "data", "prompt", "control", "part", "name")
_COUNTS = ("n", "n_errors", "planned")
_SHARES = (
    "accuracy", "ci95_low", "ci95_high", "answered", "contradiction", "accuracy_strict",
    "answered_strict", "accuracy_answered", "bound_low", "bound_high", "chance", "majority",
    "chance_corrected", "grit",
)  # fmt: skip


TIDY = ("run", "plugin", "model", "data", "prompt", "control", "finished", "part", "name",
        *_COUNTS, *_SHARES)  # fmt: skip


_OPEN_DETAILS = (*SET_DETAILS, "median_error")


@dataclass(frozen=True, slots=True)
class Reported:
    """What an export format gets of a run: its scores, a breakdown of them, and its metrics."""

    run: Run
    scores: Scores
    by: Breakdown
    metrics: Measured


def tidy_rows(runs: Sequence[Reported]) -> list[dict[str, Any]]:
    """A row per run and group of items, keyed by the names in TIDY; None for a missing value.

    Those of open answers follow where there are any, and four columns per metric.
    """
    columns = tidy_columns(runs)
    return [{**dict.fromkeys(columns), **blanked(row)} for one in runs for row in _tidy(one)]


def tidy_columns(runs: Sequence[Reported]) -> list[str]:
    """The columns of the tidy table of these runs."""
    keys = dict.fromkeys(key for one in runs for key in one.metrics.metrics)
    opened = _OPEN_DETAILS if any(one.scores.open for one in runs) else ()
    return [*TIDY, *opened, *(column for key in keys for column in flat_columns(key))]


def tidy_frame(runs: Sequence[Reported]) -> pandas.DataFrame:
    """The tidy rows as a data frame: texts, integers, a boolean `finished`, floats."""
    import pandas

    columns = tidy_columns(runs)
    frame = pandas.DataFrame(tidy_rows(runs), columns=columns)
    kinds = {
        **dict.fromkeys(_TEXTS, "string"),
        **dict.fromkeys(_COUNTS, "int64"),
        **dict.fromkeys(_SHARES, "float64"),
        "finished": "bool",
        **dict.fromkeys(columns[len(TIDY) :], "float64"),
    }
    return frame.astype(kinds)


def _tidy(one: Reported) -> list[dict[str, Any]]:
    manifest, scores = one.run.manifest, one.scores
    planned = int(manifest["planned"])
    of_run = {
        "run": str(one.run.dir),
        "plugin": manifest["plugin"]["name"],
        "model": manifest["model"]["id"],
        "data": manifest["data"]["name"],
        "prompt": ",".join(manifest["settings"]["prompt"]),
        "control": manifest["settings"]["control"],
        "finished": scores.n + scores.n_errors >= planned,
        "planned": planned,
    }
    shown = table_rows(scores, one.by)
    rows = [
        {**of_run, **_score(row), **flat_scores(one.metrics, row.part, row.name)} for row in shown
    ]
    known = {(row.part, row.name) for row in shown}
    for part, name in rows_of(one.metrics.metrics.values()):  # of tasks that ask for boxes
        if (part, name) not in known:
            scored = flat_scores(one.metrics, part, name)
            n = max(found.groups[part][name].n for found in one.metrics.metrics.values())
            rows.append({**of_run, "part": part, "name": name, "n": n, "n_errors": 0, **scored})
    for name, box in scores.boxes.items():
        low, high = box.ci95 or (None, None)
        rows.append(
            {
                **of_run, "part": "boxes", "name": name, "n": box.n,
                "n_errors": box.n_errors, "ci95_low": low, "ci95_high": high, "grit": box.grit,
                "answered": box.statuses.get("answered", 0.0) if box.n else None,
            }
        )  # fmt: skip
    rows += [
        {**of_run, **_score(ScoreRow(form, name, one.score)), **one.details}
        for form, groups in scores.open.items()
        for name, one in groups.items()
    ]
    return rows


def _score(row: ScoreRow) -> dict[str, Any]:
    score, controls = row.score, row.controls
    low, high = score.ci95 or (None, None)
    worst, best = score.bounds or (None, None)
    return {
        "part": row.part,
        "name": row.name,
        "n": score.n,
        "n_errors": score.n_errors,
        "accuracy": score.accuracy,
        "ci95_low": low,
        "ci95_high": high,
        "answered": score.statuses.get("answered", 0.0) if score.n else None,
        "contradiction": score.statuses.get("contradiction", 0.0) if score.n else None,
        "accuracy_strict": score.accuracy_strict,
        "answered_strict": score.answered_strict,
        "accuracy_answered": score.accuracy_answered,
        "bound_low": worst,
        "bound_high": best,
        "chance": score.chance,
        "majority": None if controls is None else controls.majority,
        "chance_corrected": score.chance_corrected,
    }
