"""The commands' own help: whole, in order, each with its own examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import click
import pytest

from mubench_gen.cli import cli
from mubench_gen.cli.eval_command import command as eval_command
from mubench_gen.cli.help_texts import Sectioned

from .helpers.command import Outcome

Here = Callable[..., Outcome]


def subcommands() -> Iterator[str]:
    ctx = click.Context(cli, info_name="mubench-gen", help_option_names=["-h", "--help"])
    for name in cli.list_commands(ctx):
        command = cli.get_command(ctx, name)
        if isinstance(command, click.Group):
            yield from (f"{name} {inner}" for inner in command.commands)


@pytest.mark.parametrize("words", [*subcommands()])
def test_a_subcommand_shows_examples_of_itself_alone(words: str, here: Here) -> None:
    out = here(*words.split(), "-h").out
    examples = out.partition("Examples:\n")[2].splitlines()
    typed = [line.strip() for line in examples if line.strip().startswith("mubench-gen")]
    assert typed
    assert all(line.startswith(f"mubench-gen {words}") for line in typed)


@pytest.mark.parametrize("group", ["plugins", "data", "prompts"])
def test_a_group_lists_its_subcommands_uncut(group: str, here: Here) -> None:
    assert "..." not in here(group, "-h").out.partition("Commands:")[2]


def test_every_option_of_eval_stands_under_one_heading() -> None:
    assert isinstance(eval_command, Sectioned)
    named = [option for options in eval_command.sections.values() for option in options]
    given = [max(p.opts, key=len) for p in eval_command.params]
    assert sorted(named) == sorted([*given, "--help"])


def test_eval_without_a_plugin_says_what_is_missing(here: Here) -> None:
    done = here("eval")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "mubench-gen: Which model? Give --plugin NAME; `mubench-gen plugins` lists them.\n"
    )


def test_a_plugins_name_where_a_subcommand_belongs_is_led_to_show(here: Here) -> None:
    done = here("plugins", "echo")
    assert done.code == 2
    assert "`mubench-gen plugins show echo` shows what has that name" in done.err
    assert "Did you mean 'show'?" in here("plugins", "shwo", "echo").err
