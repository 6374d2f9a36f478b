"""Listings: one thing a line for other programs, whole names on a terminal of any width."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from mubench_gen.cli import cli
from mubench_gen.cli.views.tables import print_table
from mubench_gen.console.numbers import duration
from mubench_gen.tasks.task import load_tasks

from .helpers.command import Command, Outcome

Here = Callable[..., Outcome]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(here: Here, monkeypatch: pytest.MonkeyPatch, width: int, *words: str) -> str:
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout", terminal)
    here(*words)
    monkeypatch.undo()
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())


@pytest.mark.parametrize("columns", ["40", None])
def test_a_listing_elsewhere_than_on_a_terminal_has_a_line_a_task(
    here: Here, monkeypatch: pytest.MonkeyPatch, columns: str | None
) -> None:
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    head, *lines = here("tasks").out.splitlines()
    assert head.split()[:2] == ["task", "title"]
    names = [task.name for task in load_tasks()]
    assert [line.split()[0] for line in lines if not line.startswith("From ")] == names


@pytest.mark.parametrize("words", [["tasks"], ["prompts"], ["plugins"], ["data", "info"]])
def test_no_listing_has_a_frame_where_it_is_piped(
    words: list[str], here: Here, cells: Path
) -> None:
    out = here(*words, *([str(cells)] if words[0] == "data" else [])).out
    assert not set("│┃━┏┓└┘─") & set(out)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_shows_whole_names_in_its_width(
    here: Here, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    out = on_a_terminal(here, monkeypatch, width, "tasks")
    assert max(map(len, out.splitlines())) <= width
    assert {task.name for task in load_tasks()} <= set(out.split())


def test_a_cell_with_lines_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "n"], [["a\nb", "1,000"], ["细胞", "2"]], right=[1], title="T")
    assert capsys.readouterr().out == "T\nname      n\na b   1,000\n细胞      2\n"


def test_the_tasks_of_a_data_set_are_those_that_it_has_questions_for(
    here: Here, cells: Path
) -> None:
    listed = here("tasks", "--data", cells, "--json").document
    assert listed
    assert all(task["questions"] > 0 for task in listed)
    named = here("tasks", "cognition", "--data", cells, "--json").document
    assert [(task["name"], task["questions"]) for task in named] == [("cognition", 0)]


def completions(*words: str) -> list[str]:
    shell = BashComplete(cli, {}, "mubench-gen", "_MUBENCH_GEN_COMPLETE")
    return [item.value for item in shell.get_completions([*words[:-1]], words[-1])]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pl"], ["plugins"]),
        (["eval", "--plugin", "ti"], ["tiny"]),
        (["eval", "--plugin", "echo,ti"], ["echo,tiny"]),
        (["eval", "--plugin", "tiny", "--model", "clip-"], ["clip-finetuned"]),
        (["eval", "--tasks", "modality,sta"], ["modality,stain"]),
        (["eval", "--tasks", "local"], ["localization"]),
        (["ablate", "--prompt", "cot"], ["cot"]),
        (["tasks", "show", "burgess-contour-w"], ["burgess-contour-which-box"]),
        (["tasks", "mod"], ["modality"]),
        (["prompts", "show", "lett"], ["letter"]),
        (["plugins", "show", "ech"], ["echo"]),
        (["doctor", "--engine", "vllm-"], ["vllm-server"]),
        (["eval", "--control", "b"], ["blind"]),
        (["eval", "--qui"], ["--quiet"]),
    ],
)
def test_the_shell_completes_names(words: list[str], expected: list[str]) -> None:
    assert completions(*words) == expected


def test_the_shell_completes_folders_of_runs_and_studies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("runs/a/manifest.json", "studies/b/study.json", "runs/none/notes.txt"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(json.dumps({}))
    assert completions("report", "") == ["runs/a", "studies/b"]
    assert completions("report", "runs/") == ["runs/a"]
    assert completions("eval", "--reuse", "r") == ["runs/a"]
    assert completions("score", "elsewhere/x") == ["elsewhere/x"]  # the shell's own folders


def test_the_shells_get_their_scripts(mubench: Command) -> None:
    done = mubench(env={"_MUBENCH_GEN_COMPLETE": "zsh_source"})
    assert done.code == 0
    assert "#compdef mubench-gen" in done.out


def test_a_command_that_is_completed_runs_nothing(here: Here, cells: Path) -> None:
    assert completions("eval", "--plugin", "echo", "--data", str(cells), "--help-all", "--lim")
    assert here("-V").out.startswith("mubench-gen")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "under 1 s"),
        (11.25, "11 s"),
        (60, "1 min"),
        (199.7, "3 min 20 s"),
        (7_501, "2 h 5 min"),
        (3_599.6, "1 h"),
        (273_600, "3 d 4 h"),
        (86_400, "1 d"),
    ],
)
def test_a_duration_is_told_in_units_that_people_use(seconds: float, words: str) -> None:
    assert duration(seconds) == words
