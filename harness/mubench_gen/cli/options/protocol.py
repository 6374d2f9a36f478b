"""The option `--protocol` of the commands that read stored replies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from mubench_gen.cli.options import completion

protocol_option: Callable[[Any], Any] = click.option(
    "--protocol",
    "--protocols",
    "protocol",
    multiple=True,
    metavar="NAMES",
    shell_complete=completion.protocols,
    help="Read replies by these protocols: paper-compat, olmo-eval, …, a .toml file.",
)
