"""A text as tokens in their normal form, and squeezed: without the spaces between words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from mubench_gen.parser.words import normal

_CJK = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
# Words, numbers, single CJK characters, and the signs that distinguish formulas. A hyphen
# is a minus sign only before a number, and the s of "Masson's" is left out.
_TOKEN = re.compile(
    rf"\d+(?:[.,]\d+)*|(?!s(?<=[a-z]'s)(?!\w))[^\W\d_{_CJK}]+|[{_CJK}]"
    r"|-(?<![\w)\]]-)(?=\.?\d)|[+/=<>^%≤≥≠±×÷√∞°&]"
)
# The same for ASCII in lower case, of which most replies are: ranges are found much faster.
_ASCII_TOKEN = re.compile(
    r"[0-9]+(?:[.,][0-9]+)*|(?!s(?<=[a-z]'s)(?![a-z0-9_]))[a-z]+"
    r"|-(?<![a-z0-9_)\]]-)(?=\.?[0-9])|[+/=<>^%&]"
)
# Between words that `squeezed` joins; the space comes first, so that others are passed over.
_APART = re.compile(r" (?<=[a-z]{2} )(?=[a-z]{2})")


def _pattern(lowered: str) -> re.Pattern[str]:
    return _ASCII_TOKEN if lowered.isascii() else _TOKEN


class Tokens:
    """A stretch of a text as normalised tokens; `joined`, " token token ", is searched with
    str.find. The spans are found when they are first needed: most stretches hold no option.
    """

    __slots__ = ("_lowered", "_spans", "_start", "_stop", "joined", "words")

    def __init__(self, lowered: str, start: int, stop: int) -> None:
        self._lowered, self._start, self._stop = lowered, start, stop
        self._spans: list[tuple[int, int]] | None = None
        self.words = list(map(normal, _pattern(lowered).findall(lowered, start, stop)))
        self.joined = _joined(self.words)

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Where each token is in the whole text."""
        if self._spans is None:
            found = _pattern(self._lowered).finditer(self._lowered, self._start, self._stop)
            self._spans = [match.span() for match in found]
        return self._spans


def tokenize(lowered: str, start: int = 0, end: int | None = None) -> Tokens:
    """The tokens of a folded, lower-case text."""
    return Tokens(lowered, start, len(lowered) if end is None else end)


def join(tokens: Iterable[str]) -> str:
    """Tokens as they are written, in the form of `Tokens.joined`."""
    return _joined(list(map(normal, tokens)))


def _joined(words: list[str]) -> str:
    return f" {' '.join(words)} " if words else " "


def first_tokens(lowered: str, count: int) -> Iterator[re.Match[str]]:
    """The first tokens of a text, each searched for when it is asked for."""
    return islice(_pattern(lowered).finditer(lowered), count)


def squeezed(joined: str) -> str:
    """Joined tokens without spaces between words, so that "bright field" is "brightfield";
    numbers and single letters stay apart."""
    if not joined.isascii():
        return "".join(pieces(joined.split()))
    text = _APART.sub("", joined.rstrip())
    return text[1:] if text[2:3].isalpha() else text


def pieces(words: Sequence[str]) -> Iterator[str]:
    """Each word, behind a space where it stays apart from the one before."""
    joins = True
    for word in words:
        was, joins = joins, len(word) > 1 and word.isalpha()
        yield word if was and joins else f" {word}"


def text_ends(lowered: str, at: int, key: str, limit: int) -> int | None:
    """The end of the text with that squeezed key if it is next after `at`, else None."""
    said, joins, pattern = "", True, _pattern(lowered)
    while len(said) < len(key):
        found = pattern.search(lowered, at, limit)
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
    return _pattern(lowered).findall(lowered)
