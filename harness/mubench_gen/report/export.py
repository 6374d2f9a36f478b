"""scores → files that other programs read: Markdown, LaTeX, CSV, Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mubench_gen.console.formats import TextTable, to_latex, to_markdown
from mubench_gen.console.outlet import blanked, cell
from mubench_gen.errors import MissingExtraError
from mubench_gen.report.text import (
    BOX_COLUMNS,
    COLUMNS,
    Row,
    box_cells,
    cells,
    notes,
    percent,
    table_rows,
    title,
)
from mubench_gen.runs.results import Run
from mubench_gen.scores.breakdown import Breakdown, breakdowns
from mubench_gen.scores.score import Scores

if TYPE_CHECKING:
    import pandas

FORMATS = ("md", "csv", "latex", "parquet")
# Of the tidy table: a row a run and group of items, shares between 0 and 1.
_TEXTS = ("run", "plugin", "model", "data", "prompt", "control", "part", "name")
_COUNTS = ("n", "n_errors", "planned")
_SHARES = (
    "accuracy", "ci95_low", "ci95_high", "answered", "accuracy_answered", "bound_low",
    "bound_high", "chance", "majority", "chance_corrected", "grit",
)  # fmt: skip
TIDY = ("run", "plugin", "model", "data", "prompt", "control", "finished", "part", "name",
        *_COUNTS, *_SHARES)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reported:
    """A run's scores, and those of a breakdown."""

    run: Run
    scores: Scores
    by: Breakdown


def reported(runs: Sequence[Run], by: Sequence[str] = ()) -> list[Reported]:
    """The runs with their scores, by these fields too."""
    found = breakdowns((run.outcomes(by) for run in runs), by) if by else [{} for _ in runs]
    return [Reported(run, run.scores, one) for run, one in zip(runs, found, strict=True)]


def export(runs: Sequence[Reported], form: str) -> bytes:
    """The runs in one of FORMATS. MissingExtraError where Parquet needs a package."""
    if form == "parquet":
        return _parquet(runs)
    if form == "csv":
        return _csv(runs).encode("utf-8", "replace")
    write = to_markdown if form == "md" else to_latex
    text = "\n".join(write(table) for table in text_tables(runs))
    return text.encode("utf-8", "replace")


def text_tables(runs: Sequence[Reported]) -> list[TextTable]:
    """A table a run, in per cent, and one of boxes where it asked for any."""
    found = []
    for one in runs:
        manifest, scores = one.run.manifest, one.scores
        rows = table_rows(scores, one.by)
        parts = dict.fromkeys(row.part for row in rows)
        sections = [_section(part, rows, one) for part in parts]
        found.append(TextTable(title(manifest), COLUMNS, sections, notes(manifest, scores)))
        if scores.boxes:
            boxes = [box_cells(name, score) for name, score in scores.boxes.items()]
            words = f"{title(manifest)}: boxes, GRIT score in %"
            found.append(TextTable(words, BOX_COLUMNS, [boxes]))
    return found


def tidy_rows(runs: Sequence[Reported]) -> list[dict[str, Any]]:
    """A row a run and group of items, by the names in TIDY; None where there is no value."""
    return [blanked(row) for one in runs for row in _tidy(one)]


def tidy_frame(runs: Sequence[Reported]) -> pandas.DataFrame:
    """The tidy rows as a frame: texts, whole numbers, a boolean `finished`, floats."""
    import pandas

    frame = pandas.DataFrame(tidy_rows(runs), columns=list(TIDY))
    kinds = {
        **dict.fromkeys(_TEXTS, "string"),
        **dict.fromkeys(_COUNTS, "int64"),
        **dict.fromkeys(_SHARES, "float64"),
        "finished": "bool",
    }
    return frame.astype(kinds)


def _section(part: str, rows: Sequence[Row], one: Reported) -> list[list[str]]:
    section = [cells(row) for row in rows if row.part == part]
    if part in one.by:
        section.insert(0, [f"by {part}", *("" for _ in COLUMNS[1:])])
    if part == "datasets":
        blank = ["" for _ in COLUMNS[3:]]
        section.append(["mean of the data sets", "", percent(one.scores.macro), *blank])
    return section


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
    rows = [{**dict.fromkeys(TIDY), **of_run, **_score(row)} for row in table_rows(scores, one.by)]
    for name, box in scores.boxes.items():
        low, high = box.ci95 or (None, None)
        rows.append(
            {
                **dict.fromkeys(TIDY), **of_run, "part": "boxes", "name": name, "n": box.n,
                "n_errors": box.n_errors, "ci95_low": low, "ci95_high": high, "grit": box.grit,
                "answered": box.statuses.get("answered", 0.0) if box.n else None,
            }
        )  # fmt: skip
    return rows


def _score(row: Row) -> dict[str, Any]:
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
        "accuracy_answered": score.accuracy_answered,
        "bound_low": worst,
        "bound_high": best,
        "chance": score.chance,
        "majority": None if controls is None else controls.majority,
        "chance_corrected": score.chance_corrected,
    }


def _csv(runs: Sequence[Reported]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, TIDY, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: cell(v) for name, v in row.items()} for row in tidy_rows(runs))
    return text.getvalue()


def _parquet(runs: Sequence[Reported]) -> bytes:
    try:
        import pyarrow  # noqa: F401  (pandas asks for it, in words of its own)
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", "--format parquet") from None
    return tidy_frame(runs).to_parquet(index=False)
