"""metrics of a run → one table of text cells: a row per group of items, columns per metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mubench_gen.console.formats import TextTable
from mubench_gen.console.numbers import number_format
from mubench_gen.scores.measured import Measured, MetricScore, MetricScores, rows_of


def metric_table(measured: Measured, heading: str) -> TextTable | None:
    """The table, or None if nothing was measured."""
    metrics = list(measured.metrics.values())
    if not metrics:
        return None
    sections: dict[str, list[list[str]]] = {}
    for part, name in rows_of(metrics):
        cells = [cell for one in metrics for cell in _cells(one, part, name)]
        sections.setdefault(part, []).append([name, *cells])
    columns = [column for one in metrics for column in (_heading(one), "95 % CI", "n")]
    return TextTable(f"{heading}: metrics", ["", *columns], list(sections.values()))


def beside_tables(runs: Sequence[tuple[str, Measured]]) -> list[TextTable]:
    """A table per metric, with a column per run: the mean and its interval."""
    found = []
    for key in dict.fromkeys(key for _, measured in runs for key in measured.metrics):
        metrics = {label: m.metrics[key] for label, m in runs if key in m.metrics}
        first = next(iter(metrics.values()))
        sections: dict[str, list[list[str]]] = {}
        for part, name in rows_of(metrics.values()):
            scores = [_cells(one, part, name) for one in metrics.values()]
            sections.setdefault(part, []).append(
                [name, *(f"{value} ({ends})" if n else "" for value, ends, n in scores)]
            )
        by = " or ".join(dict.fromkeys(one.clustered for one in metrics.values()))
        words = f"{_heading(first)}: the mean, and its 95 % interval, clustered by {by}"
        found.append(TextTable(words, ["", *metrics], list(sections.values())))
    return found


def flat_scores(measured: Measured, part: str, name: str) -> dict[str, Any]:
    """The metrics of one group as columns of a row: KEY, KEY.ci95_low, KEY.ci95_high, KEY.n."""
    found: dict[str, Any] = {}
    for key, one in measured.metrics.items():
        score = one.groups.get(part, {}).get(name)
        ends = (score.ci95 if score is not None else None) or (None, None)
        values = (score.value, *ends, score.n) if score is not None else (None,) * 4
        found |= dict(zip(flat_columns(key), values, strict=True))
    return found


def flat_columns(key: str) -> tuple[str, str, str, str]:
    """The columns that a metric has in a row of `flat_scores`."""
    return key, f"{key}.ci95_low", f"{key}.ci95_high", f"{key}.n"


def _heading(one: MetricScores) -> str:
    unit = " %" if one.chosen.metric.percent else ""
    arrow = {True: " ↑", False: " ↓", None: ""}[one.chosen.metric.higher_is_better]
    return f"{one.chosen.metric.title}{unit}{arrow}"


def _cells(one: MetricScores, part: str, name: str) -> Sequence[str]:
    groups: Mapping[str, MetricScore] = one.groups.get(part, {})
    score = groups.get(name)
    if score is None:
        return "", "", ""
    shown = number_format(in_percent=one.chosen.metric.percent)
    return shown.value(score.value), shown.interval(score.ci95), f"{score.n:,}"
