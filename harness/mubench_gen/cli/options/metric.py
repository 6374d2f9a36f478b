"""The flag `--metric`: further scores to compute and show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mubench_gen.cli.options.settings import setting_option

if TYPE_CHECKING:
    from mubench_gen.runs.results import Run
    from mubench_gen.scores.metrics import ChosenMetric

metric_option = setting_option(
    "metric",
    help="Further scores: unanswered, grit, a plugin's, PLUGIN:METRIC. [those of the run]",
)


def chosen(names: Sequence[str]) -> Sequence[ChosenMetric]:
    """The metrics of these names; empty if no name is given."""
    if not names:
        return ()
    from mubench_gen.console.stdout import results_only
    from mubench_gen.scores.metrics import choose_metrics

    with results_only():
        return choose_metrics(names)


def metrics_of_all(
    runs: Sequence[Run], names: Sequence[str]
) -> tuple[Sequence[ChosenMetric], list[str]]:
    """The metrics of these names; without names, the metrics that all runs were scored with.

    Also a sentence on each metric that is left out because not all runs have it.
    """
    if names:
        return chosen(names), []
    from mubench_gen.console.stdout import results_only
    from mubench_gen.scores.measured import choose_recorded

    recorded = [run.recorded_metrics() for run in runs]
    shared = {key: facts for key, facts in recorded[0].items() if all(key in r for r in recorded)}
    with results_only():
        metrics, missing = choose_recorded(shared)
    notes = [f"The runs were scored with the metric {k}, which is not compared: {why}"
             for k, why in missing.items()]  # fmt: skip
    return metrics, notes
