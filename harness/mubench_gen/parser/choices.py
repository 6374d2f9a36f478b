"""The options of one question, prepared for searching a reply."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, islice
from typing import NamedTuple

from mubench_gen.parser.labels import LabelSet, default_labels, label_set
from mubench_gen.parser.text import fold, lower, strip_markup

_CJK = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
# Words, numbers, single CJK characters, and the signs that distinguish formulas. A hyphen
# is a minus sign only before a number.
_TOKEN = re.compile(
    rf"\d+(?:[.,]\d+)*|[^\W\d_{_CJK}]+|[{_CJK}]|-(?<![\w)\]]-)(?=\.?\d)|[+/=<>^%≤≥≠±×÷√∞°]"
)
_ARTICLES = ("the", "a", "an")
_VERBS = ("is", "are", "was", "has", "and", "or")  # "A is closer": no article
_META = re.compile(
    r"(?:none|neither|all)(?: of)?(?: (?:the|these|those|them|above|option|other|choice|answer"
    r"|given|listed|provided|two))*"
)
_SKIP = re.compile(
    r"[^\w+/=<>^%≤≥≠±×÷√∞°.-]{0,40}(?:[-.](?!\.?\d)[^\w+/=<>^%≤≥≠±×÷√∞°.-]{0,40}){0,4}"
)
_ARTICLE = re.compile(r"(?:the|an?)\s+")
TEXT_CAP = 64  # mentions of one option to examine; a reply that loops has thousands


_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
# "one" is a pronoun more often than a number.
_NUMBER_WORDS = {word: str(k) for k, word in enumerate(_NUMBERS) if word != "one"}


def _normal(token: str) -> str:
    """Normalise a token: no plural s, no commas in numbers, number words as digits."""
    if len(token) > 3 and token[-1] == "s" and token[-2] != "s":
        token = token[:-1]
    if "," in token:
        first, *groups = token.split(",")
        if len(first) < 4 and all(len(group) == 3 for group in groups):
            return token.replace(",", "")
    return _NUMBER_WORDS.get(token, token)


class Tokens(NamedTuple):
    """A text as normalised tokens; `joined`, " token token ", is searched with str.find."""

    spans: list[tuple[int, int]]
    joined: str


def tokenize(lowered: str, start: int = 0, end: int | None = None) -> Tokens:
    """The tokens of a folded, lower-case text."""
    found = list(_TOKEN.finditer(lowered, start, len(lowered) if end is None else end))
    return Tokens([match.span() for match in found], _join([match[0] for match in found]))


def _join(tokens: list[str]) -> str:
    return " " + " ".join(map(_normal, tokens)) + " " if tokens else " "


def first_tokens(lowered: str, count: int) -> list[re.Match[str]]:
    """The first tokens of a text."""
    return list(islice(_TOKEN.finditer(lowered), count))


def text_ends(lowered: str, at: int, words: tuple[str, ...], limit: int) -> int | None:
    """The end of the words if they are the next tokens after `at`, else None."""
    for word in words:
        found = _TOKEN.search(lowered, at, limit)
        if found is None or (found[0] != word and _normal(found[0]) != word):
            return None
        at = found.end()
    return at


@lru_cache(maxsize=8192)
def _key(option: str) -> str:
    """An option as " token token ", without a leading article."""
    words = _TOKEN.findall(lower(strip_markup(fold(option))))
    if len(words) > 1 and words[0] in _ARTICLES and words[1] not in _VERBS:
        words = words[1:]
    return _join(words) if words else ""


@lru_cache(maxsize=8192)
def _head(key: str) -> str:
    """The first letters of a key as a reply would write them; only a digit for numbers."""
    if not key:
        return "\0"
    if key[1].isdigit():
        return ""  # the number may be written as a word
    return key[1:4].split(" ")[0]


class Choices:
    """Options and labels of one question. The texts are prepared when first needed."""

    __slots__ = ("_by_length", "_heads", "_keys", "_texts", "_words", "labels", "options", "room")

    def __init__(self, options: tuple[str, ...], labels: LabelSet) -> None:
        self.options = options
        self.labels = labels
        # How many characters the longest option may take up in a reply.
        self.room = max(map(len, options)) * 2 + 40
        self._words: dict[str, tuple[str, ...]] = {}
        self._heads: tuple[str, ...] | None = None
        self._keys: tuple[str, ...] | None = None
        self._texts: dict[str, int] | None = None
        self._by_length: list[str] | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The options' texts as " token token "; "" where a text has no token."""
        if self._keys is None:
            self._keys = tuple(map(_key, self.options))
        return self._keys

    def key(self, index: int) -> str:
        """The key of one option; most replies need only one."""
        return self._keys[index] if self._keys is not None else _key(self.options[index])

    @property
    def texts(self) -> dict[str, int]:
        """Key → option, or -1 if several options share the text."""
        if self._texts is None:
            texts: dict[str, int] = {}
            for index, key in enumerate(self.keys):
                if key:
                    texts[key] = -1 if key in texts else index
            self._texts = texts
        return self._texts

    @property
    def by_length(self) -> list[str]:
        """Distinct keys, longest first, so that a text inside a longer one is found last."""
        if self._by_length is None:
            self._by_length = sorted(self.texts, key=len, reverse=True)
        return self._by_length

    def words(self, key: str) -> tuple[str, ...]:
        """The tokens of a key."""
        if key not in self._words:
            self._words[key] = tuple(key.split())
        return self._words[key]

    @property
    def heads(self) -> tuple[str, ...]:
        """The beginning of each key: a cheap test before a reply is tokenised."""
        if self._heads is None:
            self._heads = tuple(map(_head, self.keys))
        return self._heads

    def may_start(self, lowered: str, at: int, index: int | None = None) -> bool:
        """Whether the text of an option (of `index`, or of any) may begin at `at`."""
        skipped = _SKIP.match(lowered, at)
        at = skipped.end() if skipped else at
        heads = self.heads if index is None else _head(self.key(index))
        if lowered.startswith(heads, at):
            return True
        article = _ARTICLE.match(lowered, at)
        return article is not None and lowered.startswith(heads, article.end())

    def meta_option(self, word: str) -> int | None:
        """The option that says "none of the above" (or "all"), if exactly one does."""
        found = [k for k, key in enumerate(self.keys) if _META.fullmatch(key.strip())]
        named = [k for k in found if self.keys[k].startswith(" all ") == (word == "all")]
        return named[0] if len(named) == 1 else None

    def mentions(self, tokens: Tokens, lowered: str) -> list[tuple[int, int, int]]:
        """(start, end, option or -1) of every option's text, in order, longest first."""
        taken: list[tuple[int, int, int]] = []
        used: set[int] = set()
        words = tokens.joined.split()
        starts = list(accumulate((len(word) + 1 for word in words), initial=1))
        for key in self.by_length:
            for first, last in _find(key, tokens, starts, lowered):
                if first in used or last in used:
                    continue
                used.update(range(first, last + 1))
                taken.append((tokens.spans[first][0], tokens.spans[last][1], self.texts[key]))
        taken.sort()
        return taken


def _find(key: str, tokens: Tokens, starts: list[int], lowered: str) -> Iterator[tuple[int, int]]:
    """First and last token of each occurrence of `key`; `starts`: of tokens in `joined`."""
    width = key.count(" ") - 1
    at = tokens.joined.find(key)
    seen = 0
    while at >= 0 and seen < TEXT_CAP:
        first = bisect_right(starts, at + 1) - 1
        last = first + width - 1
        start, end = tokens.spans[first][0], tokens.spans[last][1]
        signed = first > 0 and tokens.joined[at - 1] == "-"  # "-1" is not 1
        part = signed or _split(lowered, tokens, first, last) or _hyphened(lowered, start, end)
        if not part:
            yield first, last
        seen += 1
        at = tokens.joined.find(key, at + len(key) - 1)


def _split(lowered: str, tokens: Tokens, first: int, last: int) -> bool:
    """Whether the text's last word is a letter after a comma: "the points, A, B and C"."""
    start, end = tokens.spans[last]
    return last > first and end - start == 1 and lowered[tokens.spans[last - 1][1]] in ",:;("


def _hyphened(lowered: str, start: int, end: int) -> bool:
    """Whether the text is a part of a longer, hyphenated word: "cryo-" before "electron"."""
    before = lowered[max(0, start - 2) : start]
    after = lowered[end : end + 2]
    return (len(before) == 2 and before[1] == "-" and before[0].isalpha()) or (
        len(after) == 2 and after[0] == "-" and after[1].isalpha()
    )


@lru_cache(maxsize=4096)
def _choices(options: tuple[str, ...], labels: tuple[str, ...] | None) -> Choices:
    if not options:
        raise ValueError("no options: parse_answer needs at least one")
    for index, option in enumerate(options):
        if not option.strip():
            raise ValueError(f"option {index + 1} of {len(options)} is empty: {option!r}")
    if labels is None:
        labels = default_labels(len(options))
    if len(labels) != len(options):
        raise ValueError(f"{len(labels)} labels for {len(options)} options")
    return Choices(options, label_set(labels))


def choices_for(options: Sequence[str], labels: Sequence[str] | None) -> Choices:
    """Options and labels, checked. The ValueError names the wrong one."""
    return _choices(tuple(options), None if labels is None else tuple(labels))
