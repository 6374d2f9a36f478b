"""The parser's page names every rule and status, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from mubench_gen.parser.rules import STRONG, WEAK
from mubench_gen.types import Status

PAGE = (Path(__file__).parents[2] / "docs" / "parser.md").read_text(encoding="utf-8")
RULES = ["sole_label", *(rule.__name__ for tier in (*STRONG, *WEAK) for rule in tier)]


def test_every_rule_stands_in_the_table_in_its_order() -> None:
    table = re.findall(r"^\|[ \d]*\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert table == RULES


@pytest.mark.parametrize("status", sorted(set(get_args(Status)) - {"error"}))
def test_every_status_is_explained(status: str) -> None:
    assert f"| `{status}` |" in PAGE


def test_the_example_prints_what_its_comment_says(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert example is not None
    exec(example[1], {})
    promised = re.findall(r"#  ?(.+)", example[1])
    assert capsys.readouterr().out.splitlines() == promised
