"""Studies and sweeps → what the template shows of them: the effects of settings, the frontier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from mubench_gen.console.numbers import interval, percent
from mubench_gen.console.outlet import printable
from mubench_gen.report.figures import Drawing, Sources, draw
from mubench_gen.report.figures.drawing import COLUMN
from mubench_gen.report.figures.studies import effects_of, steps_of
from mubench_gen.report.html.static import html_table
from mubench_gen.runs.studies import StoredStudy
from mubench_gen.scores.clusters import IMAGE

_WIDTH = 1.6 * COLUMN  # inches


def study_sections(studies: Sequence[StoredStudy]) -> Iterator[dict[str, Any]]:
    """A section for each that is finished: a title, a note, figures, a table."""
    for study in studies:
        name = printable(study.dir.name)
        if study.is_sweep and (steps := steps_of([study])):
            drawn = draw("frontier", Sources([], steps=steps, width=2.2 * COLUMN))
            table = html_table(
                ["α", "in-domain", "rest", "mean"],
                [[one.name, *map(percent, (one.inside, one.rest, one.mean))] for one in steps],
                name=f"Accuracy by α of {name}",
            )
            yield _section(f"Sweep {name}", _SWEEP, [drawn], table)
        elif not study.is_sweep and (models := study.results.get("models")):
            note = _STUDY.format(printable(str(study.results.get("clustered", IMAGE))))
            yield _section(f"Study {name}", note, _effects(study), _cells(models, name))


_SWEEP = (
    "Accuracy in % between the base (α 0) and the fine-tune (α 1): on the tasks that it was "
    "trained for, on the rest, and their mean."
)
_STUDY = (
    "Which setting moves the score, and by how many points from the mean of all cells. The table "
    "has every cell, the best first; intervals are clustered by {}."
)


def _section(title: str, note: str, drawn: Sequence[Drawing], table: str) -> dict[str, Any]:
    return {
        "title": title,
        "note": note,
        "figures": [{"name": one.title, "plot": Markup(one.inline())} for one in drawn],
        "table": Markup(table),
    }


def _effects(study: StoredStudy) -> list[Drawing]:
    effects = effects_of([study])
    if not any(effects.values()):  # one setting alone has no effect to compare
        return []
    return [draw("effects", Sources([], effects=effects, width=_WIDTH))]


def _cells(models: Sequence[Mapping[str, Any]], name: str) -> str:
    """Every cell of every model, the best first."""
    cells = [(str(one["model"]), cell) for one in models for cell in one["cells"]]
    cells.sort(key=lambda pair: -(pair[1]["tally"]["accuracy"] or 0.0))
    varied = [
        factor
        for factor in (cells[0][1]["levels"] if cells else ())
        if len({str(cell["levels"][factor]) for _, cell in cells}) > 1
    ]
    rows = [
        [
            printable(model),
            *(printable(str(cell["levels"][factor])) for factor in varied),
            f"{cell['tally']['records']:,}",
            percent(cell["tally"]["accuracy"]),
            interval(cell["ci95"]),
            percent(cell["tally"]["unanswered"]),
        ]
        for model, cell in cells
    ]
    heads = ["model", *varied, "items", "accuracy", "95 % CI", "unanswered"]
    return html_table(heads, rows, name=f"Cells of {name}")
