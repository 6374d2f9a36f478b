"""scores → report: the terminal table, with what each number depends on beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mubench_gen.circular import Circular
from mubench_gen.results import Run
from mubench_gen.score import Controls, Score, Scores

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_COLUMNS = (
    "", "n", "accuracy", "95 % CI", "answered", "of those", "chance", "majority", "corrected",
    "errors",
)  # fmt: skip


def print_report(runs: Sequence[Run]) -> None:
    """The table of each run on stdout."""
    for run in runs:
        print_scores(run, run.scores)


def print_scores(run: Run, scores: Scores) -> None:
    """One run's table: pooled, tasks, data sets, and prompts or read-outs where several."""
    import sys

    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 120)
    if scores.pooled.n or scores.pooled.n_errors or not scores.boxes:
        console.print(_table(run, scores))
    if scores.boxes:
        console.print(_box_table(run, scores))
    for line in _notes(run, scores):
        console.print(line, style="dim", highlight=False, markup=False)


def _table(run: Run, scores: Scores) -> Table:
    from rich.table import Table
    from rich.text import Text

    manifest = run.manifest
    title = f"{manifest['plugin']['name']} · {manifest['model']['id']} · {manifest['data']['name']}"
    title += f" · {', '.join(manifest['settings']['prompt'])}"
    if manifest["settings"]["control"] != "none":
        title += f" · control: {manifest['settings']['control']}"
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    table.add_column(_COLUMNS[0], overflow="fold")
    for column in _COLUMNS[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    table.add_row(
        *_cells("pooled", scores.pooled, scores.controls["pooled"]), style="bold", end_section=True
    )
    _add_section(table, scores.tasks, scores.controls)
    if len(scores.datasets) > 1:
        _add_section(table, scores.datasets, {})
        table.add_row("mean of the data sets", "", percent(scores.macro), end_section=True)
    for several in (scores.prompts, scores.readouts):
        if len(several) > 1:
            _add_section(table, several, {})
    return table


def _box_table(run: Run, scores: Scores) -> Table:
    from rich.table import Table

    manifest = run.manifest
    title = f"{manifest['plugin']['name']} · {manifest['model']['id']}: boxes, GRIT score in %"
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in ("", "n", "GRIT", "95 % CI", "read", "found", "right ones", "errors"):
        table.add_column(column, justify="right" if column else "left")
    for name, score in scores.boxes.items():
        table.add_row(
            name,
            f"{score.n:,}",
            percent(score.grit),
            "–" if score.ci95 is None else f"{100 * score.ci95[0]:.1f}–{100 * score.ci95[1]:.1f}",
            percent(score.statuses.get("answered", 0.0) if score.n else None),
            "–" if score.found is None else f"{score.found:.1f}",
            "–" if score.gold is None else f"{score.gold:.1f}",
            f"{score.n_errors:,}" if score.n_errors else "",
            end_section=name == "pooled",
        )
    return table


def _add_section(
    table: Table, groups: Mapping[str, Score], controls: Mapping[str, Controls]
) -> None:
    for name, score in groups.items():
        table.add_row(*_cells(name, score, controls.get(name)))
    table.add_section()


def _cells(name: str, score: Score, controls: Controls | None) -> list[Text]:
    """The row as it is: a name in brackets is no markup."""
    from rich.text import Text

    return [Text(cell) for cell in _row(name, score, controls)]


def _row(name: str, score: Score, controls: Controls | None) -> list[str]:
    return [
        name,
        f"{score.n:,}",
        percent(score.accuracy),
        "–" if score.ci95 is None else f"{100 * score.ci95[0]:.1f}–{100 * score.ci95[1]:.1f}",
        percent(score.statuses.get("answered", 0.0) if score.n else None),
        percent(score.accuracy_answered),
        percent(score.chance),
        percent(controls.majority) if controls is not None else "",
        percent(score.chance_corrected),
        f"{score.n_errors:,}" if score.n_errors else "",
    ]


def _notes(run: Run, scores: Scores) -> list[str]:
    notes = []
    pooled = scores.pooled
    unanswered = {k: v for k, v in pooled.statuses.items() if k != "answered"}
    if unanswered:
        shares = ", ".join(f"{status} {percent(share)}" for status, share in unanswered.items())
        notes.append(f"Unanswered, counted wrong: {shares}.")
    places = scores.controls["pooled"]
    if places.answered_at:
        answers = " ".join(percent(share) for share in places.answered_at)
        golds = " ".join(percent(share) for share in places.gold_at)
        notes.append(f"Places of the answers: {answers} (of the right ones: {golds}).")
    notes += _contrastive_notes(scores)
    notes += _sibling_notes(scores)
    if scores.n_errors:
        notes.append(
            f"{scores.n_errors:,} items failed and are in no score; "
            "the same command tries them again."
        )
    planned = int(run.manifest["planned"])
    if scores.n + scores.n_errors < planned:
        notes.append(f"Unfinished: {scores.n + scores.n_errors:,} of {planned:,} items.")
    shard = run.manifest.get("shard")
    if shard is not None:
        notes.append(
            f"Shard {shard['index']}/{shard['of']}: {planned:,} of {shard['planned_in_all']:,} "
            "items; `mubench-gen data join` makes one run of all shards."
        )
    return notes


def _sibling_notes(scores: Scores) -> list[str]:
    """Of items under several orders, and of several read-outs."""
    notes = []
    circular = scores.circular.get("pooled")
    if circular is not None:
        recalls = " ".join(percent(place.recall) for place in circular.places)
        notes.append(
            f"Under every order right: {percent(circular.consistent)}{_within(circular)} of "
            f"{circular.items:,} items ({circular.orders:.1f} orders each); the same option, "
            f"right or wrong: {percent(circular.unmoved)}. Right by the place of the right option: "
            f"{recalls}; spread {percent(circular.place_bias)}, by chance alone about "
            f"{percent(circular.place_noise)}."
        )
    for pair, agreement in scores.agreement.items():
        kappa = "–" if agreement.kappa is None else f"{agreement.kappa:.2f}"
        notes.append(
            f"Read-outs {pair}: {percent(agreement.same)} of {agreement.n:,} the same (κ {kappa}); "
            f"right {percent(agreement.right[0])} and {percent(agreement.right[1])}."
        )
    return notes


def _within(circular: Circular) -> str:
    ci = circular.consistent_ci95
    return "" if ci is None else f" ({100 * ci[0]:.1f}–{100 * ci[1]:.1f})"


def _contrastive_notes(scores: Scores) -> list[str]:
    notes = []
    calibration, cut = scores.calibration.get("pooled"), scores.truncation
    if calibration is not None:
        notes.append(
            f"Calibration: expected error {percent(calibration.ece)} "
            f"(sure by {percent(calibration.confidence)} on average)."
        )
    if cut is not None:
        named = ", ".join(f"“{_shortened(caption)}”" for caption in cut.captions[:3])
        more = f" and {cut.distinct - 3:,} more" if cut.distinct > 3 else ""
        notes.append(
            f"Longer than the model's context and read in part: {cut.cut:,} of {cut.options:,} "
            f"options, in {cut.items:,} items; {cut.alike:,} of them so became identical with "
            f"another option. They are {named}{more}."
        )
    return notes


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:40]} … {line[-17:]}"


def percent(share: float | None) -> str:
    """0.123 → "12.3", None → "–": the table's numbers are percentages."""
    return "–" if share is None else f"{round(100 * share, 1) + 0.0:.1f}"  # + 0.0: no "-0.0"
