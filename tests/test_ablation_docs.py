"""docs/ablations.md and docs/statistics.md: their commands are commands, their figures add up."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from mubench_gen.ablation.grid import StudySettings
from mubench_gen.cli import cli
from mubench_gen.plan.config_file import read_config

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("ablations.md", "statistics.md")


def lines(page: str) -> list[str]:
    """The page's shell lines that call mubench-gen."""
    return re.findall(r"^mubench-gen .*$", (DOCS / page).read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", [line for page in PAGES for line in lines(page)])
def test_the_commands_parse(line: str) -> None:
    _, name, *words = shlex.split(line)
    with click.Context(cli) as above:
        command = cli.get_command(above, name)
    assert command is not None
    with command.make_context(name, words, help_option_names=["-h", "--help"]) as context:
        assert isinstance(context, click.Context)


def test_the_grid_of_the_page_is_a_file_that_is_read(tmp_path: Path) -> None:
    (block,) = re.findall(
        r'```toml title="grid.toml"\n(.*?)```', (DOCS / "ablations.md").read_text(), re.DOTALL
    )
    (tmp_path / "grid.toml").write_text(block)
    assert read_config(tmp_path / "grid.toml", StudySettings)["labels"] == ["A)", "1."]


def test_every_axis_and_flag_is_named_on_the_page() -> None:
    text = (DOCS / "ablations.md").read_text()
    axes = "prompt labels orders system image readout shots budget design"
    for axis in axes.split():
        assert f"--{axis}" in text
