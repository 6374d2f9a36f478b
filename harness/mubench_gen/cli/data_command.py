"""`mubench-gen data`: describe, fetch, check and make data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mubench_gen.cli.help_texts import Subcommands, examples_of
from mubench_gen.cli.options import completion
from mubench_gen.cli.options.data import allow_outside_option, image_set_option, map_option
from mubench_gen.cli.options.preview import preview_options
from mubench_gen.cli.options.user_path import PATH
from mubench_gen.console.notes import note
from mubench_gen.console.outlet import say, tell

_EXAMPLES = """
\b
Examples:
  mubench-gen data
  mubench-gen data info
  mubench-gen data info path/to/data --json
  mubench-gen data prepare ubench
  mubench-gen data prepare slake --from downloads/SLAKE
  mubench-gen data verify ubench
  mubench-gen data info ubench --licenses commercial
  mubench-gen data import photos --out data/photos
  mubench-gen data preview data/photos
  mubench-gen data preview photos/cell.czi --image-set z=max
  mubench-gen data preview ubench --items 100 --model llava-hf/llava-1.5-7b-hf
  mubench-gen data prepare demo --images 1700 --seed 7 --out data/larger
  mubench-gen data join runs/echo-echo-0a1b2c3d-*-of-5
"""


@click.group("data", cls=Subcommands, invoke_without_command=True, epilog=_EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List, describe, fetch, check or make data sets.

    Without a command: each with its size, its licence, and whether it is on this machine.
    """
    if ctx.invoked_subcommand is None:
        from mubench_gen.cli.views.data_sets import list_data_sets

        list_data_sets(as_json=as_json)


@command.command("info", epilog=examples_of(_EXAMPLES, "data info"))
@click.argument("name", default="demo", metavar="[NAME|PATH]")
@click.option(
    "--licenses",
    multiple=True,
    metavar="NAMES",
    help="Only rows under these licences: commercial, CC-BY*, …",
)
@click.option("--partial", is_flag=True, help="Leave out files that are missing or damaged.")
@allow_outside_option
@map_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def info(
    name: str,
    licenses: tuple[str, ...],
    partial: bool,
    allow_outside: bool,
    mapping: tuple[str, ...],
    as_json: bool,
) -> None:
    """Print rows, images, questions by task and data set, and licences. Checks every row."""
    from mubench_gen.cli.views.data import described, print_about, print_survey
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.data import open_dataset
    from mubench_gen.data.survey import survey
    from mubench_gen.plan.settings import map_pairs
    from mubench_gen.tasks.samples import count
    from mubench_gen.tasks.task import load_tasks

    chosen = [part.strip() for value in licenses for part in value.split(",") if part.strip()]
    dataset = open_dataset(
        name,
        partial=partial,
        licenses=chosen,
        checked=partial,
        outside=allow_outside,
        mapping=map_pairs(mapping),
    )
    tasks = [task for task in load_tasks(dataset=dataset) if count(task, dataset)]
    found = survey(dataset, tasks)
    if as_json:
        print_json(described(dataset, found))
    else:
        print_survey(dataset, found)
        print_about(dataset.path.parent)


@command.command("prepare", epilog=examples_of(_EXAMPLES, "data prepare"))
@click.argument("name", shell_complete=completion.named_data)
@click.option(
    "--from", "source", type=PATH, metavar="DIR", help="Its files are here: fetch nothing."
)
@click.option("--partial", is_flag=True, help="Leave out faulty rows, and name them.")
@click.option("--images", type=click.IntRange(min=1), metavar="N", help="Number of images. [600]")
@click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", help="Seed of the images. [the demo's]"
)
@click.option("--out", type=PATH, metavar="DIR", help="A new folder. [the cache]")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def prepare(
    name: str,
    source: Path | None,
    partial: bool,
    images: int | None,
    seed: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Fetch a data set that `mubench-gen data` lists, or generate the demo data.

    What the hub has goes into its cache (HF_HOME). Existing files are checked and kept; an
    interrupted download is continued. A package's data set is then checked row by row.
    """
    from mubench_gen.cli.views.data_sets import prepared

    path, about = prepared(name, source, out, images=images, seed=seed, partial=partial)
    if as_json:
        from mubench_gen.cli.views.tables import print_json

        facts = {key: about[key] for key in ("revision", "counts", "expected") if key in about}
        print_json({"name": name, "path": str(path), **facts})
    else:
        say(str(path))


@command.command("verify", epilog=examples_of(_EXAMPLES, "data verify"))
@click.argument("name", default="ubench", metavar="[NAME|PATH]")
@allow_outside_option
@image_set_option
@map_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def verify(
    name: str,
    allow_outside: bool,
    image_set: tuple[str, ...],
    mapping: tuple[str, ...],
    as_json: bool,
) -> int:
    """Read all of a data set: sizes, SHA-256, every row; decode every image as a run would.

    Every fault is listed by file and row, and pictures that somebody should look at: nearly
    constant, saturated or very small ones, and duplicates. Exit code 1 if it is not sound.
    """
    from dataclasses import asdict

    from mubench_gen.cli.views.data import print_findings
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.data.verify import verify as check
    from mubench_gen.plan.settings import map_pairs, pairs

    findings = check(
        name, outside=allow_outside, image_set=pairs(image_set), mapping=map_pairs(mapping)
    )
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_findings(findings)
    return 1 if any(finding.problem for finding in findings) else 0


@command.command("preview", epilog=examples_of(_EXAMPLES, "data preview"))
@click.argument("path", metavar="NAME|PATH")
@image_set_option
@preview_options
@allow_outside_option
@map_option
def preview(
    path: str,
    image_set: tuple[str, ...],
    allow_outside: bool,
    mapping: tuple[str, ...],
    **given: Any,
) -> None:
    """Write a page and a contact sheet of what a model is given.

    Of a data set, a folder of image files, or one image file: each picture with its histogram,
    the channels and planes that were chosen, the policy in words, and warnings first. No model is
    asked; --model opens a checkpoint's processor alone, and shows the size, tiles and image
    tokens that it makes.
    """
    from mubench_gen.cli.views.preview import PreviewOptions, preview_of
    from mubench_gen.plan.settings import map_pairs, pairs

    preview_of(
        path,
        pairs(image_set),
        PreviewOptions(**given),
        outside=allow_outside,
        mapping=map_pairs(mapping),
    )


@command.command("import", epilog=examples_of(_EXAMPLES, "data import"))
@click.argument("path", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="DIR", help="A new folder.")
@click.option(
    "--from",
    "form",
    metavar="FORM",
    help="vlmevalkit, hf, folders, csv, coco, croissant. [found out]",
)
@map_option
@click.option("--question", metavar="TEXT", help="The question about folders of classes.")
@click.option("--partial", is_flag=True, help="Leave out rows that are wrong, and name them.")
@click.option(
    "--table",
    type=PATH,
    metavar="FILE",
    help="The table with the questions. [the one in the folder]",
)
@click.option("--name", metavar="NAME", help="Name of the data set. [the folder's]")
@click.option(
    "--license", "licence", metavar="NAME", help="Licence of rows for which the table gives none."
)
@image_set_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def import_(
    path: Path,
    out: Path,
    form: str | None,
    mapping: tuple[str, ...],
    question: str | None,
    partial: bool,
    table: Path | None,
    name: str | None,
    licence: str | None,
    image_set: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make a data set of images with a table, or of a benchmark in another form.

    CSV, TSV, Excel, JSON, Parquet, folders a class, COCO, Croissant: docs/howto/any-benchmark.md.
    How each column was understood is told on stderr. Every image is decoded as a run would show
    it.
    """
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.data.importing import import_data
    from mubench_gen.plan.settings import map_pairs, pairs

    asked = {} if question is None else {"question": question}
    made = import_data(
        path,
        out,
        form=form,
        mapping={**map_pairs(mapping), **asked},
        partial=partial,
        table=table,
        name=name,
        license_name=licence,
        image_set=pairs(image_set),
    )
    if as_json:
        counts = {"rows": made.rows, "questions": made.questions}
        print_json({"path": str(out), **counts, "warnings": list(made.warnings)})
    else:
        say(str(out))
    for warning in made.warnings:
        tell(f"Look at it: {warning}.")
    note(
        f"{made.rows:,} rows, {made.questions:,} questions. "
        f"Type: mubench-gen eval --plugin NAME --data {out}"
    )


@command.command("join", epilog=examples_of(_EXAMPLES, "data join"))
@click.argument("folders", nargs=-1, required=True, type=PATH, metavar="RUN...")
@click.option("--out", type=PATH, metavar="DIR", help="The new run's folder. [next to the shards']")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def join(folders: tuple[Path, ...], out: Path | None, as_json: bool) -> int:
    """Join the runs of all shards (`eval --shard I/N`) into one run.

    Gaps, contradicting records of an item and shards of different runs are refused. Exit code 3
    if items failed; the command without --shard and with --run-dir DIR tries those again.
    """
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.runs.merge_shards import join as join_runs

    run = join_runs(folders, out)
    if as_json:
        print_json(run.summary())
    else:
        say(str(run.dir))
    note(f"{len(set(folders))} shards, {run.manifest['planned']:,} items.")
    return 3 if run.scores.n_errors else 0
