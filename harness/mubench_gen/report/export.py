"""scores → files that other programs read: Markdown, LaTeX, CSV, Parquet, and plugins' formats.

To add a format, put it into FORMATS; a plugin lists its own in the hook `mubench_gen_exports`.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mubench_gen.console.formats import TextTable, to_latex, to_markdown
from mubench_gen.console.numbers import percent
from mubench_gen.console.outlet import csv_cell, visible
from mubench_gen.console.stdout import results_only
from mubench_gen.errors import MissingExtraError, SettingError
from mubench_gen.plugins.extension import Export
from mubench_gen.plugins.isolation import Isolated
from mubench_gen.plugins.offered import offered
from mubench_gen.plugins.registry import Plugin, Plugins, check_options
from mubench_gen.report.metric_table import metric_table
from mubench_gen.report.open_tables import OPEN_COLUMNS, OPEN_TITLES, open_cells
from mubench_gen.report.text import (
    BOX_COLUMNS,
    ScoreRow,
    box_cells,
    cells,
    columns_of,
    notes,
    table_rows,
    title,
)
from mubench_gen.report.tidy_table import Reported, tidy_columns, tidy_frame, tidy_rows
from mubench_gen.runs.results import Run, breakdowns_of
from mubench_gen.scores.metrics import ChosenMetric


def reported(
    runs: Sequence[Run], by: Sequence[str] = (), metrics: Sequence[ChosenMetric] = ()
) -> list[Reported]:
    """Score the runs, also broken down by these fields."""
    found = breakdowns_of(runs, by) if by else [{} for _ in runs]
    return [
        Reported(run, run.scores, one, run.measured(metrics, by))
        for run, one in zip(runs, found, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class ChosenExport:
    """A chosen format and the plugin that has it; None for a built-in one."""

    export: Export
    options: Any
    plugin: Plugin | None = None

    def write(self, runs: Sequence[Reported], stream: IO[bytes]) -> None:
        """Write the runs. PluginError names the plugin whose format fails."""
        if self.export.write is None:
            raise SettingError(
                f"{self.export.title} is several files: use `mubench-gen runs export RUN --to "
                f"{self.export.name} --out DIR`."
            )
        with self._isolated():
            self.export.write(runs, stream, self.options)

    def write_files(self, runs: Sequence[Reported], folder: Path) -> Sequence[str]:
        """Write the files of a format that has several; the lines that it tells."""
        assert self.export.files is not None
        with self._isolated():
            return list(map(str, self.export.files(runs, folder, self.options)))

    @contextmanager
    def _isolated(self) -> Iterator[None]:
        if self.plugin is None:
            yield
            return
        where = f"The export format {self.export.name!r} of the plugin {self.plugin.name!r}"
        with Isolated(where), results_only():
            yield

    def printable(self, content: bytes) -> bytes:
        """The content; without control characters if stdout is a terminal."""
        if not sys.stdout.isatty():
            return content
        return visible(content.decode("utf-8", "replace")).encode("utf-8", "replace")


def choose_export(
    name: str, options: Mapping[str, str], plugins: Plugins | None = None
) -> ChosenExport:
    """The format of that name: built-in, the only one of a plugin, or PLUGIN:FORMAT."""
    built_in = {one.name: one for one in FORMATS}
    if name in built_in:
        return _with_options(built_in[name], options, None)
    with results_only():
        plugin, found = offered(
            name, "export", lambda p: p.offers.exports, [*built_in], plugins or Plugins()
        )
    if len(found) > 1:
        names = ", ".join(f"{name}:{one.name}" for one in found)
        raise SettingError(f"The plugin {name!r} has several formats: name one of {names}.")
    return _with_options(found[0], options, plugin)


def _with_options(found: Export, options: Mapping[str, str], plugin: Plugin | None) -> ChosenExport:
    return ChosenExport(
        found, check_options(found.name, found, dict(options), kind="export format"), plugin
    )


def text_tables(runs: Sequence[Reported]) -> list[TextTable]:
    """A table per run, in per cent, and one of boxes if it asked for any."""
    found = []
    for one in runs:
        manifest, scores = one.run.manifest, one.scores
        rows = table_rows(scores, one.by)
        parts = dict.fromkeys(row.part for row in rows)
        sections = [_section(part, rows, one) for part in parts]
        told = [*notes(manifest, scores), *one.metrics.notes]
        found.append(TextTable(title(manifest), columns_of(scores), sections, told))
        if scores.boxes:
            boxes = [box_cells(name, score) for name, score in scores.boxes.items()]
            words = f"{title(manifest)}: boxes, GRIT score in %"
            found.append(TextTable(words, BOX_COLUMNS, [boxes]))
        for form, groups in scores.open.items():
            lines = [open_cells(name, score) for name, score in groups.items()]
            words = f"{title(manifest)}: {OPEN_TITLES[form]}"
            found.append(TextTable(words, OPEN_COLUMNS[form], [lines]))
        if (table := metric_table(one.metrics, title(manifest))) is not None:
            found.append(table)
    return found


def _section(part: str, rows: Sequence[ScoreRow], one: Reported) -> list[list[str]]:
    columns = columns_of(one.scores)
    section = [cells(row, columns) for row in rows if row.part == part]
    if part in one.by:
        section.insert(0, [f"by {part}", *("" for _ in columns[1:])])
    if part == "datasets":
        blank = ["" for _ in columns[3:]]
        section.append(["mean of the data sets", "", percent(one.scores.macro), *blank])
    return section


def _write_text(write: Callable[[TextTable], str]) -> Callable[..., None]:
    def written(runs: Sequence[Reported], stream: IO[bytes], _: Any) -> None:
        write_all(text_tables(runs), write, stream)

    return written


def write_all(
    tables: Iterable[TextTable], write: Callable[[TextTable], str], stream: IO[bytes]
) -> None:
    """Write tables of texts below each other."""
    text = "\n".join(write(table) for table in tables)
    stream.write(text.encode("utf-8", "replace"))


def _write_csv(runs: Sequence[Reported], stream: IO[bytes], _: Any) -> None:
    write_rows(tidy_columns(runs), tidy_rows(runs), stream)


def write_rows(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], stream: IO[bytes]
) -> None:
    """Write rows as CSV; text that a spreadsheet would calculate is kept from it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([csv_cell(column) for column in columns])
    writer.writerows([csv_cell(row[column]) for column in columns] for row in rows)
    stream.write(text.getvalue().encode("utf-8", "replace"))


def _write_parquet(runs: Sequence[Reported], stream: IO[bytes], _: Any) -> None:
    try:
        import pyarrow  # noqa: F401  (without it pandas fails with another message)
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", "--format parquet") from None
    stream.write(tidy_frame(runs).to_parquet(index=False))


FORMATS = (
    Export("md", "Markdown tables", _write_text(to_markdown)),
    Export("csv", "a tidy table, a row per run and group of items", _write_csv),
    Export("latex", "LaTeX tables", _write_text(to_latex)),
    Export("parquet", "Parquet", _write_parquet, text=False),
)
