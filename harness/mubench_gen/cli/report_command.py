"""`mubench-gen report`: scores of runs as tables, as a page, as files for other programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from mubench_gen.cli.cluster_option import cluster_option
from mubench_gen.cli.common_options import COMMON
from mubench_gen.cli.help_texts import Sectioned
from mubench_gen.cli.inference_options import adjust_option, margin_option
from mubench_gen.cli.metric_option import chosen, metric_option
from mubench_gen.cli.protocol_option import protocol_option
from mubench_gen.cli.report_options import Wanted, check
from mubench_gen.cli.user_path import PATH, expanded
from mubench_gen.console.outlet import give, say

if TYPE_CHECKING:
    from mubench_gen.runs.results import Run

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
_IN_THE_RUN = "report.html"
_IN_MEMORY = 64 * 2**20  # bytes; a larger export is buffered on disk


_SECTIONS = {
    "What is shown": (
        "--each", "--by", "--group", "--metric", "--protocol", "--published", "--forgetting",
        "--section",
    ),
    "As what": ("--html", "--figure", "--format", "--out", "-o"),
    "The page": ("--no-images", "--items", "--pictures", "--data"),
    "Statistics": ("--cluster", "--adjust", "--margin", "--baseline"),
    "All commands": COMMON,
}  # fmt: skip
_FEW = ("--each", "--by", "--group", "--html", "--figure", "--format", "--out", *COMMON)


class _Report(Sectioned):
    """`--published` takes a table, or, before a run or at the end, none."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        from mubench_gen.cli.published import with_tables

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
        from mubench_gen.cli import forgetting_view

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
    from mubench_gen.cli import study_view

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
        _write_page(runs[0], loaded, wanted)
    elif wanted.figure is not None:
        _write_figure(runs, loaded, wanted)
    elif wanted.form is not None:
        _export(loaded, wanted)
    elif wanted.published:
        _published(loaded, wanted.published, as_json=wanted.as_json)
    elif wanted.as_json:
        _print_json(loaded, wanted)
    else:
        _print(loaded, wanted)


def _write_page(first: Path, runs: Sequence[Run], wanted: Wanted) -> None:
    from mubench_gen.cli import plugin_sections
    from mubench_gen.console.notes import note
    from mubench_gen.report.html import MOST_ITEMS, check_page_path, write_page
    from mubench_gen.runs.packs import refuse_pack

    if not wanted.html:
        refuse_pack(runs[0].dir)
    path = Path(wanted.html) if wanted.html else first / _IN_THE_RUN
    check_page_path(path)
    metrics = chosen(wanted.metric)
    told = plugin_sections.ask(runs, wanted.section)
    written = write_page(
        runs,
        path,
        by=wanted.by,
        metrics=metrics,
        group=wanted.group,
        adjust=wanted.adjust,
        told=told,
        data=wanted.data,
        images=wanted.images,
        most_items=wanted.items or MOST_ITEMS,
    )
    note(
        f"Wrote {path}: {written.items:,} items, {written.pictures:,} images, "
        f"{written.size / 1e6:.1f} MB."
    )


def _export(runs: Sequence[Run], wanted: Wanted) -> None:
    from tempfile import SpooledTemporaryFile

    from mubench_gen.plan.settings import pairs
    from mubench_gen.report.board_export import FORMATS, write_boards
    from mubench_gen.report.export import choose_export, reported

    form = choose_export(str(wanted.form), pairs(wanted.options))
    if not form.export.text:
        check_binary(form.export.title, wanted.out)
    with SpooledTemporaryFile(_IN_MEMORY) as content:  # so that no half-written file remains
        metrics = chosen(wanted.metric)
        beside = len(runs) > 1 and not wanted.each and form.plugin is None
        if beside and form.export.name in FORMATS:
            write_boards(
                form.export.name, runs, content, by=wanted.by, metrics=metrics,
                adjust=wanted.adjust,
            )  # fmt: skip
        else:
            form.write(reported(runs, wanted.by, metrics), content)
        put(content, wanted.out, form.printable if form.plugin is not None else bytes)


def check_binary(title: str, out: Path | None) -> None:
    """Refuse to write what is no text to a terminal."""
    import sys

    from mubench_gen.errors import SettingError

    if out is None and sys.stdout.isatty():
        raise SettingError(f"{title} is not text that a terminal can show: give --out FILE.")


def put(content: IO[bytes], out: Path | None, shown: Callable[[bytes], bytes] = bytes) -> None:
    """Write the content to the file, or what is `shown` of it to stdout."""
    import shutil

    from mubench_gen.console.notes import note
    from mubench_gen.errors import SettingError

    content.seek(0)
    if out is None:
        give(shown(content.read()))
        return
    try:
        with out.open("wb") as file:
            shutil.copyfileobj(content, file)
    except OSError as error:
        raise SettingError(f"--out {out}: cannot be written: {error.strerror}.") from None
    note(f"Wrote {out}.")


def _write_figure(paths: Sequence[Path], runs: Sequence[Run], wanted: Wanted) -> None:
    from mubench_gen.cli.figure_view import write_figure
    from mubench_gen.plan.settings import pairs

    options = pairs(wanted.options)
    kind = str(wanted.figure)
    write_figure(
        kind, paths, runs, out=wanted.out, by=wanted.by, options=options, adjust=wanted.adjust
    )


def _published(runs: Sequence[Run], tables: Sequence[str], *, as_json: bool) -> None:
    from mubench_gen.cli import published as reference
    from mubench_gen.cli.tables import print_json

    if as_json:
        print_json(reference.document(runs, tables))
    else:
        reference.show(runs, tables)


def _print(runs: Sequence[Run], wanted: Wanted) -> None:
    from mubench_gen.cli import plugin_sections

    sections = plugin_sections.ask(runs, wanted.section)
    _print_tables(runs, wanted)
    plugin_sections.show(sections)


def _print_tables(runs: Sequence[Run], wanted: Wanted) -> None:
    from mubench_gen.cli.board_view import show_runs
    from mubench_gen.report.controls import against_controls

    if wanted.group is not None:
        from mubench_gen.cli.group_view import show

        show(runs, wanted.group, adjust=wanted.adjust)
        if not wanted.by:
            return
    metrics = chosen(wanted.metric)
    show_runs(runs, by=wanted.by, metrics=metrics, each=wanted.each, adjust=wanted.adjust)
    for against in against_controls(runs):
        say(against.sentence())


def _print_json(runs: Sequence[Run], wanted: Wanted) -> None:
    from mubench_gen.cli import plugin_sections
    from mubench_gen.cli.board_view import summaries_document
    from mubench_gen.cli.tables import print_json
    from mubench_gen.report.controls import against_controls
    from mubench_gen.runs.results import breakdowns_of

    metrics = chosen(wanted.metric)
    found = breakdowns_of(runs, wanted.by) if wanted.by else []
    summaries = [run.summary(measured=run.measured(metrics, wanted.by)) for run in runs]
    if wanted.by:
        for summary, one in zip(summaries, found, strict=True):
            summary["by"] = {
                field: {value: asdict(score) for value, score in groups.items()}
                for field, groups in one.items()
            }
    document = summaries_document(runs, summaries, by=wanted.by, adjust=wanted.adjust)
    if controls := [one.as_dict() for one in against_controls(runs)]:
        document = {**document, "against_controls": controls}
    if wanted.group is not None:
        from mubench_gen.compare.groups import label_runs
        from mubench_gen.compare.model_groups import group_runs

        groups = group_runs(runs, label_runs(runs), fact=wanted.group, adjust=wanted.adjust)
        document = {**document, "groups": groups.as_dict()}
    sections = plugin_sections.ask(runs, wanted.section)
    print_json({**document, **plugin_sections.document(sections)})
