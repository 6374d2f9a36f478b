"""The score card counts right, and says what is wrong with a labelled file."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from mubench_gen.errors import DataError
from mubench_gen.scores.parser_card import (
    LabelledReply,
    card_json,
    card_tables,
    load_labelled,
    parser_card,
    wilson,
)

OPTIONS = ("nucleus", "mitochondrion")


def labelled(reply: str, gold: int | None, regime: str = "bare") -> LabelledReply:
    return LabelledReply(reply, OPTIONS, gold, regime=regime)


def test_right_wrong_unanswered_and_left_are_counted_apart() -> None:
    rows = [labelled("A", 0), labelled("A", 1), labelled("hm", 0), labelled("hm", None)]
    total = parser_card(rows).total
    assert (total.right.count, total.wrong.count, total.unanswered.count) == (1, 1, 1)
    assert total.right.n == 3
    assert (total.left.count, total.left.n) == (1, 1)


def test_the_card_is_split_by_regime_status_and_rule() -> None:
    card = parser_card([labelled("A", 0), labelled("B", 0, "other"), labelled("A", None)])
    assert list(card.regimes) == ["bare", "other"]
    assert card.statuses == {"answered": (2, 1)}
    assert card.rules["sole_label"].fired == 3
    assert card.rules["sole_label"].right.count == 1


def test_the_interval_is_wilsons() -> None:
    share = wilson(9, 10)
    assert share.low == pytest.approx(0.5958, abs=1e-4)
    assert share.high == pytest.approx(0.9821, abs=1e-4)
    assert wilson(0, 0).rate is None


def test_the_card_can_be_printed_and_written() -> None:
    card = parser_card([labelled("A", 0)])
    json.dumps(card_json(card))
    console = Console(width=160, record=True, file=io.StringIO())
    for table in card_tables(card):
        console.print(table)
    assert "sole_label" in console.export_text()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: not JSON"),
        ('{"reply": "A", "options": ["x"]}', "line 1: needs gold"),
        ('{"reply": "A", "options": ["x"], "gold": 1}', "gold is 1; it must be null or an index"),
        ("[]", "needs an object"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "labelled.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        load_labelled(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read the labelled replies"):
        load_labelled(tmp_path / "none.jsonl")
