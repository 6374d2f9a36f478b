"""The options of `data preview` and `tasks show`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from mubench_gen.cli.options.user_path import PATH

ITEMS = 48


def preview_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--out, --items, --seed, --model, --revision and --json."""
    options = (
        click.option(
            "--out",
            type=PATH,
            metavar="FILE.html",
            help="The page; the contact sheet lies beside it as .png. [NAME-preview.html]",
        ),
        click.option(
            "--items",
            type=click.IntRange(min=1),
            default=ITEMS,
            metavar="N",
            help=f"Most pictures, a sample of more. [{ITEMS}]",
        ),
        click.option("--seed", type=int, default=0, metavar="N", help="Seed of the sample. [0]"),
        click.option(
            "--model",
            metavar="ID|DIR",
            help="Show what this checkpoint's processor makes of each picture.",
        ),
        click.option("--revision", metavar="REV", help="Revision of the checkpoint on the hub."),
        click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
    )
    for option in reversed(options):
        function = option(function)
    return function
