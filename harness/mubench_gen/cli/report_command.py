"""`mubench-gen report`: scores of runs as tables, as a page, as files for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mubench_gen.cli.help_texts import Sectioned
from mubench_gen.cli.options.cluster import cluster_option
from mubench_gen.cli.options.common import COMMON
from mubench_gen.cli.options.inference import adjust_option, margin_option
from mubench_gen.cli.options.metric import metric_option
from mubench_gen.cli.options.protocol import protocol_option
from mubench_gen.cli.options.report import Wanted, check
from mubench_gen.cli.options.user_path import PATH, expanded
from mubench_gen.cli.views.report_output import (
    export,
    print_json,
    print_report,
    published,
    write_figure,
    write_page,
)

_EXAMPLES = """
\b
Examples:
  mubench-gen report runs/tiny-llava-1a2b3c4d
  mubench-gen report runs/*                          one table: models by tasks
  mubench-gen report runs/* --each                   each run's own table
  mubench-gen report runs/* --html report.html       one page: plots, every item, its image
  mubench-gen report runs/* --figure dots --out scores.svg
  mubench-gen report studies/ablate-1a2b3c4d --figure effects --out effects.pdf
  mubench-gen report runs/tiny-llava-1a2b3c4d --html       into the run's folder
  mubench-gen report runs/* --by stain,organism
  mubench-gen report runs/* --group scope            generalists against specialists
  mubench-gen report runs/* --format csv --out scores.csv
  mubench-gen report runs/clip-1a2b3c4d --metric probability,unanswered
  mubench-gen report runs/tiny-llava-1a2b3c4d --format lm-eval --out samples.jsonl
  mubench-gen report runs/* --html report.html --section ./my_section.py
  mubench-gen report runs/* --protocol olmo-eval      as another tool reads and counts them
  mubench-gen report runs/clip-1a2b3c4d --published
  mubench-gen report runs/clip-1a2b3c4d --published ./their_table.toml
  mubench-gen report --forgetting runs/clip-1a2b3c4d runs/clip-plip-5e6f7a8b
"""


_SECTIONS = {
    "What is shown": (
        "--each", "--by", "--group", "--metric", "--protocol", "--published", "--forgetting",
        "--section",
    ),
    "Output": ("--html", "--figure", "--format", "--out", "-o"),
    "The page": ("--no-images", "--items", "--pictures", "--data"),
    "Statistics": ("--cluster", "--adjust", "--margin", "--baseline"),
    "All commands": COMMON,
}  # fmt: skip
_FEW = ("--each", "--by", "--group", "--html", "--figure", "--format", "--out", *COMMON)


class _Report(Sectioned):
    """`--published` takes a table, or, before a run or at the end, none."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        from mubench_gen.cli.views.published import with_tables

        return super().parse_args(ctx, with_tables(args))


@click.command("report", cls=_Report, sections=_SECTIONS, few=_FEW, epilog=_EXAMPLES)
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option(
    "--html",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    callback=expanded,
    help="Write one self-contained HTML file; without FILE, report.html in the run's folder.",
)
@click.option(
    "--format",
    "form",
    metavar="NAME",
    help="Export the scores, on stdout or to --out: md, csv, latex, parquet, or a "
    "plugin's format (PLUGIN, PLUGIN:FORMAT).",
)
@click.option(
    "-o",
    "options",
    multiple=True,
    metavar="K=V",
    help="An option of the format; of a figure width=MM or task=A+B.",
)
@metric_option
@cluster_option
@click.option("--out", type=PATH, metavar="FILE", help="File that --format or --figure writes.")
@click.option(
    "--by",
    multiple=True,
    metavar="FIELD",
    help="Also break down by a field of the items: stain, organism, submodality, licence, …",
)
@click.option(
    "--group",
    metavar="FACT",
    help="Group models by scope (generalist, specialist), domain, family, …",
)
@click.option(
    "--data", metavar="NAME|PATH", help="With --html: where the data are now. [as in the run]"
)
@click.option("--no-images", is_flag=True, help="With --html: placeholders for the images.")
@click.option(
    "--items",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --html: most items in the gallery, a random sample. [10,000]",
)
@click.option(
    "--pictures",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --html of a study: how many images its contact sheet has. [8]",
)
@click.option(
    "--published",
    multiple=True,
    metavar="[NAME|FILE]",
    help="Show published results too, and what cannot be compared. [ubench, the paper's]",
)
@click.option(
    "--forgetting",
    is_flag=True,
    help="BASE FINETUNED…: what each fine-tune learned and forgot, by task.",
)
@click.option("--each", is_flag=True, help="Show each run by itself, not in one table.")
@click.option(
    "--figure",
    metavar="KIND",
    help="Draw into --out F.svg, F.pdf or F.png: dots, heatmap, reliability, confusion, "
    "positions, radar; a study's effects, grid, flips or gains; a sweep's frontier.",
)
@click.option(
    "--section",
    multiple=True,
    metavar="NAMES",
    help="Add sections by these plugins, below the tables or on the page.",
)
@click.option(
    "--baseline",
    metavar="MODEL",
    help="Of a study: the model whose corruption error is 100 %. [its first]",
)
@protocol_option
@adjust_option
@margin_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(runs: tuple[Path, ...], by: tuple[str, ...], no_images: bool, **given: Any) -> None:
    """Show the scores of runs, finished or not, as tables, figures or an HTML page.

    Several runs are one table of models by tasks, on the items that all have answered. The folder
    of a study or a sweep, alone, is shown as `ablate` and `sweep` showed it; with others, or with
    --each, --by, --group, --metric and the like, it stands for its runs.
    """
    from mubench_gen.scores.metadata import split_fields

    wanted = Wanted(by=split_fields(by), images=not no_images, **given)
    check(runs, wanted)
    if wanted.forgetting:
        from mubench_gen.cli.views import forgetting as forgetting_view

        html = None if wanted.html is None else Path(wanted.html)
        margin = None if wanted.margin is None else wanted.margin / 100
        forgetting_view.report(
            runs,
            html=html,
            as_json=wanted.as_json,
            adjust=wanted.adjust,
            margin=margin,
            cluster=wanted.cluster,
        )
        return
    from mubench_gen.cli.views import study as study_view

    if study_view.shows(runs, wanted):
        study_view.report(runs[0], wanted)
        return
    if wanted.baseline is not None:
        from mubench_gen.errors import SettingError

        raise SettingError("--baseline is of a study: give the folder of one, and no other run.")
    if wanted.pictures is not None:
        from mubench_gen.errors import SettingError

        raise SettingError("--pictures is of a study's page: give the folder of a study alone.")
    from mubench_gen.compare.protocols.run import load_by_protocol, notes_by_protocol
    from mubench_gen.console.progress import log
    from mubench_gen.runs.shown_images import notes
    from mubench_gen.runs.studies import runs_in

    loaded = load_by_protocol(runs_in(runs), wanted.protocol, cluster=wanted.cluster)
    for note in notes([run.dir for run in loaded]):
        log(note)
    for note in notes_by_protocol(loaded):
        log(note)
    if wanted.html is not None:
        write_page(runs[0], loaded, wanted)
    elif wanted.figure is not None:
        write_figure(runs, loaded, wanted)
    elif wanted.form is not None:
        export(loaded, wanted)
    elif wanted.published:
        published(loaded, wanted.published, as_json=wanted.as_json)
    elif wanted.as_json:
        print_json(loaded, wanted)
    else:
        print_report(loaded, wanted)
