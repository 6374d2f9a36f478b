"""What `mubench-gen report` writes: a page, files for other programs, figures, tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mubench_gen.cli.options.metric import chosen
from mubench_gen.cli.options.report import Wanted
from mubench_gen.console.outlet import give, say

if TYPE_CHECKING:
    from mubench_gen.runs.results import Run

_IN_THE_RUN = "report.html"
_IN_MEMORY = 64 * 2**20  # bytes; a larger export is buffered on disk


def write_page(first: Path, runs: Sequence[Run], wanted: Wanted) -> None:
    from mubench_gen.cli.views import plugin_sections
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


def export(runs: Sequence[Run], wanted: Wanted) -> None:
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


def write_figure(paths: Sequence[Path], runs: Sequence[Run], wanted: Wanted) -> None:
    from mubench_gen.cli.views.figure import write_figure
    from mubench_gen.plan.settings import pairs

    options = pairs(wanted.options)
    kind = str(wanted.figure)
    write_figure(
        kind, paths, runs, out=wanted.out, by=wanted.by, options=options, adjust=wanted.adjust
    )


def published(runs: Sequence[Run], tables: Sequence[str], *, as_json: bool) -> None:
    from mubench_gen.cli.views import published as reference
    from mubench_gen.cli.views.tables import print_json

    if as_json:
        print_json(reference.document(runs, tables))
    else:
        reference.show(runs, tables)


def print_report(runs: Sequence[Run], wanted: Wanted) -> None:
    from mubench_gen.cli.views import plugin_sections

    sections = plugin_sections.ask(runs, wanted.section)
    _print_tables(runs, wanted)
    plugin_sections.show(sections)


def _print_tables(runs: Sequence[Run], wanted: Wanted) -> None:
    from mubench_gen.cli.views.board import show_runs
    from mubench_gen.report.controls import against_controls

    if wanted.group is not None:
        from mubench_gen.cli.views.groups import show

        show(runs, wanted.group, adjust=wanted.adjust)
        if not wanted.by:
            return
    metrics = chosen(wanted.metric)
    show_runs(runs, by=wanted.by, metrics=metrics, each=wanted.each, adjust=wanted.adjust)
    for against in against_controls(runs):
        say(against.sentence())


def print_json(runs: Sequence[Run], wanted: Wanted) -> None:
    from mubench_gen.cli.views import plugin_sections
    from mubench_gen.cli.views.board import summaries_document
    from mubench_gen.cli.views.tables import print_json
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
