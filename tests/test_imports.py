"""Help and every listing start fast: what is heavy stays out of the process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .helpers.command import Command

HEAVY = ("torch", "transformers", "vllm", "pandas", "numpy", "scipy", "matplotlib")
# Runs command lines and prints, on a line of stderr each, what came in with it.
WATCH = """
import json, sys
from mubench_gen.__main__ import _run
for command in json.loads(sys.argv[1]):
    sys.argv[1:] = command
    code = _run()
    print(json.dumps([code, sorted(set(sys.modules))]), file=sys.stderr)
"""


def modules_after(folder: Path, *args: str) -> set[str]:
    ((_, modules),) = modules_after_each(folder, [list(args)])
    return modules


def modules_after_each(
    folder: Path, commands: list[list[str]]
) -> Iterator[tuple[list[str], set[str]]]:
    """The commands, one after the other in one process, each with the modules there after it."""
    done = subprocess.run(
        [sys.executable, "-c", WATCH, json.dumps(commands)],
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
        env=Command(folder).environment({"MUBENCH_GEN_PLUGINS": "echo,tiny"}),
        timeout=240,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("[0, ")]
    for command, line in zip(commands, lines, strict=True):
        yield command, set(json.loads(line)[1])


def test_help_and_listings_import_nothing_heavy(tmp_path: Path) -> None:
    commands = [
        "--help", "--version", "plugins", "plugins --json", "plugins show echo",
        "plugins show tiny", "tasks", "tasks --json", "prompts", "prompts --json",
        "eval --help", "score --help", "report --help", "data --help", "compare --help",
        "ablate --help", "doctor",
    ]  # fmt: skip
    for command, modules in modules_after_each(tmp_path, [c.split() for c in commands]):
        assert not modules & set(HEAVY), command


def test_the_list_of_plugins_imports_no_plugin(tmp_path: Path) -> None:
    modules = modules_after(tmp_path, "plugins")
    assert not [name for name in modules if name.startswith("mubench_gen_plugins")]


@pytest.mark.parametrize("command", ["--help", "eval --help", "sweep --help", "ablate --help"])
def test_help_needs_neither_the_data_nor_pydantic(tmp_path: Path, command: str) -> None:
    modules = modules_after(tmp_path, *command.split())
    assert not modules & {"pydantic", "jinja2", "PIL", "rich", "mubench_gen.run"}


def test_an_evaluation_of_a_plugin_without_weights_imports_no_torch(
    tmp_path: Path, cells: Path
) -> None:
    modules = modules_after(
        tmp_path, "eval", "--plugin", "echo", "--data", str(cells), "--tasks", "modality"
    )
    assert not modules & {"torch", "transformers", "vllm", "pandas", "matplotlib"}


def test_importing_the_package_imports_nothing_else_of_it(tmp_path: Path) -> None:
    program = "import sys, mubench_gen; print(*(m for m in sys.modules if 'mubench' in m))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        check=True,
    )
    loaded = {name for name in done.stdout.split() if not name.startswith("__editable__")}
    finder = {"mubench_gen.plugins", "mubench_gen.plugins.moved_modules"}  # of old places
    assert loaded == {"mubench_gen", "mubench_gen._version", *finder}
