"""Paths as users write them: ~ is a home folder, and ~NAME of nobody is one message anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from mubench_gen.cli import cli
from mubench_gen.cli.options.user_path import PATH, expanded
from mubench_gen.doctor.examination import Expectations, _data
from mubench_gen.errors import UsageError
from mubench_gen.plan.config_file import read_config
from mubench_gen.plan.settings import make_settings
from mubench_gen.storage.paths import user_path

from .helpers.command import Outcome

Here = Callable[..., Outcome]
NOBODYS = "~nobody-of-that-name/x"
TOLD = "there is no user 'nobody-of-that-name' on this machine. Write the whole path."


def commands(
    group: click.Group = cli, before: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*before, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))


def parameters_with_paths() -> Iterator[tuple[str, click.Parameter]]:
    """Those whose metavar, or an argument's name, says that it is a file or folder alone."""
    for words, command in commands():
        for parameter in command.params:
            shown = getattr(parameter, "metavar", None) or str(parameter.name).upper()
            if re.fullmatch(r"\[?(FILE|DIR|FOLDERS?|RUNS?)(\.\.\.)?\]?", shown):
                yield " ".join((*words, shown, str(parameter.name))), parameter


def test_every_option_that_takes_a_path_reads_it_alike() -> None:
    found = dict(parameters_with_paths())
    assert len(found) > 20
    for name, parameter in found.items():
        assert parameter.type is PATH or parameter.callback is expanded, name


@pytest.mark.parametrize(
    "words",
    [
        ["eval", "--plugin", "echo", "--run-dir", NOBODYS],
        ["eval", "--plugin", "echo", f"--reuse={NOBODYS}"],
        ["eval", "--config", NOBODYS],
        ["eval", "--plugin", "echo", "--data", NOBODYS],
        ["tasks", f"{NOBODYS}.toml"],
        ["eval", "--plugin", "echo", "--prompt", f"{NOBODYS}.j2"],
        ["eval", "--plugin", f"{NOBODYS}.py"],
        ["ablate", "--config", NOBODYS],
        ["sweep", "--plugin", "tiny", "--finetuned", "x", "--in-domain", "x", "--html", NOBODYS],
        ["merge", "a", "b", "--out", NOBODYS],
        ["data", "info", NOBODYS],
        ["data", "verify", NOBODYS],
        ["data", "import", NOBODYS, "--out", "x"],
        ["data", "join", NOBODYS],
        ["data", "prepare", "demo", "--out", NOBODYS],
        ["tasks", "--data", NOBODYS],
        ["prompts", "show", "paper", "--task", "modality", "--data", NOBODYS],
        ["plugins", "show", f"{NOBODYS}.py"],
        ["plugins", "new", "mine", "--to", NOBODYS],
        ["score", NOBODYS],
        ["score", "--parser-card", NOBODYS],
        ["report", NOBODYS],
        ["report", "x", f"--html={NOBODYS}"],
        ["compare", NOBODYS, "x"],
    ],
    ids=" ".join,
)
def test_the_home_of_nobody_is_one_message(words: list[str], here: Here) -> None:
    done = here(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith(f"mubench-gen: {NOBODYS}")
    assert done.err.endswith(f": {TOLD}\n")


def test_for_the_doctor_it_is_a_finding_like_any_other(here: Here) -> None:
    findings = {finding.name: finding for finding in _data(Expectations(data=NOBODYS))}
    assert findings[f"data {NOBODYS}"].found == "no such file or folder"


@pytest.mark.parametrize("variable", ["MUBENCH_GEN_CACHE", "HF_HUB_CACHE", "HF_HOME"])
def test_in_the_environment_too(variable: str, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv(variable, NOBODYS)
    done = here("data", "info", "demo" if variable == "MUBENCH_GEN_CACHE" else "ubench")
    assert done.code == 2
    assert TOLD in done.err


def test_the_users_own_home_is_found_in_flags_files_and_settings(
    tmp_path: Path, cells: Path, monkeypatch: pytest.MonkeyPatch, here: Here
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/a/b") == tmp_path / "a/b"
    assert make_settings({"plugin": "x", "run_dir": "~/r"}).run_dir == tmp_path / "r"
    config = tmp_path / "c.toml"
    config.write_text(f"plugin = 'echo'\ndata = '{cells}'\nrun_dir = '~/r'\n")
    assert here("eval", "--config=~/c.toml").code == 0
    assert (tmp_path / "r/records.jsonl").is_file()


def test_a_home_of_nobody_in_a_configuration_is_told_with_its_line(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(f"plugin = 'echo'\nrun_dir = '{NOBODYS}'\n")
    with pytest.raises(UsageError, match=r"c\.toml:2: run_dir: ~nobody-of-that-name/x: there is"):
        read_config(config)


def test_a_file_whose_name_begins_so_is_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~kept").mkdir()
    assert user_path("~kept/x") == Path("~kept/x")
    assert user_path("a/~b") == Path("a/~b")
