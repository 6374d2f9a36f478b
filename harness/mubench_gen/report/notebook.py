"""What a notebook shows of runs, scores, comparisons and studies; `plot` of runs.

The objects stand in rooms below this one and call it when a notebook asks them: the only look
upwards, which the contract of layers in pyproject.toml names one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from mubench_gen.compare.boards import boards
from mubench_gen.console.formats import Strong, TextTable
from mubench_gen.console.numbers import ADJUSTED, Shares, p_value
from mubench_gen.console.outlet import printable
from mubench_gen.report.board_tables import models_across
from mubench_gen.report.figures import Drawing, Sources, draw
from mubench_gen.report.figures.drawing import COLUMN
from mubench_gen.report.figures.studies import effects_of, steps_of
from mubench_gen.report.text import cells, columns_of, notes, table_rows, title
from mubench_gen.runs.results import Run
from mubench_gen.runs.studies import StoredStudy
from mubench_gen.scores.score import Scores

if TYPE_CHECKING:
    from mubench_gen.compare.comparison import Comparison

_NUMBERS = "text-align:right;font-variant-numeric:tabular-nums"


def plot(
    runs: Sequence[Run],
    kind: str,
    study: StoredStudy | None = None,
    *,
    by: Sequence[str] | None = None,
    tasks: Sequence[str] = (),
    width: float = COLUMN,
) -> Drawing:
    """A figure of the runs, or of the study that they are of; `width` in inches.

    Raises SettingError for a kind that there is not, or that the runs do not give.
    """
    studies = [study] if study is not None else []
    effects, steps = effects_of(studies), steps_of(studies)
    return draw(kind, Sources(runs, by, effects, steps, tasks, width))


def run_html(run: Run) -> str:
    """A run's table and its notes."""
    told = notes(run.manifest, run.scores)
    return _html(
        TextTable(title(run.manifest), columns_of(run.scores), _sections(run.scores), told)
    )


def scores_html(scores: Scores) -> str:
    """The table of scores."""
    return _html(TextTable("Scores in %", columns_of(scores), _sections(scores)))


def study_html(study: StoredStudy) -> str:
    """The figure of a study or a sweep, once it is finished, and the table of its runs."""
    effects, steps = effects_of([study]), steps_of([study])
    figure = study.plot()._repr_svg_() if any(effects.values()) or steps else ""
    drawn = figure[figure.find("<svg") :] if figure else ""
    runs = study.runs
    if len(runs) == 1:
        return drawn + run_html(runs[0])
    return drawn + "".join(_html(models_across(one), one.lead) for one in boards(runs))


def comparison_html(found: Comparison) -> str:
    """The differences of a comparison."""
    shown = Shares()
    rows = [
        [
            f"{one.first} − {one.second}", one.name, f"{one.paired.n:,}",
            shown.signed(one.paired.difference), shown.signed_interval(one.paired.ci95),
            p_value(one.p_adjusted),
        ]
        for one in found.differences
    ]  # fmt: skip
    told = [f"Not comparable as they are: {text}." for text in found.accepted]
    told += [f"Note: {text}." for text in found.notes]
    columns = ["", "items of", "items", "difference", "95 % CI", ADJUSTED[found.adjust]]
    words = "Differences in accuracy, points"
    return _html(TextTable(words, columns, [rows], told, texts=2))


def _sections(scores: Scores) -> list[list[list[str]]]:
    rows, columns = table_rows(scores), columns_of(scores)
    return [
        [cells(row, columns) for row in rows if row.part == part]
        for part in dict.fromkeys(row.part for row in rows)
    ]


def _html(table: TextTable, lead: Iterable[str] = ()) -> str:
    """A table as HTML without a style sheet: a notebook has its own."""
    head = "".join(f"<th>{_escaped(column)}</th>" for column in table.columns)
    bodies = "".join(
        f"<tbody>{''.join(_row(table, row) for row in section)}</tbody>"
        for section in table.sections
    )
    told = "".join(f"<p>{_escaped(words)}</p>" for words in lead)
    below = "".join(f"<p><small>{_escaped(note)}</small></p>" for note in table.notes)
    caption = f"<caption>{_escaped(table.title)}</caption>"
    return f"{told}<table>{caption}<thead><tr>{head}</tr></thead>{bodies}</table>{below}"


def _row(table: TextTable, row: Sequence[str]) -> str:
    shown = []
    for place, cell in enumerate(row):
        words = f"<b>{_escaped(cell)}</b>" if isinstance(cell, Strong) else _escaped(cell)
        style = "text-align:left" if place < table.texts else _NUMBERS
        tag = "th" if place == 0 else "td"
        shown.append(f'<{tag} style="{style}">{words}</{tag}>')
    return f"<tr>{''.join(shown)}</tr>"


def _escaped(text: Any) -> str:
    return escape(printable(str(text)))
