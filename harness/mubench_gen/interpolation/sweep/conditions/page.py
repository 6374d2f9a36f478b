"""The part of a sweep's page on its conditions, before that of all of them together."""

from __future__ import annotations

from html import escape

from mubench_gen.console.formats import TextTable
from mubench_gen.interpolation.sweep.conditions.frontiers import ByCondition
from mubench_gen.interpolation.sweep.conditions.tables import (
    best_table,
    clean_figure,
    clean_table,
    dependence_table,
    drops_table,
    frontier_rows,
    means_figure,
    means_table,
)
from mubench_gen.report.html.static import html_figure, html_table

_HEADS = ["condition", "α (*: Pareto point)", "in-domain", "rest", "mean", "mean − base",
          "mean − fine-tune"]  # fmt: skip


def parts(found: ByCondition) -> list[str]:
    """Figures and tables as HTML."""
    made = [
        html_figure(means_figure(found)),
        _table(best_table(found)),
        _table(dependence_table(found), words=(3,)),
        _table(means_table(found)),
    ]
    if found.robustness is not None:
        made += [
            html_figure(clean_figure(found.robustness)),
            _table(clean_table(found.robustness)),
            _table(drops_table(found.robustness)),
        ]
    rows = [[one.name, *row] for one in found.conditions for row in frontier_rows(one)]
    last = "Accuracy by condition and α in %"
    whole = "All conditions together"
    return [*made, _head(last), html_table(_HEADS, rows, name=last), _head(whole)]


def _head(title: str) -> str:
    return f"<h2>{escape(title)}</h2>"


def _table(table: TextTable, words: tuple[int, ...] = ()) -> str:
    rows = [[str(cell) for cell in row] for section in table.sections for row in section]
    return _head(table.title) + html_table(table.columns, rows, name=table.title, words=words)
