"""A study as one HTML file: figures, tables, what the models saw, methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from mubench_gen.ablation.report.contact_sheet import PICTURES, contact_sheet
from mubench_gen.ablation.report.item_tables import (
    corruption_table,
    items_tables,
    thinking_table,
    verdict_tables,
)
from mubench_gen.ablation.report.tables import tables_of
from mubench_gen.console.formats import TextTable
from mubench_gen.console.outlet import printable
from mubench_gen.errors import SettingError
from mubench_gen.report.debias_table import debias_table
from mubench_gen.report.figures.drawing import COLUMN
from mubench_gen.report.html.static import html_figure, html_table, static_page
from mubench_gen.report.preview.side_by_side import sheet_table

if TYPE_CHECKING:
    from mubench_gen.ablation.analysis import Analysis

_WIDTH = 2 * COLUMN  # inches: of a figure


@dataclass(frozen=True, slots=True)
class _Section:
    """A part of the page with its heading; empty ones are left out."""

    id: str
    name: str
    title: str
    parts: Sequence[str]


def page(study: Analysis, *, pictures: int = PICTURES) -> str:
    """The whole page as text; `pictures`: how many images the contact sheet has, 0 for none."""
    sections = [one for one in _sections(study, pictures) if one.parts]
    parts = [_lead(study), *(_html(one) for one in sections)]
    links = [{"id": one.id, "name": one.name} for one in sections]
    title = f"Study {printable(study.dir.resolve().name)}"
    return static_page(title, parts, [], by="study", sections=links)


def _sections(study: Analysis, pictures: int) -> Iterator[_Section]:
    verdict = study.verdict
    if verdict is not None:
        told = "".join(f'<p class="finding">{_text(line)}</p>' for line in verdict.sentences)
        tables = (_table(one) for one in verdict_tables(verdict, study))
        parts = [told, *_drawn(study, "gains"), *tables]
        yield _Section("verdict", "Verdict", "Base against fine-tune", parts)
    effects = [*_drawn(study, "effects"), *_drawn(study, "grid")]
    yield _Section("effects", "Effects", "What moves the score", effects)
    own = [_table(t) for one in study.items for t in items_tables(one, study.adjust)]
    flips = [*_drawn(study, "flips"), *own]
    yield _Section("flips", "Flips", "Answers that change", flips)
    thoughts = [_table(thinking_table(name, own)) for name, own in study.thinking.items()]
    yield _Section("thinking", "Thinking", "Accuracy against tokens", thoughts)
    if study.corruption is not None:
        errors = [_table(corruption_table(study.corruption))]
        yield _Section("corruption", "Corruption", "Errors under transforms", errors)
    read = [_table(debias_table(one, study.adjust, name)) for name, one in study.debiased.items()]
    yield _Section("debiased", "Debiased", "Debiased read-outs", read)
    if pictures:
        yield _Section("images", "Images", "What the models saw", _sheet(study, pictures))
    scores = tables_of(study.grid, study.findings, study.metrics, study.adjust)
    yield _Section("scores", "Scores", "Scores by cell and level", [_table(one) for one in scores])
    yield _Section("methods", "Methods", "Methods", [f"<p>{_text(study.methods)}</p>"])


def _sheet(study: Analysis, pictures: int) -> list[str]:
    rows = contact_sheet(study, pictures)
    if rows is None or not rows.rows:
        return []
    return [
        '<p class="note">A row an image: small copies of the pixels that every model was sent, '
        "with their size. What a model's own processor makes of them: <code>data preview "
        "--model</code>.</p>",
        sheet_table(rows),
    ]


def _lead(study: Analysis) -> str:
    cells = f"{len(study.grid.cells):,} cells"
    models = ", ".join(study.models)
    return f'<p class="lead">{_text(models)}: {cells}. {_text(_best(study))}</p>'


def _best(study: Analysis) -> str:
    """What the best cell on one half of the images scores on the other."""
    told = []
    for one in study.findings.models:
        if one.best is not None:
            name = study.grid.label(study.grid.cells[one.best.chosen])
            told.append(
                f"{one.model}: the best cell on half of the images ({name}) scores "
                f"{100 * one.best.there:.1f} % there and {100 * one.best.elsewhere:.1f} % on the "
                "other half."
            )
    return " ".join(told)


def _drawn(study: Analysis, kind: str) -> list[str]:
    """A figure, if the study has it."""
    try:
        return [html_figure(study.plot(kind, width=_WIDTH))]
    except SettingError:
        return []


def _html(one: _Section) -> str:
    parts = "\n".join(one.parts)
    return (
        f'<section id="{one.id}" aria-labelledby="h-{one.id}">'
        f'<h2 id="h-{one.id}">{one.title}</h2>\n{parts}</section>'
    )


def _table(table: TextTable) -> str:
    rows = [[printable(cell) for cell in row] for section in table.sections for row in section]
    kept = [at for at in range(len(table.columns)) if at == 0 or any(row[at] for row in rows)]
    last = len(table.columns) - table.after
    words = [place for place, at in enumerate(kept) if 0 < at < table.texts or at >= last]
    laid = html_table(
        [table.columns[at] for at in kept],
        [[row[at] for at in kept] for row in rows],
        name=printable(table.title),
        words=words,
    )
    notes = "".join(f'<p class="note">{_text(note)}</p>' for note in table.notes)
    heading = f"<h3>{_text(table.title)}</h3>"
    return heading + laid + notes


def _text(words: str) -> str:
    return escape(printable(words))
