"""Scores of open answers as tables: one of each form, apart from those of single choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mubench_gen.console.numbers import interval, percent
from mubench_gen.console.tables import Line, Sheet
from mubench_gen.scores.open_score import SET_DETAILS, OpenScore

OPEN_COLUMNS = {
    "several": ("", "n", "all right", "95 % CI", "answered", "chance", "precision", "recall", "F1",
                "Jaccard", "errors"),
    "number": ("", "n", "right", "95 % CI", "answered", "of answered", "median error", "errors"),
    "text": ("", "n", "right", "95 % CI", "answered", "of answered", "errors"),
}  # fmt: skip
OPEN_TITLES = {
    "several": "several right options, in %",
    "number": "numbers within their tolerance, in %",
    "text": "short texts, in %",
}


def open_cells(name: str, one: OpenScore) -> list[str]:
    """The cells of a row of a table of open answers, in the order of OPEN_COLUMNS."""
    score, details = one.score, one.details
    found = [
        name,
        f"{score.n:,}",
        percent(score.accuracy),
        interval(score.ci95),
        percent(score.statuses.get("answered", 0.0) if score.n else None),
    ]
    if one.form == "several":
        found += [percent(score.chance), *(percent(details[part]) for part in SET_DETAILS)]
    else:
        found.append(percent(score.accuracy_answered))
    if one.form == "number":
        error = details["median_error"]
        found.append("–" if error is None else f"{error:.4g}")
    return [*found, f"{score.n_errors:,}" if score.n_errors else ""]


def open_sheet(manifest: Mapping[str, Any], form: str, groups: Mapping[str, OpenScore]) -> Sheet:
    """A run's table of open answers of one form as a terminal shows it."""
    columns = OPEN_COLUMNS[form]
    heading = f"{manifest['plugin']['name']} · {manifest['model']['id']}: {OPEN_TITLES[form]}"
    lines = [Line(open_cells(name, one)) for name, one in groups.items()]
    spare = ("Jaccard", "of answered", "precision", "recall")
    return Sheet(columns, [lines[:1], lines[1:]], heading, right=range(1, len(columns)),
                 spare=tuple(name for name in spare if name in columns))  # fmt: skip


def open_notes(form: str, pooled: OpenScore) -> list[str]:
    """What the table of one form of open answers does not say."""
    told = []
    statuses = pooled.score.statuses
    unanswered = {k: v for k, v in statuses.items() if k != "answered"}
    if unanswered:
        shares = ", ".join(f"{status} {percent(share)}" for status, share in unanswered.items())
        told.append(
            f"Unanswered of {OPEN_TITLES[form].partition(',')[0]}, counted wrong: {shares}."
        )
    if form == "several":
        told.append(
            "All right: exactly the right options. Chance: one of the 2^n − 1 sets of n options."
        )
    return told
