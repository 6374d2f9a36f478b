"""What is read plainly, without preparing the options, the rules read alike."""

from __future__ import annotations

import itertools

import pytest

from mubench_gen.parser.choices import choices_for
from mubench_gen.parser.conformance.corpus import FILES, shipped
from mubench_gen.parser.parse import _read
from mubench_gen.parser.plain import read_plainly
from mubench_gen.parser.text import lower
from mubench_gen.parser.tokens import _TOKEN, pieces, squeezed, tokenize, words_of

OPTIONS = ("Nucleus", "Escherichia coli", "the Golgi apparatus", "3 cells", "a membrane", "oedema")
LEADS = (
    "(B) ",
    "B. ",
    "B) ",
    "A. ",
    "A: ",
    "The answer is (B) ",
    "So, the correct answer is C. ",
    "It is round. Therefore, the answer is (D) ",
    "No answer: B. ",
    "Answer: (A) ",
)
TEXTS = (
    "nucleus",
    "Nucleus.",
    "Escherichia coli",
    "E. coli",
    "coli",
    "the Golgi apparatus",
    "three cells",
    "3 cells",
    "membrane",
    "edema",
    "another text",
    "A",
    "C.",
    "and C",
    "is wrong",
    "10 um",
    "none of these",
    "x. But C is correct.",
    "x. So C.",
    "x, not C",
    "x\nC. y",
    "x\n\nIt is round.",
    "x? No.",
    "x. Wait, C.",
    "nucleus. C. the Golgi apparatus",
    "Escherichia coli, because it is a rod",
    "the x. It is true for C",
)


@pytest.mark.parametrize("lead", LEADS)
def test_a_label_that_stands_plainly_is_read_as_the_rules_read_it(lead: str) -> None:
    choices = choices_for(OPTIONS, None)
    for text in TEXTS:
        plain = read_plainly(lead + text, choices)
        assert plain is None or plain == _read(lead + text, choices, None), lead + text


def test_of_the_labelled_replies_none_is_read_otherwise_than_by_the_rules() -> None:
    read = 0
    for row in itertools.chain.from_iterable(map(shipped, FILES)):
        choices = choices_for(row.options, row.labels)
        plain = read_plainly(row.reply, choices)
        if plain is not None and plain.rule != "sole_label":
            assert plain == _read(row.reply, choices, row.complete), row.reply
            read += 1
    assert read > 100


def test_options_that_change_each_time_are_not_prepared_for_a_plain_label() -> None:
    choices = choices_for(("a quiet option", "big cell", "cold lens"), None)

    answer = read_plainly("The correct answer is (B) round. It has no edge.", choices)

    assert answer is not None
    assert (answer.index, answer.rule) == (1, "declared_answer")
    assert choices._keys is None


def test_ascii_is_cut_into_the_same_tokens_by_the_pattern_of_its_own() -> None:
    rows = itertools.chain.from_iterable(map(shipped, FILES))
    texts = {lower(text) for row in rows for text in (row.reply, *row.options) if text.isascii()}
    for text in {*texts, "masson's stain, s's -1 (-2) b-3 1,000.5 x=-.5 a b cd 3 ef & g"}:
        tokens = tokenize(text)
        assert words_of(text) == _TOKEN.findall(text)
        assert squeezed(tokens.joined) == "".join(pieces(tokens.words)), text
