"""A text as tokens in their normal form, and squeezed: without the spaces between words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from mubench_gen.parser.words import normal

_CJK = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
# Words, numbers, single CJK characters, and the signs that distinguish formulas. A hyphen
# is a minus sign only before a number, and the s of "Masson's" is left out.
_TOKEN = re.compile(
    rf"\d+(?:[.,]\d+)*|(?!s(?<=[a-z]'s)(?!\w))[^\W\d_{_CJK}]+|[{_CJK}]"
    r"|-(?<![\w)\]]-)(?=\.?\d)|[+/=<>^%≤≥≠±×÷√∞°&]"
)


class Tokens(NamedTuple):
    """A text as normalised tokens; `joined`, " token token ", is searched with str.find."""

    spans: list[tuple[int, int]]
    joined: str


def tokenize(lowered: str, start: int = 0, end: int | None = None) -> Tokens:
    """The tokens of a folded, lower-case text."""
    found = list(_TOKEN.finditer(lowered, start, len(lowered) if end is None else end))
    return Tokens([match.span() for match in found], join([match[0] for match in found]))


def join(tokens: list[str]) -> str:
    return " " + " ".join(map(normal, tokens)) + " " if tokens else " "


def first_tokens(lowered: str, count: int) -> list[re.Match[str]]:
    """The first tokens of a text."""
    return list(islice(_TOKEN.finditer(lowered), count))


def squeezed(words: Sequence[str]) -> str:
    """The words without spaces, so that "bright field" is "brightfield"; numbers and single
    letters stay apart."""
    joined = "".join(words)
    if joined.isalpha() and min(map(len, words)) > 1:
        return joined
    return "".join(pieces(words))


def pieces(words: Sequence[str]) -> Iterator[str]:
    """Each word, behind a space where it stays apart from the one before."""
    joins = True
    for word in words:
        was, joins = joins, len(word) > 1 and word.isalpha()
        yield word if was and joins else f" {word}"


def text_ends(lowered: str, at: int, key: str, limit: int) -> int | None:
    """The end of the text with that squeezed key if it is next after `at`, else None."""
    said, joins = "", True
    while len(said) < len(key):
        found = _TOKEN.search(lowered, at, limit)
        if found is None:
            return None
        word = normal(found[0])
        was, joins = joins, len(word) > 1 and word.isalpha()
        said += word if was and joins else f" {word}"
        if not key.startswith(said):
            return None
        at = found.end()
    return at


def words_of(lowered: str) -> list[str]:
    """The tokens of a folded, lower-case text as they are written."""
    return _TOKEN.findall(lowered)
