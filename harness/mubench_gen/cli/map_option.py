"""The option `--map` of commands that open data, and what it says."""

from __future__ import annotations

from typing import Any

import click


def map_option(function: Any) -> Any:
    """The option --map, as `eval` has it."""
    return click.option(
        "--map",
        "mapping",
        multiple=True,
        metavar="K=V",
        help="How a table of another form is read, as in `eval`: question=COLUMN, …",
    )(function)
