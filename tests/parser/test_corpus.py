"""The project's own labelled replies: what they are, and how the parser does on them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mubench_gen.scores.parser_card import load_labelled, parser_card

HERE = Path(__file__).parent
HALVES = ("dev", "held")
FILES = (*HALVES, "fresh", "blind")


def path(half: str) -> Path:
    return HERE / f"corpus-{half}.jsonl"


def test_the_corpus_has_six_hundred_replies_in_two_halves_of_one_size() -> None:
    sizes = [len(load_labelled(path(half))) for half in HALVES]
    assert sum(sizes) >= 600
    assert abs(sizes[0] - sizes[1]) <= 0.02 * sum(sizes)


def test_no_reply_stands_twice() -> None:
    lines = [line for name in FILES for line in path(name).read_text("utf-8").splitlines()]
    identifiers = [json.loads(line)["id"] for line in lines]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize("half", FILES)
def test_every_reply_has_a_regime_and_a_failure_mode(half: str) -> None:
    assert all(row.regime and row.failure_mode for row in load_labelled(path(half)))


@pytest.mark.parametrize("half", FILES)
def test_the_parser_keeps_to_its_bar(half: str) -> None:
    total = parser_card(load_labelled(path(half))).total
    assert total.right.count >= 0.98 * total.right.n
    assert total.wrong.count <= 0.007 * total.wrong.n
    assert total.left.count >= 0.95 * total.left.n
