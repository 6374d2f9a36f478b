"""Which tokens stand for a label, under tokenizers of different habits."""

from __future__ import annotations

import re

import pytest

from mubench_gen.engines.label_tokens import label_tokens
from mubench_gen.errors import ItemError


class Pieces:
    """A tokenizer that cuts text by a regular expression and numbers the pieces."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern, re.DOTALL)
        self._pieces: list[str] = []

    def encode(self, text: str) -> list[int]:
        pieces = self._pattern.findall(text)
        self._pieces += [piece for piece in dict.fromkeys(pieces) if piece not in self._pieces]
        return [self._pieces.index(piece) for piece in pieces]

    def decode(self, ids: list[int]) -> str:
        return "".join(self._pieces[i] for i in ids)

    def tokens(self, *labels: str, tail: str = "assistant\n") -> list[list[str]]:
        found = label_tokens(labels, tail=tail, encode=self.encode, decode=self.decode)
        return [[self._pieces[i] for i in ids] for ids in found]


def test_a_label_is_its_bare_and_its_spaced_token() -> None:
    assert Pieces(r" ?\w+|\n").tokens("A", "B") == [["A", " A"], ["B", " B"]]


def test_a_space_that_is_a_token_of_its_own_says_nothing() -> None:
    assert Pieces(r"\w+|\s").tokens("A", "B") == [["A"], ["B"]]


def test_a_label_that_merges_with_the_prompt_s_end_counts_by_itself() -> None:
    assert Pieces(r":?\w+|:| ").tokens("A", "B", tail="assistant:") == [["A"], ["B"]]


def test_labels_of_several_tokens_count_by_the_first() -> None:
    assert Pieces(r"\w|\n").tokens("1x", "2y") == [["1"], ["2"]]


def test_labels_that_begin_alike_are_told_apart_where_the_tokenizer_does() -> None:
    assert Pieces(r"\w+|\n").tokens("i", "ii", "iii") == [["i"], ["ii"], ["iii"]]


def test_labels_with_the_same_first_token_are_an_error_that_names_them() -> None:
    with pytest.raises(ItemError, match=r"'A', 'AA'.*--readout parse"):
        Pieces(r"\w|\n").tokens("A", "B", "AA")
