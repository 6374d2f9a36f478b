"""scores → the terminal table, with the baselines and counts that a number needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mubench_gen.console.numbers import interval, p_value, percent
from mubench_gen.console.outlet import printable
from mubench_gen.console.tables import Line, Sheet, as_sheet, fit, width_of_stdout
from mubench_gen.report.inference_notes import calibration_note, inference_notes
from mubench_gen.report.metric_table import metric_table
from mubench_gen.report.open_tables import open_notes, open_sheet
from mubench_gen.runs.results import Run, breakdowns_of
from mubench_gen.scores.breakdown import Breakdown
from mubench_gen.scores.localization import BoxScore
from mubench_gen.scores.measured import NOTHING_MEASURED, Measured
from mubench_gen.scores.metrics import ChosenMetric
from mubench_gen.scores.option_order import Circular
from mubench_gen.scores.score import Scores
from mubench_gen.scores.tallied import Controls
from mubench_gen.scores.tally import Score

COLUMNS = (
    "", "n", "accuracy", "95 % CI", "answered", "of answered", "chance", "majority", "corrected",
    "errors",
)  # fmt: skip
CONTRADICTION = "contradiction"  # a column where there are any
_SHORT = {"accuracy": "acc.", "answered": "answ.", "majority": "maj.",
          "corrected": "corr.", CONTRADICTION: "contr.", "errors": "err.",
          "of answered": "of ans."}  # fmt: skip
_WIDTH = 120  # characters, if stdout is not a terminal
BOX_COLUMNS = ("", "n", "GRIT", "95 % CI", "read", "found", "right ones", "errors")


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One row of the table: a group of items of a part ("pooled", "tasks", "datasets",
    "prompts", "readouts", or a field of the items).
    """

    part: str
    name: str
    score: Score
    controls: Controls | None = None


def table_rows(scores: Scores, by: Breakdown | None = None) -> list[ScoreRow]:
    """The rows of a run's table: pooled, tasks, several data sets, prompts and read-outs, and
    then those of a breakdown.
    """
    controls = scores.controls
    rows = [ScoreRow("pooled", "pooled", scores.pooled, controls["pooled"])]
    rows += [ScoreRow("tasks", name, one, controls.get(name)) for name, one in scores.tasks.items()]
    for part in ("datasets", "prompts", "readouts"):
        groups: Mapping[str, Score] = getattr(scores, part)
        if len(groups) > 1:
            rows += [ScoreRow(part, name, one) for name, one in groups.items()]
    for field, groups in (by or {}).items():
        rows += [ScoreRow(field, name, one) for name, one in groups.items()]
    return rows


def columns_of(scores: Scores) -> tuple[str, ...]:
    """The columns of a run's table: COLUMNS, with the share of contradictions if there are any."""
    some = scores.pooled.statuses.get(CONTRADICTION)
    return (*COLUMNS[:-1], CONTRADICTION, COLUMNS[-1]) if some else COLUMNS


def cells(row: ScoreRow, columns: Sequence[str] = COLUMNS) -> list[str]:
    """The cells of a row, in the order of the columns."""
    score, controls = row.score, row.controls
    contradictions = percent(score.statuses.get(CONTRADICTION, 0.0) if score.n else None)
    return [
        row.name,
        f"{score.n:,}",
        percent(score.accuracy),
        interval(score.ci95),
        percent(score.statuses.get("answered", 0.0) if score.n else None),
        percent(score.accuracy_answered),
        percent(score.chance),
        percent(controls.majority) if controls is not None else "",
        percent(score.chance_corrected),
        *([contradictions] if CONTRADICTION in columns else []),
        f"{score.n_errors:,}" if score.n_errors else "",
    ]


def box_cells(name: str, score: BoxScore) -> list[str]:
    """The cells of a row of the table of boxes, in the order of BOX_COLUMNS."""
    return [
        name,
        f"{score.n:,}",
        percent(score.grit),
        interval(score.ci95),
        percent(score.statuses.get("answered", 0.0) if score.n else None),
        "–" if score.found is None else f"{score.found:.1f}",
        "–" if score.gold is None else f"{score.gold:.1f}",
        f"{score.n_errors:,}" if score.n_errors else "",
    ]


def title(manifest: Mapping[str, Any]) -> str:
    """A run in one line: plugin, model, data, prompts, control, and how images are changed."""
    words = f"{manifest['plugin']['name']} · {manifest['model']['id']} · {manifest['data']['name']}"
    words += f" · {', '.join(manifest['settings']['prompt'])}"
    if manifest["settings"]["control"] != "none":
        words += f" · control: {manifest['settings']['control']}"
    changes = manifest["settings"].get("image_set") or {}
    return "".join([words, *(f" · {name}: {value}" for name, value in changes.items())])


def print_report(
    runs: Sequence[Run], *, by: Sequence[str] = (), metrics: Sequence[ChosenMetric] = ()
) -> None:
    """Print the table of each run, also broken down by the fields `by`.

    `metrics`: further scores; without any, those that the run was scored with.
    """
    found: Sequence[Breakdown | None] = breakdowns_of(runs, by) if by else [None] * len(runs)
    for run, one in zip(runs, found, strict=True):
        print_scores(run, run.scores, one, run.measured(metrics, by))


def print_scores(
    run: Run, scores: Scores, by: Breakdown | None = None, measured: Measured = NOTHING_MEASURED
) -> None:
    """Print one run's table: pooled, tasks, data sets, and several prompts or read-outs."""
    from rich.console import Console

    console = Console(width=width_of_stdout(_WIDTH))
    sheets = [sheet(run, scores, by)] if _has_questions(scores) else []
    if scores.boxes:
        sheets.append(box_sheet(run, scores))
    sheets += [open_sheet(run.manifest, form, groups) for form, groups in scores.open.items()]
    if (table := metric_table(measured, title(run.manifest))) is not None:
        sheets.append(as_sheet(table))
    for one in sheets:
        fitted = fit(one, console.width)
        console.print(*fitted.tables, sep="\n")
        if fitted.left_out:
            words = f"Hidden (terminal too narrow): {', '.join(fitted.left_out)}."
            console.print(words, style="dim", highlight=False, markup=False)
    for line in (*notes(run.manifest, scores), *measured.notes):
        console.print(printable(line), style="dim", highlight=False, markup=False)


def _has_questions(scores: Scores) -> bool:
    apart = scores.boxes or scores.open
    return bool(scores.pooled.n or scores.pooled.n_errors or not apart)


def sheet(run: Run, scores: Scores, by: Breakdown | None) -> Sheet:
    """A run's table as a terminal shows it."""
    rows, columns = table_rows(scores, by), columns_of(scores)
    sections = []
    for part in dict.fromkeys(row.part for row in rows):
        style = "bold" if part == "pooled" else ""
        section = [Line(cells(row, columns), style) for row in rows if row.part == part]
        if by is not None and part in by:
            section.insert(0, Line([f"by {part}"], "italic"))
        if part == "datasets":
            section.append(Line(["mean of the data sets", "", percent(scores.macro)]))
        sections.append(section)
    return Sheet(
        columns, sections, title(run.manifest), right=range(1, len(columns)), short=_SHORT,
        spare=("of answered", "majority", CONTRADICTION, "answered", "corrected"),
    )  # fmt: skip


def box_sheet(run: Run, scores: Scores) -> Sheet:
    """A run's table of boxes as a terminal shows it."""
    manifest = run.manifest
    heading = f"{manifest['plugin']['name']} · {manifest['model']['id']}: boxes, GRIT score in %"
    lines = [Line(box_cells(name, score)) for name, score in scores.boxes.items()]
    right = range(1, len(BOX_COLUMNS))
    return Sheet(BOX_COLUMNS, [lines[:1], lines[1:]], heading, right=right, spare=("right ones",))


def notes(manifest: Mapping[str, Any], scores: Scores) -> list[str]:
    """The notes below a run's table, a sentence or two each."""
    told = []
    source = manifest.get("imported")
    if source is not None:
        version = f" {source['version']}" if source["version"] else ""
        told.append(
            f"Imported from a log of {source['program']}{version}, its replies read by our parser; "
            f"not known: {', '.join(source['unknown'])}."
        )
    pooled = scores.pooled
    unanswered = {k: v for k, v in pooled.statuses.items() if k != "answered"}
    if unanswered:
        shares = ", ".join(f"{status} {percent(share)}" for status, share in unanswered.items())
        told.append(f"Unanswered, counted wrong: {shares}.")
    if pooled.answered_strict not in (None, pooled.statuses.get("answered", 0.0)):
        told.append(
            f"Read strictly, by rules that are right in 99 of 100 readings: accuracy "
            f"{percent(pooled.accuracy_strict)}, answered {percent(pooled.answered_strict)}."
        )
    places = scores.controls["pooled"]
    if places.answered_at:
        answers = " ".join(percent(share) for share in places.answered_at)
        golds = " ".join(percent(share) for share in places.gold_at)
        told.append(f"Position bias: answers by position {answers}; right options {golds}.")
    told += inference_notes(scores)
    told += _contrastive_notes(scores)
    told += _sibling_notes(scores)
    for form, groups in scores.open.items():
        told += open_notes(form, groups["pooled"])
    if scores.nearly_constant:
        told.append(constant_note(scores))
    if scores.n_errors:
        told.append(
            f"{scores.n_errors:,} items failed and are in no score; "
            "the same command tries them again."
        )
    planned = int(manifest["planned"])
    if scores.n + scores.n_errors < planned:
        told.append(f"Unfinished: {scores.n + scores.n_errors:,} of {planned:,} items.")
    shard = manifest.get("shard")
    if shard is not None:
        told.append(
            f"Shard {shard['index']}/{shard['of']}: {planned:,} of {shard['planned_in_all']:,} "
            "items; `mubench-gen data join` makes one run of all shards."
        )
    return told


def constant_note(scores: Scores) -> str:
    """How many items had a picture on which nothing can be seen."""
    return (
        f"Nearly constant pictures (one grey or one colour): {scores.nearly_constant:,} of "
        f"{scores.n:,} items were asked about one. `mubench-gen data preview` shows what a model "
        "is given."
    )


def _sibling_notes(scores: Scores) -> list[str]:
    """Notes on items asked under several orders, and on several read-outs."""
    notes = []
    circular = scores.circular.get("pooled")
    if circular is not None:
        recalls = " ".join(percent(place.recall) for place in circular.places)
        notes.append(
            f"Right under every order: {percent(circular.consistent)}{_within(circular)} of "
            f"{circular.items:,} items ({circular.orders:.1f} orders each{_series(circular)}); "
            f"the same option, right or wrong: {percent(circular.unmoved)}. "
            f"Recall by position of the right option: {recalls}; "
            f"SD {percent(circular.place_bias)}, by chance about "
            f"{percent(circular.place_noise)}{_bias(circular)}."
        )
    for pair, agreement in scores.agreement.items():
        kappa = "–" if agreement.kappa is None else f"{agreement.kappa:.2f}"
        notes.append(
            f"Read-outs {pair}: {percent(agreement.same)} of {agreement.n:,} the same (κ {kappa}); "
            f"right {percent(agreement.right[0])} and {percent(agreement.right[1])}."
        )
    return notes


def _series(circular: Circular) -> str:
    """How often items were asked under their orders, where prompts or read-outs are several."""
    return "" if circular.series == circular.items else f", {circular.series:,} series"


def _bias(circular: Circular) -> str:
    if circular.place_ci95 is None or circular.place_p is None:
        return ""
    p = p_value(circular.place_p)
    return f"; without chance {interval(circular.place_ci95)}, p {p if p[0] == '<' else f'= {p}'}"


def _within(circular: Circular) -> str:
    ci = circular.consistent_ci95
    return "" if ci is None else f" ({interval(ci)})"


def _contrastive_notes(scores: Scores) -> list[str]:
    notes = []
    calibration, cut = scores.calibration.get("pooled"), scores.truncation
    if calibration is not None:
        notes.append(calibration_note(calibration))
    if scores.label_mass is not None:
        notes.append(scores.label_mass.words)
    if cut is not None:
        named = ", ".join(f"“{_shortened(caption)}”" for caption in cut.captions[:3])
        more = f" and {cut.distinct - 3:,} more" if cut.distinct > 3 else ""
        notes.append(
            f"Truncated to the model's context: {cut.cut:,} of {cut.options:,} "
            f"options, in {cut.items:,} items; {cut.alike:,} of them thereby became identical with "
            f"another option. They are {named}{more}."
        )
    return notes


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:40]} … {line[-17:]}"
