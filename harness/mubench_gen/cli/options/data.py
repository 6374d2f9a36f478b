"""Options of commands that open data, as `eval` has them."""

from __future__ import annotations

import click

map_option = click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="K=V",
    help="How a table of another form is read, as in `eval`: question=COLUMN, …",
)
image_set_option = click.option(
    "--image-set",
    "image_set",
    multiple=True,
    metavar="K=V",
    help="How microscope files are shown, as in `eval`: z=max, range=percentile:1:99, …",
)
allow_outside_option = click.option(
    "--allow-outside", is_flag=True, help="Allow images outside of the folder."
)
