"""Options of commands that open data, as `eval` has them."""

from __future__ import annotations

from typing import Any

import click


def map_option(function: Any) -> Any:
    """--map."""
    return click.option(
        "--map",
        "mapping",
        multiple=True,
        metavar="K=V",
        help="How a table of another form is read, as in `eval`: question=COLUMN, …",
    )(function)


def image_set_option(function: Any) -> Any:
    """--image-set."""
    return click.option(
        "--image-set",
        "image_set",
        multiple=True,
        metavar="K=V",
        help="How microscope files are shown, as in `eval`: z=max, range=percentile:1:99, …",
    )(function)


def allow_outside_option(function: Any) -> Any:
    """--allow-outside."""
    return click.option(
        "--allow-outside", is_flag=True, help="Allow images outside of the folder."
    )(function)
