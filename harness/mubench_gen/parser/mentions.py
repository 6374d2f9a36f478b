"""Finds the options' texts anywhere in a reply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mubench_gen.parser.choices import Choices
from mubench_gen.parser.tokens import Tokens

TEXT_CAP = 64  # mentions of one option to examine; a reply that loops has thousands


class _Stretch(NamedTuple):
    """A reply's tokens, squeezed, and which token begins and ends at each place of that."""

    text: str
    begins: dict[int, int]
    ends: dict[int, int]


def mentions(
    choices: Choices, tokens: Tokens, text: str, lowered: str
) -> list[tuple[int, int, int]]:
    """(start, end, option or -1) of every option's text, in order, longest first."""
    taken: list[tuple[int, int, int]] = []
    used: set[int] = set()
    words = tokens.joined.split()
    stretch = _stretch(words)
    for key in choices.by_length:
        for first, last in _find(key, stretch, tokens, lowered, words):
            if first in used or last in used:
                continue
            start, end = tokens.spans[first][0], tokens.spans[last][1]
            if choices.miscased(key, text[start:end]):
                continue
            used.update(range(first, last + 1))
            taken.append((start, end, choices.squeezed[key]))
    taken.sort()
    return taken


def _stretch(words: Sequence[str]) -> _Stretch:
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    parts: list[str] = []
    at, joins = 0, True
    for index, word in enumerate(words):
        was, joins = joins, len(word) > 1 and word.isalpha()
        if not (was and joins):
            parts.append(" ")
            at += 1
            begins[at - 1] = index
        begins[at] = index
        parts.append(word)
        at += len(word)
        ends[at] = index
    return _Stretch("".join(parts), begins, ends)


def _find(
    key: str, stretch: _Stretch, tokens: Tokens, lowered: str, words: Sequence[str]
) -> Iterator[tuple[int, int]]:
    """First and last token of each occurrence of a squeezed key."""
    at = stretch.text.find(key)
    seen = 0
    while at >= 0 and seen < TEXT_CAP:
        first, last = stretch.begins.get(at), stretch.ends.get(at + len(key))
        if first is not None and last is not None:
            start, end = tokens.spans[first][0], tokens.spans[last][1]
            signed = first > 0 and words[first - 1] == "-"  # "-1" is not 1
            part = signed or _split(lowered, tokens, first, last) or _hyphened(lowered, start, end)
            if not part:
                yield first, last
            seen += 1
        at = stretch.text.find(key, at + 1)


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
