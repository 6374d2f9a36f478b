"""`mubench-gen report`: scores of runs as tables, as a page, as files for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.cli.metric_option import chosen, metric_option
from mubench_gen.cli.user_path import PATH, expanded
from mubench_gen.console.outlet import give

if TYPE_CHECKING:
    from mubench_gen.runs.results import Run

_EXAMPLES = """
\b
Examples:
  mubench-gen report runs/tiny-llava-1a2b3c4d
  mubench-gen report runs/* --html report.html       one page: plots, every item, its image
  mubench-gen report runs/tiny-llava-1a2b3c4d --html       into the run's folder
  mubench-gen report runs/* --by stain,organism
  mubench-gen report runs/* --group scope            generalists against specialists
  mubench-gen report runs/* --format csv --out scores.csv
  mubench-gen report runs/clip-1a2b3c4d --metric probability,unanswered
  mubench-gen report runs/tiny-llava-1a2b3c4d --format lm-eval --out samples.jsonl
  mubench-gen report runs/* --html report.html --section ./my_section.py
  mubench-gen report runs/clip-1a2b3c4d --published
  mubench-gen report --forgetting runs/clip-1a2b3c4d runs/clip-plip-5e6f7a8b
"""
_IN_THE_RUN = "report.html"
_IN_MEMORY = 64 * 2**20  # bytes; a larger export is buffered on disk


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The options of the command."""

    published: bool
    forgetting: bool
    html: str | None
    form: str | None
    options: tuple[str, ...]
    metric: tuple[str, ...]
    out: Path | None
    by: tuple[str, ...]
    group: str | None
    data: str | None
    images: bool
    items: int | None
    section: tuple[str, ...]
    as_json: bool


@click.command("report", epilog=_EXAMPLES)
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
@click.option("-o", "options", multiple=True, metavar="K=V", help="An option of the format.")
@metric_option
@click.option("--out", type=PATH, metavar="FILE", help="File that --format writes.")
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
    "--published", is_flag=True, help="Show the paper's results too, and what cannot be compared."
)
@click.option(
    "--forgetting",
    is_flag=True,
    help="BASE FINETUNED…: what each fine-tune learned and forgot, by task.",
)
@click.option(
    "--section",
    multiple=True,
    metavar="NAMES",
    help="Add sections by these plugins, below the tables or on the page.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(runs: tuple[Path, ...], by: tuple[str, ...], no_images: bool, **given: Any) -> None:
    """Show the scores of runs, finished or not, as tables or as an HTML page."""
    from mubench_gen.scores.metadata import split_fields

    wanted = _Wanted(by=split_fields(by), images=not no_images, **given)
    _check(runs, wanted)
    if wanted.forgetting:
        from mubench_gen.cli import forgetting_view

        html = None if wanted.html is None else Path(wanted.html)
        forgetting_view.report(runs, html=html, as_json=wanted.as_json)
        return
    from mubench_gen.console.progress import log
    from mubench_gen.runs.results import load_run
    from mubench_gen.runs.shown_images import notes

    loaded = [load_run(path) for path in runs]
    for note in notes([run.dir for run in loaded]):
        log(note)
    if wanted.html is not None:
        _write_page(loaded, wanted)
    elif wanted.form is not None:
        _export(loaded, wanted)
    elif wanted.published:
        _published(loaded, as_json=wanted.as_json)
    elif wanted.as_json:
        _print_json(loaded, wanted)
    else:
        _print(loaded, wanted)


def _check(runs: Sequence[Path], wanted: _Wanted) -> None:
    """Raise SettingError for options that exclude each other."""
    from mubench_gen.errors import SettingError

    ways = {
        "--html": wanted.html is not None and not wanted.forgetting,
        "--format": wanted.form is not None,
        "--published": wanted.published,
        "--forgetting": wanted.forgetting,
    }
    chosen = [name for name, given in ways.items() if given]
    if len(chosen) > 1:
        raise SettingError(f"{' and '.join(chosen)} are different reports: give one of them.")
    only = {
        "--out": (wanted.out is not None, "--format"),
        "-o": (bool(wanted.options), "--format"),
        "--data": (wanted.data is not None, "--html"),
        "--no-images": (not wanted.images, "--html"),
        "--items": (wanted.items is not None, "--html"),
    }
    for name, (given, way) in only.items():
        if given and not ways[way]:
            raise SettingError(f"{name} works only with {way}: give that too.")
    if wanted.section and chosen and not ways["--html"]:
        raise SettingError(
            f"--section does not go with {chosen[0]}: a section is part of the tables or of "
            "the page (--html)."
        )
    for name, unfit in (
        ("--by", bool(wanted.by)),
        ("--group", wanted.group is not None),
        ("--metric", bool(wanted.metric)),
    ):
        if unfit and (wanted.published or wanted.forgetting):
            raise SettingError(f"{name} does not go with {chosen[0]}.")
    if wanted.group is not None and wanted.form is not None:
        raise SettingError("--group does not go with --format: use --json.")
    if wanted.as_json and (wanted.form is not None or ways["--html"]):
        raise SettingError(f"--json prints a document of its own: leave {chosen[0]} out.")
    if wanted.html == "" and (len(runs) > 1 or wanted.forgetting):
        raise SettingError("--html needs a file's name for several runs: --html report.html")


def _write_page(runs: Sequence[Run], wanted: _Wanted) -> None:
    from mubench_gen.cli import plugin_sections
    from mubench_gen.console.progress import log
    from mubench_gen.report.html import MOST_ITEMS, check_page_path, write_page
    from mubench_gen.runs.packs import refuse_pack

    if not wanted.html:
        refuse_pack(runs[0].dir)
    path = Path(wanted.html) if wanted.html else runs[0].dir / _IN_THE_RUN
    check_page_path(path)
    metrics = chosen(wanted.metric)
    told = plugin_sections.ask(runs, wanted.section)
    written = write_page(
        runs,
        path,
        by=wanted.by,
        metrics=metrics,
        group=wanted.group,
        told=told,
        data=wanted.data,
        images=wanted.images,
        most_items=wanted.items or MOST_ITEMS,
    )
    log(
        f"Wrote {path}: {written.items:,} items, {written.pictures:,} images, "
        f"{written.size / 1e6:.1f} MB."
    )


def _export(runs: Sequence[Run], wanted: _Wanted) -> None:
    import shutil
    import sys
    from tempfile import SpooledTemporaryFile

    from mubench_gen.console.progress import log
    from mubench_gen.errors import SettingError
    from mubench_gen.plan.settings import pairs
    from mubench_gen.report.export import choose_export, reported

    form = choose_export(str(wanted.form), pairs(wanted.options))
    if not form.export.text and wanted.out is None and sys.stdout.isatty():
        raise SettingError(
            f"{form.export.title} is not text that a terminal can show: give --out FILE."
        )
    with SpooledTemporaryFile(_IN_MEMORY) as content:  # so that no half-written file remains
        form.write(reported(runs, wanted.by, chosen(wanted.metric)), content)
        content.seek(0)
        if wanted.out is None:
            give(content.read() if form.plugin is None else form.printable(content.read()))
            return
        try:
            with wanted.out.open("wb") as file:
                shutil.copyfileobj(content, file)
        except OSError as error:
            raise SettingError(
                f"--out {wanted.out}: cannot be written: {error.strerror}."
            ) from None
    log(f"Wrote {wanted.out}.")


def _published(runs: Sequence[Run], *, as_json: bool) -> None:
    from mubench_gen.cli import published as reference
    from mubench_gen.cli.tables import print_json

    if as_json:
        print_json(reference.document(runs))
    else:
        reference.show(runs)


def _print(runs: Sequence[Run], wanted: _Wanted) -> None:
    from mubench_gen.cli import plugin_sections

    sections = plugin_sections.ask(runs, wanted.section)
    _print_tables(runs, wanted)
    plugin_sections.show(sections)


def _print_tables(runs: Sequence[Run], wanted: _Wanted) -> None:
    from mubench_gen.report.text import print_report

    if wanted.group is not None:
        from mubench_gen.cli.group_view import show

        show(runs, wanted.group)
        if not wanted.by:
            return
    print_report(runs, by=wanted.by, metrics=chosen(wanted.metric))


def _print_json(runs: Sequence[Run], wanted: _Wanted) -> None:
    from mubench_gen.cli import plugin_sections
    from mubench_gen.cli.tables import print_json
    from mubench_gen.scores.breakdown import breakdowns

    metrics = chosen(wanted.metric)
    found = breakdowns((run.outcomes(wanted.by) for run in runs), wanted.by) if wanted.by else []
    summaries = [run.summary(measured=run.measured(metrics, wanted.by)) for run in runs]
    if wanted.by:
        for summary, one in zip(summaries, found, strict=True):
            summary["by"] = {
                field: {value: asdict(score) for value, score in groups.items()}
                for field, groups in one.items()
            }
    document = {"runs": summaries} if len(summaries) > 1 else summaries[0]
    if wanted.group is not None:
        from mubench_gen.compare.groups import label_runs
        from mubench_gen.compare.model_groups import group_runs

        groups = group_runs(runs, label_runs(runs), fact=wanted.group)
        document = {**document, "groups": groups.as_dict()}
    sections = plugin_sections.ask(runs, wanted.section)
    print_json({**document, **plugin_sections.document(sections)})
