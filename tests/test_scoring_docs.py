"""The examples in docs/scorers.md and docs/localization.md run and give what they say."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from mubench_gen import paper_compat, parse_answer
from mubench_gen.compare.protocols import CAUSES
from mubench_gen.compare.published import load_published
from mubench_gen.scores.protocols.definition import Rule
from mubench_gen.scores.protocols.files import load_protocol, protocol_names

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


def test_the_files_of_the_page_are_what_it_says_they_are(tmp_path: Path) -> None:
    page = (DOCS / "scorers.md").read_text("utf-8")
    blocks = re.findall(r'```toml title="(.*?)"\n(.*?)```', page, re.DOTALL)
    files = {name: tmp_path / name for name, _ in blocks}
    for name, text in blocks:
        files[name].write_text(text, "utf-8")
    protocol = load_protocol(str(files["mine.toml"]))
    assert protocol.file.numbers["main"].metric == "macro-f1"
    table = load_published(str(files["their_table.toml"]))
    assert table.number("fine").datasets[0].startswith("!eulenberg")


def test_the_page_names_every_protocol_rule_and_cause() -> None:
    page = (DOCS / "scorers.md").read_text("utf-8")
    rules = {rule.model_fields["rule"].annotation.__args__[0] for rule in Rule.__args__}
    for name in (*protocol_names(), *CAUSES, *rules):
        assert f"`{name}`" in page, name
