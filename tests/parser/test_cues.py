"""What a scan for cue words leaves out would have found nothing."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from mubench_gen.parser import plain_labels, reply_text, rules
from mubench_gen.parser.choices import choices_for
from mubench_gen.parser.conformance.corpus import FILES, LabelledText, shipped
from mubench_gen.parser.cues import _LONGEST, ALL, GROUPS, cues_in
from mubench_gen.parser.parse import parse_answer
from mubench_gen.parser.reply_text import ReplyText
from mubench_gen.parser.rules import NEEDS
from mubench_gen.parser.stance_words import BOUNDARY, BOUNDS, STOP
from mubench_gen.parser.text import fold

GATED = [
    (1 << bit, words, pattern)
    for bit, (words, patterns) in enumerate(GROUPS)
    for pattern in patterns
]


def _rows() -> Iterator[LabelledText]:
    """Every third labelled reply."""
    return itertools.islice(itertools.chain.from_iterable(map(shipped, FILES)), 0, None, 3)


def _of_each(node: Any) -> list[str]:
    """Texts that a node of a parsed pattern matches: each of its alternatives at least once."""
    kind, value = str(node[0]), node[1]
    if kind == "LITERAL":
        return [chr(value)]
    if kind == "IN":
        negated = str(value[0][0]) == "NEGATE"
        return ["x"] if negated else [text for one in value for text in _of_each(one)]
    if kind == "CATEGORY":
        return [{"CATEGORY_SPACE": " ", "CATEGORY_DIGIT": "1"}.get(str(value), "x")]
    if kind == "RANGE":
        return [chr(value[0])]
    if kind == "BRANCH":
        return [text for branch in value[1] for text in _texts(branch)]
    if kind == "SUBPATTERN":
        return _texts(value[-1])
    if kind in ("MAX_REPEAT", "MIN_REPEAT"):
        least, _, repeated = value
        return [""] * (least == 0) + [text * max(1, least) for text in _texts(repeated)]
    if kind == "ASSERT" and value[0] > 0:
        return _texts(value[1])  # what a pattern asks to follow
    return ["x"] if kind in ("ANY", "NOT_LITERAL") else [""]


def _texts(nodes: Any) -> list[str]:
    """Texts that a parsed pattern matches, but for what its assertions ask for."""
    each = [_of_each(node) for node in nodes]
    plain = [texts[0] for texts in each]
    return ["".join(plain)] + [
        "".join([*plain[:k], other, *plain[k + 1 :]])
        for k, texts in enumerate(each)
        for other in texts[1:]
    ]


@pytest.mark.parametrize(
    ("bit", "words", "pattern"), GATED, ids=lambda value: str(value)[:24] if value else ""
)
def test_every_match_of_a_pattern_holds_one_of_its_cues(
    bit: int, words: str, pattern: re.Pattern[str]
) -> None:
    made = {text.lower() for text in _texts(_parser.parse(pattern.pattern, pattern.flags))}
    matched = [text for text in made if text.isascii() and pattern.search(text)]

    assert len(matched) > len(made) / 8, "too few of the made texts match to tell anything"
    for text in matched:
        assert cues_in(text) & bit, f"{text!r} holds none of {words!r}"


def test_cues_at_both_ends_of_a_word_without_end_are_found() -> None:
    assert all(len(word) < _LONGEST for words, _ in GROUPS for word in words.split())
    long = "x" * 100_000

    assert cues_in(f"exclud{long}") & cues_in("excluded")
    assert cues_in(f"{long}label") & cues_in("label")
    assert not cues_in(long)


def test_a_cue_is_a_whole_word_or_begins_or_ends_one_or_is_in_one() -> None:
    said = cues_in("isn't it excluded?")

    assert said & cues_in("can't")
    assert said & cues_in("exclusion")
    assert not cues_in("knot") & cues_in("not")
    assert cues_in("sublabel") & cues_in("label")
    assert cues_in("underrating") & cues_in("ratings")
    assert cues_in("µ") == ALL


def test_of_the_labelled_replies_no_rule_reads_one_without_its_cues() -> None:
    for row in _rows():
        text = ReplyText(fold(row.reply), choices_for(row.options, row.labels))
        for rule, need in NEEDS.items():
            text.floor = 0
            if not need & text.cues:
                assert next(rule(text), None) is None, (rule.__name__, row.reply)


def test_the_labelled_replies_are_read_alike_if_all_rules_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = list(_rows())
    read = [parse_answer(r.reply, r.options, r.labels, complete=r.complete) for r in rows]
    for module in (reply_text, plain_labels, rules):
        monkeypatch.setattr(module, "cues_in", lambda low: ALL)

    for row, answer in zip(rows, read, strict=True):
        whole = parse_answer(row.reply, row.options, row.labels, complete=row.complete)
        assert whole == answer, row.reply


def test_where_no_word_ends_a_clause_its_marks_do() -> None:
    made = _texts(_parser.parse(BOUNDARY.pattern, BOUNDARY.flags))
    texts = [row.reply.lower() for row in _rows()] + made
    without = [text for text in texts if not cues_in(text) & BOUNDS]

    assert len(without) > 50
    for text in without:
        stops = [found.span() for found in STOP.finditer(text)]
        assert stops == [found.span() for found in BOUNDARY.finditer(text)], text
