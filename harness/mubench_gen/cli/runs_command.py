"""`mubench-gen runs`: what there is, whether it holds, and its way to other programs and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.cli.help_texts import Subcommands, examples_of
from mubench_gen.cli.options.inference import adjust_option
from mubench_gen.cli.options.settings import setting_option, setting_options
from mubench_gen.cli.options.user_path import PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mubench_gen.runs.listing import ListedRun
    from mubench_gen.runs.verify import VerifiedPart

_EXAMPLES = """
\b
Examples:
  mubench-gen runs
  mubench-gen runs --folder results --json
  mubench-gen runs verify runs/tiny-llava-1a2b3c4d
  mubench-gen runs rerun runs/tiny-llava-1a2b3c4d --run-dir runs/again
  mubench-gen runs rerun runs/tiny-llava-1a2b3c4d --check 20
  mubench-gen runs pack runs/tiny-llava-1a2b3c4d --out llava.run.zip
  mubench-gen runs verify llava.run.zip
  mubench-gen runs board runs --out board
  mubench-gen runs board packs/*.run.zip --title "Cells of 2026" --out site --images
  mubench-gen runs export runs/tiny-llava-1a2b3c4d --to eee --out for-eee
  mubench-gen runs export runs/tiny-llava-1a2b3c4d --to hf -o dataset=ORG/NAME --out for-hf
  mubench-gen runs export runs/tiny-llava-1a2b3c4d --to vlmevalkit --out predictions.tsv
  mubench-gen runs import logs/2026-11-29_slides.eval --out runs/theirs
  mubench-gen runs import samples_slides_2026-11-29.jsonl --out runs/theirs --fact family=llava
  mubench-gen runs import answers.csv --map reply=output,options=A+B+C,answer=gold --out runs/theirs
"""
_DEFAULT = Path("runs")
_FORMATS = (
    "croissant (of the data set), eee, hf, inspect, lm-eval, mlflow, trackio, vlmevalkit, or "
    "another plugin's (PLUGIN, PLUGIN:FORMAT)."
)


@click.group("runs", cls=Subcommands, invoke_without_command=True, epilog=_EXAMPLES)
@click.option(
    "--folder", type=PATH, default=_DEFAULT, metavar="DIR", help="The folder to list. [runs]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def command(ctx: click.Context, folder: Path, as_json: bool) -> None:
    """List the runs, studies, sweeps and soups in a folder; check, pack, import and export them."""
    if ctx.invoked_subcommand is not None:
        return
    from mubench_gen.cli.views.tables import print_json, print_table
    from mubench_gen.runs.listing import listed

    found = list(listed(folder)) if folder != _DEFAULT or folder.is_dir() else []
    if as_json:
        print_json([one.as_dict() for one in found])
        return
    print_table(
        ["folder", "kind", "plugin", "model", "control", "prompt", "n", "accuracy", "state"],
        [_row(one) for one in found],
        right=[6, 7],
        caption=None if found else f"{folder} holds no run yet.",
    )


def _row(one: ListedRun) -> list[str]:
    from mubench_gen.console.numbers import percent

    low, high = one.accuracy or (None, None)
    share = percent(low) if low == high else f"{percent(low)}–{percent(high)}"
    named = (one.folder, one.kind, one.plugin, one.model, one.control, one.prompt)
    return [*named, f"{one.n:,}", share, one.state]


@command.command("verify", epilog=examples_of(_EXAMPLES, "runs verify"))
@click.argument("run", type=PATH)
@click.option(
    "--records-only", is_flag=True, help="Leave out data, tasks, prompts, weights and plugin."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def verify(run: Path, records_only: bool, as_json: bool) -> int:
    """Check a run: its files, its scores, and what it was made with against what is here.

    Exit code 1 where something does not hold. What is not on this machine is not checked, and
    is named.
    """
    from mubench_gen.cli.views.tables import print_json, print_table
    from mubench_gen.console.stdout import results_only

    with results_only():
        checks = list(_checks(run, here=not records_only))
    holds = not any(check.fails for check in checks)
    if as_json:
        print_json({"run": str(run), "holds": holds, "checks": [c.as_dict() for c in checks]})
    else:
        print_table(["", "check", "found"], [[_MARKS[c.outcome], c.name, c.found] for c in checks])
    return 0 if holds else 1


_MARKS = {"holds": "✓", "fails": "✗", "not checked": "–"}


def _checks(path: Path, *, here: bool) -> Iterator[VerifiedPart]:
    from mubench_gen.errors import RunFolderError
    from mubench_gen.runs.packs import SUFFIX
    from mubench_gen.runs.results import load_run
    from mubench_gen.runs.verify import VerifiedPart, verify
    from mubench_gen.storage.run_folder import MANIFEST

    try:
        run = load_run(path)
    except RunFolderError as error:
        if not (path / MANIFEST).is_file() and not path.name.endswith(SUFFIX):
            raise  # not a run
        name = "manifest" if path.is_dir() else "pack"
        yield VerifiedPart(name, "fails", str(error))
        return
    yield from verify(run, here=here)


@command.command("rerun", epilog=examples_of(_EXAMPLES, "runs rerun"))
@click.argument("run", type=PATH)
@click.option(
    "--check",
    type=click.IntRange(min=1),
    metavar="N",
    help="Ask N items alone, keep no run, and exit 1 if a reply differs.",
)
@setting_option("options")
@setting_option("data", help="Where the data are now. [as in the run]")
@setting_option("device", help="auto, cpu, cuda, cuda:1, mps. [as in the run]")
@setting_option("batch_size", help="Requests (or images) per batch. [as in the run]")
@setting_option(
    "timeout",
    help="Seconds that one call of the model, or one request, may take. [as in the run]",
)
@setting_options("preflight", "in_process", "run_dir")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def rerun(run: Path, check: int | None, as_json: bool, **flags: Any) -> int:
    """Ask all of a run again, by the settings in its manifest, into a new folder."""
    from mubench_gen.cli.views import rerun as rerun_view

    given = {name: value for name, value in flags.items() if value not in (None, (), [])}
    return rerun_view.rerun(run, given, check=check, as_json=as_json)


@command.command("pack", epilog=examples_of(_EXAMPLES, "runs pack"))
@click.argument("run", type=PATH)
@click.option("--out", type=PATH, metavar="FILE", help="The file. [RUN.run.zip beside the run]")
@click.option("--images", is_flag=True, help="With the images, not by their digests alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def pack(run: Path, out: Path | None, images: bool, as_json: bool) -> None:
    """Make one file of a run, which `runs verify`, `report` and `compare` read.

    It holds records, manifest, scores, the versions of what the plugin needs, and licences; no
    secret and no private path. The same run gives the same bytes.
    """
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.notes import note
    from mubench_gen.console.outlet import say
    from mubench_gen.runs.interchange.pack import pack
    from mubench_gen.runs.results import load_run

    made = pack(load_run(run), out, images=images)
    if as_json:
        counts = {"records": made.records, "images": made.images, "bytes": made.size}
        print_json({"path": str(made.path), **counts})
    else:
        say(str(made.path))
    note(f"{made.records:,} records, {made.images:,} images, {made.size / 1e6:.2f} MB.")


@command.command("board", epilog=examples_of(_EXAMPLES, "runs board"))
@click.argument("runs", nargs=-1, required=True, type=PATH, metavar="RUN…")
@click.option(
    "--out",
    type=PATH,
    default=Path("board"),
    metavar="DIR",
    help="A new folder, or a board that is written anew. [board]",
)
@click.option("--title", default="Models by tasks", metavar="TEXT", help="The page's heading.")
@click.option(
    "--by", multiple=True, metavar="FIELD", help="Also break down by a field of the items."
)
@click.option("--images", is_flag=True, help="With thumbnails, and the images in the packs.")
@click.option(
    "--items",
    type=click.IntRange(min=1),
    metavar="N",
    help="Most items on the page of a run, a random sample. [2,000]",
)
@adjust_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def board(runs: tuple[Path, ...], by: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Make a leaderboard that can be published: static pages, and their data as JSON and CSV.

    RUN: runs, packs, imported runs, studies, or folders of them. A run that does not verify is
    left out, and named. No secret and no private path is in any file.
    """
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.notes import note
    from mubench_gen.console.outlet import say
    from mubench_gen.report.leaderboard import write_site
    from mubench_gen.scores.metadata import split_fields

    wanted = {name: value for name, value in given.items() if value is not None}
    site = write_site(runs, by=split_fields(by), **wanted)
    for one in site.left_out:
        note(f"Left out: {one.name}: {one.reason.rstrip('.')}.")
    for words in site.notes:
        note(words)
    if as_json:
        left_out = [{"run": one.name, "reason": one.reason} for one in site.left_out]
        print_json({"path": str(site.path), "runs": site.runs, "left_out": left_out})
    else:
        say(str(site.path / "index.html"))
    rankings = f"{site.boards} rankings, which share no item" if site.boards > 1 else "one ranking"
    note(f"{len(site.runs):,} run{'s' * (len(site.runs) > 1)} on {rankings}.")


@command.command("export", epilog=examples_of(_EXAMPLES, "runs export"))
@click.argument("runs", nargs=-1, required=True, type=PATH, metavar="RUN…")
@click.option("--to", "form", required=True, metavar="FORMAT", help=_FORMATS)
@click.option(
    "--out", required=True, type=PATH, metavar="PATH", help="A new file, or folder of files."
)
@click.option("-o", "options", multiple=True, metavar="K=V", help="An option of the format.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def export(
    runs: tuple[Path, ...], form: str, out: Path, options: tuple[str, ...], as_json: bool
) -> None:
    """Write runs as another program's files, without secrets and private paths.

    Items that are neither right nor wrong, such as failed ones, are left out and counted.
    """
    from mubench_gen.cli.views import export as export_view

    export_view.export(runs, form, out, options, as_json=as_json)


@command.command("import", epilog=examples_of(_EXAMPLES, "runs import"))
@click.argument("logs", nargs=-1, required=True, type=PATH, metavar="LOG…")
@click.option("--out", required=True, type=PATH, metavar="RUN", help="A new run folder.")
@click.option(
    "--from",
    "form",
    type=click.Choice(["inspect", "eee", "openai-batch", "lm-eval", "vlmevalkit"]),
    help="The program that wrote the log; lm-eval: lmms-eval too. [by its content]",
)
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="FIELD=COLUMN,…",
    help="Any CSV, TSV, XLSX or JSONL: the columns of id, question, options (A+B+C), answer, "
    "reply, prompt, image, correct, dataset, task, model.",
)
@click.option("--model", metavar="NAME", help="The model's name. [the log's]")
@click.option(
    "--fact", "facts", multiple=True, metavar="K=V", help="A fact of the model, for --group."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def import_(logs: tuple[Path, ...], out: Path, as_json: bool, **given: Any) -> None:
    """Make a run of another program's log: score, report and compare it like one of ours.

    Reads logs of inspect, lm-eval and lmms-eval (samples), VLMEvalKit, Every Eval Ever,
    OpenAI's batches (answers, requests and a table of right answers), and any table by --map.
    """
    from mubench_gen.cli.views import imported as import_view

    import_view.import_logs(logs, out, as_json=as_json, **given)
