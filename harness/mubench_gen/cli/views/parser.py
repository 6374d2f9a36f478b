"""What `score` shows about the parser: its error rates, and a person's audit of a run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from mubench_gen.console.outlet import say
from mubench_gen.runs.results import Run


def show_card(path: Path, *, as_json: bool) -> None:
    """Print the parser's error rates on a labelled file, by regime, status and rule."""
    from rich.console import Console

    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.tables import width_of_stdout
    from mubench_gen.scores.parser_card import card_json, card_tables, load_labelled, parser_card

    card = parser_card(load_labelled(path))
    if as_json:
        print_json(card_json(card))
        return
    console = Console(width=width_of_stdout(120))
    for table in card_tables(card):
        console.print(table)


def draw_audit(run: Run, size: int, *, seed: int, out: Path | None, as_json: bool) -> None:
    """Write the sample of replies for a person to label."""
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.runs.audit import NO_ANSWER, UNSURE, draw_sample, write_sample

    path = out if out is not None else Path(f"{run.dir.name}-audit.csv")
    sample = draw_sample(run, size, seed)
    write_sample(sample, path)
    if as_json:
        print_json({"run_dir": str(run.dir), "path": str(path), "replies": len(sample)})
        return
    say(f"{len(sample)} replies to read in {path}.")
    say(
        f"Fill in the column label: the label that the reply chooses, {NO_ANSWER} where it "
        f"chooses none, {UNSURE} where you cannot tell. Then: "
        f"mubench-gen score {run.dir} --audited {path}"
    )


def show_audit(run: Run, path: Path, *, as_json: bool) -> None:
    """Print the accuracy, corrected by the labels of the person."""
    from mubench_gen.cli.views.tables import print_json, print_table
    from mubench_gen.console.numbers import percent
    from mubench_gen.runs.audit import audit, read_labels

    found = audit(run, read_labels(path))
    if as_json:
        print_json({"run_dir": str(run.dir), "audit": asdict(found)})
        return
    low, high = found.ci95
    print_table(
        ["", "%"],
        [
            ["accuracy by the parser", percent(found.accuracy)],
            ["accuracy corrected by the audit", percent(found.corrected)],
            ["95 % interval of the corrected", f"{percent(low)}–{percent(high)}"],
            ["replies read as another option", percent(found.misread)],
            ["answers not found", percent(found.missed)],
            ["answers found in replies without one", percent(found.invented)],
        ],
        title=f"{run.dir.name}: {found.labelled} of {found.n:,} replies read by a person",
        caption=f"{found.unsure} replies marked as unsure are left out" if found.unsure else None,
        right=[1],
    )
