"""The command line: one module per command, imported only when it is called."""

from __future__ import annotations

import os
from importlib import import_module

import click

from mubench_gen._version import __version__
from mubench_gen.cli.options.common import equip

# name → the line in --help; the command is `command` in the module of that name.
_COMMANDS = {
    "eval": "Evaluate a model: ask, read the answers, score.",
    "tasks": "List the tasks and the data sets that have questions for them.",
    "prompts": "List the prompt styles; show one as a model sees it.",
    "plugins": "List the plugins; show, check or create one.",
    "data": "Describe, fetch, check or import a data set; join shards.",
    "score": "Read a run's stored replies again and score them.",
    "report": "Show the scores of runs as tables or as an HTML page.",
    "view": "Look at runs in a browser: items, images, replies, live.",
    "runs": "List runs; verify, repeat, pack, export and import them.",
    "compare": "Compare runs on the same items: differences, intervals, tests.",
    "choose": "Choose a model for your own images, asking until it is decided.",
    "ablate": "Evaluate a grid of prompts: how much does the score depend on them?",
    "merge": "Mix the weights of a base and its fine-tunes.",
    "sweep": "Evaluate weights between a base and its fine-tune.",
    "measure": "Measure a fine-tune, for merges by Fisher or RegMean.",
    "soup": "Average those fine-tunes that are better together.",
    "doctor": "Check what this machine can run, and say how to fix the rest.",
}


class LazyGroup(click.Group):
    """Imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"mubench_gen.cli.{cmd_name}_command")
        command: click.Command = module.command
        return equip(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            from mubench_gen.errors import did_you_mean

            ctx.fail(f"There is no command {args[0]!r}. {did_you_mean(args[0], _COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _leave_out(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> None:
    """Put the names into the environment, so that child processes leave these out too."""
    if names:
        before = os.environ.get("MUBENCH_GEN_NO_PLUGINS", "")
        os.environ["MUBENCH_GEN_NO_PLUGINS"] = ",".join(filter(None, [before, *names]))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", "-V", prog_name="mubench-gen")
@click.option(
    "--no-plugin",
    multiple=True,
    metavar="NAME",
    expose_value=False,
    callback=_leave_out,
    help="Ignore this plugin, as if it were not installed.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Ask vision-language models what they see in a microscope.

    \b
    Examples:
      mubench-gen eval --plugin tiny              the shipped model on the demo data
      mubench-gen eval --plugin tiny --model clip --limit 20
      mubench-gen runs                            what there is
      mubench-gen report runs/*                   a table of all runs
    """
    if os.environ.get("NO_COLOR"):  # rich heeds it, click doesn't
        ctx.color = False


equip(cli)
