"""Anything that is a str is read without an exception; options that cannot be used are named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mubench_gen.parser import default_labels, parse_answer

OPTIONS = ("nucleus", "mitochondrion", "H&E", "12", "None of the above")
# Pieces that rules look for: random text alone would seldom reach them.
PIECES = st.sampled_from(
    [
        *("A", "B", "(C)", "D.", "E:", "I", "a", "answer", "The answer is", "not", "correct"),
        *("option", "both", "and", "if", ",", "?", ".", "=", "\n", "\n\nQuestion:", "12"),
        *("nucleus", "mitochondrion", "None of the above", "<think>", "</think>", "<answer>"),
        *("\\boxed{", "\\frac{1}{", '{"answer":', "**", "选", "答案：", "正解"),
        *("İ", "ß", "ﬀ", "\ud800", "\x00", "\u202e"),
    ]
)
REPLIES = st.one_of(
    st.text(st.characters(), max_size=80),
    st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=24).map(" ".join),
    st.lists(PIECES, max_size=24).map("".join),
)
LABELS = st.sampled_from([None, *(default_labels(5, style) for style in "Aa1i")])


@settings(max_examples=200, deadline=None)
@given(REPLIES, LABELS)
def test_every_reply_gets_a_status_that_fits_its_index(
    reply: str, labels: tuple[str, ...] | None
) -> None:
    answer = parse_answer(reply, OPTIONS, labels)
    if answer.status == "answered":
        assert answer.index in range(len(OPTIONS))
        assert answer.rule
        assert answer.span is not None
        start, end = answer.span
        assert 0 <= start < end <= len(reply)
    else:
        assert (answer.index, answer.rule, answer.span) == (None, None, None)
    assert answer == parse_answer(reply, OPTIONS, labels)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(min_size=1, max_size=12).filter(str.strip), min_size=1, max_size=30), REPLIES
)
def test_any_options_will_do(options: list[str], reply: str) -> None:
    parse_answer(reply, options)


@pytest.mark.parametrize(
    "reply", ["\ud800", "\x00" * 50, "\u202e\u200f", "\U0010ffff", "İ" * 40, "\r\n\t\v\f", "🧫"]
)
def test_strange_characters_are_no_answer(reply: str) -> None:
    assert parse_answer(reply, OPTIONS).index is None


def test_a_reply_of_a_megabyte_is_read() -> None:
    assert parse_answer("The cell. " * 100_000 + "The answer is B.", OPTIONS).index == 1


@pytest.mark.parametrize(
    ("options", "labels", "message"),
    [
        ([], None, "no options"),
        (["a", " "], None, "option 2 of 2 is empty"),
        (["a", "b"], ["A"], "1 labels for 2 options"),
        (["a", "b"], ["A", "a"], "labels 'A' and 'a' collide"),
        (["a", "b"], ["A", ""], "label 2 .* is empty"),
    ],
)
def test_options_that_cannot_be_used_are_named(
    options: list[str], labels: list[str] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        parse_answer("A", options, labels)


def test_labels_come_in_four_styles() -> None:
    assert default_labels(28)[24:] == ("Y", "Z", "AA", "AB")
    assert default_labels(3, "a") == ("a", "b", "c")
    assert default_labels(12, "1")[-1] == "12"
    assert default_labels(6, "i") == ("i", "ii", "iii", "iv", "v", "vi")
    with pytest.raises(ValueError, match="unknown label style 'x'"):
        default_labels(2, "x")


def test_options_within_one_another_at_the_beginning_raise_nothing() -> None:
    options = ("nucleus", "more", "B. The nucleus is", "th", "nucleus is stained more")

    answer = parse_answer("B. The nucleus is stained more strongly than th", options)

    assert (answer.index, answer.rule) == (2, "leading_text")
