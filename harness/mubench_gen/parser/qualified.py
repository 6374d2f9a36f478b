"""An option's text beside words that a longer option has: "squamous epithelium, keratinised"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mubench_gen.parser.tokens import tokenize

Longer = dict[int, list[tuple[int, list[str]]]]
_JOINED = re.compile(r",? ?\(?")
_ENDED = re.compile(r"[)\"']* ?(?:$|[.,;:!(\n]|- )")
_ROOM = 80  # characters
_LETTERS = 2  # a shorter word may be a name: "I band" is no longer text of "band"


def longer_texts(keys: Sequence[str]) -> Longer:
    """For each key those with all its words, and the words that these have besides."""
    lengths = [key.count(" ") for key in keys]
    longest = max(lengths)
    found: Longer = {}
    if min(lengths) == longest:
        return found
    sets = [set(key.split()) for key in keys]
    for index, own in enumerate(sets):
        for other, more in enumerate(sets) if 0 < lengths[index] < longest else ():
            if own < more and min(map(len, more - own)) > _LETTERS:
                found.setdefault(index, []).append((other, sorted(more - own)))
    return found


def qualified(longer: Longer, low: str, start: int, end: int, option: int) -> tuple[int, int, int]:
    """The span and the option, a longer one if its further words stand beside the text."""
    for other, more in longer.get(option, ()):
        joined = _JOINED.match(low, end)
        behind = tokenize(low, joined.end() if joined else end, end + _ROOM)
        if sorted(behind.words[: len(more)]) == more:
            stop = behind.spans[len(more) - 1][1]
            if _ENDED.match(low, stop):
                return start, stop, other
        before = tokenize(low, max(0, start - _ROOM), start)
        if sorted(before.words[-len(more) :]) == more:
            begin = before.spans[-len(more)][0]
            if low[before.spans[-1][1] : start] == " ":
                return begin, end, other
    return start, end, option
