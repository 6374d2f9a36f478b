"""The flag `--cluster` of commands that read runs: what their items were drawn by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.cli.setting_options import setting_option

if TYPE_CHECKING:
    from mubench_gen.runs.results import Run


def _split(_context: click.Context, _option: click.Parameter, given: Any) -> tuple[str, ...]:
    from mubench_gen.scores.clusters import cluster_fields
    from mubench_gen.scores.metadata import split_fields

    fields = split_fields(given)
    return cluster_fields(fields) if fields else ()


cluster_option = setting_option(
    "cluster",
    callback=_split,
    help="What was drawn together, for the intervals: slide, donor, … or two: slide,prompt. "
    "[as in the run]",
)


def clustered(runs: Sequence[Run], cluster: Sequence[str]) -> list[Run]:
    """The runs, clustered by these fields where any is given."""
    from mubench_gen.runs.results import load_run

    return [load_run(run.dir, cluster=cluster) for run in runs] if cluster else list(runs)
