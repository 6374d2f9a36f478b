"""The flag `--cluster` of commands that read runs: what their items were drawn by."""

from __future__ import annotations

from typing import Any

import click

from mubench_gen.cli.options.settings import setting_option


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
