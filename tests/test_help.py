"""The commands' own help: whole, in order, each with its own examples."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from mubench_gen.cli import cli
from mubench_gen.cli.help_texts import Sectioned
from mubench_gen.plan.options import OPTIONS
from mubench_gen.plan.settings import Settings

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


def test_no_help_shows_the_signs_that_lay_it_out(here: Here) -> None:
    for name in cli.list_commands(click.Context(cli)):
        assert "\\x08" not in here(name, "-h").out


@pytest.mark.parametrize("group", ["plugins", "data", "prompts"])
def test_a_group_lists_its_subcommands_uncut(group: str, here: Here) -> None:
    assert "..." not in here(group, "-h").out.partition("Commands:")[2]


@pytest.mark.parametrize("name", ["eval", "sweep", "ablate", "report", "compare", "score"])
def test_every_option_stands_under_one_heading(name: str, here: Here) -> None:
    text = here(name, "--help-all").out.partition("Examples:")[0]
    shown = re.findall(r"^  (-.*?)(?:  |$)", text, re.MULTILINE)
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(command, Sectioned)
    options = [param for param in command.params if isinstance(param, click.Option)]
    there = [option for option in options if not option.hidden]
    assert len(shown) == len(there) + 1  # --help
    assert "Other:" not in text


_ASKING = ("--plugin", "--data", "--limit", "--json", "--quiet")


@pytest.mark.parametrize(
    ("name", "shown", "left"),
    [
        ("eval", _ASKING, "--load-timeout"),
        ("sweep", _ASKING, "--load-timeout"),
        ("ablate", _ASKING, "--load-timeout"),
        ("report", ("--html", "--each", "--by", "--figure", "--json"), "--no-images"),
        ("compare", ("--all-pairs", "--margin", "--plan", "--json"), "--discordance"),
        ("score", ("--save", "--audit", "--json"), "--parser-card"),
    ],
)
def test_the_short_help_shows_the_options_that_most_need_and_where_the_others_are(
    name: str, shown: tuple[str, ...], left: str, here: Here
) -> None:
    short, whole = (here(name, flag).out for flag in ("-h", "--help-all"))
    short_options, whole_options = (t.partition("Examples:")[0] for t in (short, whole))
    for option in shown:
        assert option in short_options
    assert left in whole_options
    assert left not in short_options
    hidden = re.search(rf"(\d+) more options: mubench-gen {name} --help-all", short)
    assert hidden is not None
    rows = [
        len(re.findall(r"^  -", text.partition("Examples:")[0], re.MULTILINE))
        for text in (short, whole)
    ]
    assert int(hidden[1]) == rows[1] - rows[0]
    assert "more options" not in whole


@pytest.mark.parametrize("words", [*subcommands(), *cli.list_commands(click.Context(cli)), ""])
def test_every_command_takes_the_options_that_all_have(words: str, here: Here) -> None:
    for done in (here(*words.split(), "--help-all"), here(*words.split(), "-h")):
        assert done.code == 0
        assert {"-q, --quiet", "-v, --verbose"} <= {
            line.strip().partition("  ")[0] for line in done.out.splitlines()
        }


@pytest.mark.parametrize(
    "words", [words for words in (*subcommands(), *cli.list_commands(click.Context(cli)))
              if words not in ("data", "runs")],
)  # fmt: skip
def test_every_command_has_json(words: str, here: Here) -> None:
    assert "--json" in here(*words.split(), "--help-all").out


def test_the_option_of_a_setting_takes_what_the_setting_holds() -> None:
    for name, option in OPTIONS.items():
        annotation = str(Settings.model_fields[name].annotation)
        assert (not option.metavar) == (annotation == "<class 'bool'>"), name
        assert option.many == (annotation.startswith(("tuple", "dict")) or name == "plugin"), name
        assert (option.type is int) == ("int" in annotation), name
        assert (option.type is float) == ("float" in annotation and "float32" not in annotation)
        assert (option.type is Path) == ("Path" in annotation), name


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("eval", set()),
        ("sweep", {"model", "reuse", "shard", "metric"}),
        ("ablate", {"shard", "protocol"}),
    ],
)
def test_what_eval_takes_a_sweep_and_a_study_take_with_the_same_words(
    name: str, missing: set[str]
) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    params = {param.name: param for param in command.params}
    assert set(OPTIONS) - set(params) == missing
    for setting in ("data", "limit", "engine", "partial", "options"):
        assert getattr(params[setting], "help", "") == OPTIONS[setting].help


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--limit", "few"], "Invalid value for '--limit': 'few' is not a valid integer"),
        (["--timeout", "long"], "Invalid value for '--timeout': 'long' is not a valid float"),
        (["--limt", "3"], "--limt"),
    ],
)
@pytest.mark.parametrize(
    "command", ["eval --plugin echo", "ablate --plugin echo", "sweep --plugin echo"]
)
def test_a_wrong_option_is_told_alike(
    command: str, words: list[str], message: str, here: Here
) -> None:
    done = here(*command.split(), *words)
    assert done.code == 2
    assert message in done.err


def test_eval_without_a_plugin_says_what_is_missing(here: Here) -> None:
    done = here("eval")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "mubench-gen: Which model? Give --plugin NAME; `mubench-gen plugins` lists them. "
        "For a checkpoint, --model ID or FOLDER is enough.\n"
    )


def test_a_plugins_name_where_a_subcommand_belongs_is_led_to_show(here: Here) -> None:
    done = here("plugins", "echo")
    assert done.code == 2
    assert "`mubench-gen plugins show echo` shows what has that name" in done.err
    assert "Did you mean 'show'?" in here("plugins", "shwo", "echo").err


def test_the_examples_of_the_whole_command_stand_one_below_the_other(here: Here) -> None:
    lines = here("--help").out.partition("Examples:\n")[2].partition("\n\n")[0].splitlines()
    assert len(lines) > 2
    assert all(re.match(r"    mubench-gen \w", line) for line in lines)
