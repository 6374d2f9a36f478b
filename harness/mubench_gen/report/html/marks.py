"""Marks, groups and words of the page's sections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mubench_gen.console.formats import TextTable
from mubench_gen.console.numbers import percent
from mubench_gen.console.outlet import printable
from mubench_gen.report.figures.intervals import DotRow, Mark
from mubench_gen.report.html.runs import number
from mubench_gen.report.html.study import RunStatistics
from mubench_gen.scores.tally import Score


def shown_table(table: TextTable) -> dict[str, Any]:
    return {
        "title": printable(table.title),
        "columns": [printable(column) for column in table.columns],
        "sections": [
            [[printable(row[0]), *map(number, row[1:])] for row in section]
            for section in table.sections
        ],
        "texts": table.texts,
    }


def spread_of(studies: Sequence[RunStatistics], prompts: int) -> str:
    """The spread of the prompts, if all of them were asked of the same items."""
    finished = [study for study in studies if study.finished]
    several = [study for study in finished if len(study.scores.prompts) > 1]
    same = all(study.items == finished[0].items for study in finished)
    groups = [_by_prompt(study) for study in several]
    if not groups and same:
        groups = [[s for study in finished for s in _by_prompt(study)]]
    spreads = [max(found) - min(found) for found in groups if len(found) > 1]
    words = f"{prompts} prompts"
    if spreads:
        return f"{words}, {100 * max(spreads):.1f} points between the best and the worst"
    return f"{words}, asked about different items"


def _by_prompt(study: RunStatistics) -> list[float]:
    """The accuracies by prompt."""
    return [one.accuracy for one in study.scores.prompts.values() if one.accuracy is not None]


def shortened(title: str) -> str:
    """A title short enough for the navigation bar."""
    return title if len(title) <= 28 else f"{title[:26].rstrip()} …"


def counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def mark(study: RunStatistics, one: Score) -> Mark:
    return Mark(study.shown, one.accuracy or 0.0, one.ci95, study.number, hollow=not study.finished)


def of_prompt(name: str, several: Sequence[tuple[RunStatistics, Score]]) -> DotRow:
    """A row of a plot: the scores with one prompt."""
    unanswered = _named_values({_unanswered(one) for _, one in several})
    return DotRow(
        f"{printable(name)} · unanswered {unanswered}\N{NO-BREAK SPACE}%",
        [mark(study, one) for study, one in several if one.accuracy is not None],
        chance=next((one.chance for _, one in several), None),
    )


def _unanswered(score: Score) -> str:
    return percent(1 - score.statuses.get("answered", 0.0)) if score.n else "–"


def _named_values(values: set[str]) -> str:
    """Join the values of several runs: "16.7", or "16.7–20.0" if they differ."""
    known = sorted(values, key=lambda text: float(text) if text != "–" else -1.0)
    return "–" if not known else known[0] if len(known) == 1 else f"{known[0]}–{known[-1]}"
