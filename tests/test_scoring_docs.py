"""The examples in docs/scorers.md and docs/localization.md run and give what they say."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from mubench_gen import paper_compat, parse_answer

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("page", ["scorers.md", "localization.md"])
def test_every_line_with_a_value_behind_it_has_that_value(page: str) -> None:
    checked, names = 0, dict[str, Any]()
    for block in re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL):
        for line in block.splitlines():
            code, told, value = line.partition("  # ")
            if not told:
                exec(code, names)
                continue
            found = eval(code, names)
            value = value.partition(": ")[0]
            try:
                expected = ast.literal_eval(value)
            except (ValueError, SyntaxError):
                continue  # a word about it
            assert found == expected, line
            checked += 1
    assert checked


def test_the_worked_example_of_the_scorers_adds_up() -> None:
    options = ["a cat", "a dog", "a cow", "a pig"]
    shown = " ".join(f"{c}) {option}" for c, option in zip("ABCD", options, strict=True))
    replies = ["A", "(A)", "(A)", "a cat", "B", "As an AI, I cannot.", shown, "The answer is A"]
    page = (DOCS / "scorers.md").read_text("utf-8")
    assert all(f"`{reply}`" in page for reply in replies)
    assert sum(paper_compat(reply, options, 0) for reply in replies) == 3
    assert sum(parse_answer(reply, options).index == 0 for reply in replies) == 5
