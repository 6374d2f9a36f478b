"""What every command has: -q, -v, and --help-all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from mubench_gen.console.notes import QUIET, VERBOSE, set_verbosity
from mubench_gen.console.outlet import say

COMMON = ("--json", "--quiet", "--verbose", "--help", "--help-all")  # last in every help
_ALL = "mubench_gen.all"  # in a context's `meta`: all options are shown


def equip(command: click.Command) -> click.Command:
    """Give a command, and those below it, the options that all have; once."""
    if all(param.name != "quiet" for param in command.params):
        command.params += _options(whole=not getattr(command, "few", ()))
    for inner in getattr(command, "commands", {}).values():
        equip(inner)
    return command


def shows_all(ctx: click.Context) -> bool:
    """Whether the help is to show all options."""
    return bool(ctx.meta.get(_ALL))


def show_all(ctx: click.Context) -> None:
    """Have the help show all options from now on."""
    ctx.meta[_ALL] = True


def _options(*, whole: bool) -> list[click.Parameter]:
    """`whole`: the help shows all options anyway, so that --help-all need not be named."""
    common: dict[str, Any] = {"is_flag": True, "expose_value": False}
    return [
        click.Option(
            ["-q", "--quiet"],
            callback=_told(QUIET),
            help="Print errors alone on stderr: no progress, no notes.",
            **common,
        ),
        click.Option(
            ["-v", "--verbose"],
            callback=_told(VERBOSE),
            help="Say where settings come from, and show an error's traceback.",
            **common,
        ),
        click.Option(
            ["--help-all"],
            is_eager=True,
            callback=_help_all,
            hidden=whole,
            help="Show all options and exit.",
            **common,
        ),
    ]


def _told(level: int) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(ctx: click.Context, param: click.Parameter, given: bool) -> None:
        if given:
            set_verbosity(level)

    return callback


def _help_all(ctx: click.Context, param: click.Parameter, given: bool) -> None:
    if given and not ctx.resilient_parsing:
        show_all(ctx)
        say(ctx.get_help())
        ctx.exit()
