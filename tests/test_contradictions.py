"""The share of contradictions is a column of a run's tables, where there are any."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Here
from .helpers.data import write_data
from .helpers.plugin import write_plugin

# Says A with the text of B.
CONTRADICTS = r"""
def generate(self, requests):
    import re
    return ["A. " + re.search(r"^\(?B[.):]+ (.+)$", r.text, re.M)[1] for r in requests]
"""


@pytest.mark.parametrize(("plugin", "told"), [("./mine.py", True), ("echo", False)])
def test_contradictions_are_a_column_of_every_format(
    here: Here, tmp_path: Path, plugin: str, told: bool
) -> None:
    write_data(tmp_path / "data")
    write_plugin(tmp_path / "mine.py", CONTRADICTS)
    asked = here("eval", "--plugin", plugin, "--data", "data", "--run-dir", "run", "--json")
    assert asked.code == 0, asked.err

    assert ("contradiction" in here("report", "run").out.partition("\n\n")[0]) == told
    page = here("report", "run", "--html", "page.html")
    assert page.code == 0, page.err
    html = (tmp_path / "page.html").read_text("utf-8")
    assert ('<th scope="col">contradiction</th>' in html) == told
    for form in ("md", "latex"):
        head = here("report", "run", "--format", form).out.partition("pooled")[0]
        assert ("contradiction" in head) == told, form


def test_a_table_of_several_runs_says_how_many_each_has(here: Here, tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    write_plugin(tmp_path / "mine.py", CONTRADICTS)
    for plugin, folder in (("./mine.py", "mine"), ("echo", "echo")):
        asked = here("eval", "--plugin", plugin, "--data", "data", "--run-dir", folder)
        assert asked.code == 0, asked.err
    told = here("report", "mine", "echo").out
    assert "the text of another: echo 0.0 %, mine 100.0 %." in told
    assert "the text of another" not in here("report", "echo", "echo").out
