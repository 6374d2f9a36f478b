"""Finds the options' texts anywhere in a reply."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate

from mubench_gen.parser.choices import Choices
from mubench_gen.parser.qualified import qualified
from mubench_gen.parser.tokens import Tokens, pieces, squeezed

_STAINED = ("stain", "label", "positive", "shaped")  # "DAPI-stained" speaks of DAPI, "8-cell" of 8
TEXT_CAP = 64  # mentions of one option to examine; a reply that loops has thousands


class _Squeezed:
    """A reply's tokens without the spaces between words, and which token is where in that."""

    def __init__(self, tokens: Tokens) -> None:
        self._words = tokens.words
        self._pieces: list[str] = []
        self._ends: list[int] = []
        self.text = squeezed(tokens.joined)

    def tokens_at(self, start: int, end: int) -> tuple[int, int] | None:
        """The first and the last token between two places; None if one is inside a token."""
        if not self._ends:
            self._pieces = list(pieces(self._words))
            self._ends = list(accumulate(map(len, self._pieces)))
        first, last = bisect_right(self._ends, start), bisect_left(self._ends, end)
        begin = self._ends[first] - len(self._pieces[first])
        apart = self._pieces[first][0] == " "
        if self._ends[last] != end or not begin <= start <= begin + apart:
            return None
        return first, last


def mentions(
    choices: Choices, tokens: Tokens, text: str, lowered: str
) -> list[tuple[int, int, int]]:
    """(start, end, option or -1) of every option's text, in order, longest first."""
    taken: list[tuple[int, int, int]] = []
    used: set[int] = set()
    stretch = _Squeezed(tokens)
    for key in filter(stretch.text.__contains__, choices.by_length):
        for first, last in _find(key, stretch, tokens, lowered):
            if first in used or last in used:
                continue
            start, end = tokens.spans[first][0], tokens.spans[last][1]
            if choices.miscased(key, text[start:end]):
                continue
            used.update(range(first, last + 1))
            option = choices.squeezed[key]
            if option in choices.longer:
                start, end, option = qualified(choices.longer, lowered, start, end, option)
            taken.append((start, end, option))
    taken.sort()
    return taken


def _find(key: str, stretch: _Squeezed, tokens: Tokens, lowered: str) -> Iterator[tuple[int, int]]:
    """First and last token of each occurrence of a squeezed key."""
    at = stretch.text.find(key)
    seen = 0
    while at >= 0 and seen < TEXT_CAP:
        found = stretch.tokens_at(at, at + len(key))
        if found is not None:
            first, last = found
            start, end = tokens.spans[first][0], tokens.spans[last][1]
            signed = first > 0 and tokens.words[first - 1] == "-"  # "-1" is not 1
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
        len(after) == 2
        and after[0] == "-"
        and after[1].isalpha()
        and not lowered.startswith(_STAINED, end + 1)
        and not (lowered.startswith("cell", end + 1) and lowered[end - 1].isdigit())
    )
