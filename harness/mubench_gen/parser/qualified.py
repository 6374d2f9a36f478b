"""An option's text beside words that a longer option has: "squamous epithelium, keratinised"."""

from __future__ import annotations

import re
from functools import lru_cache

from mubench_gen.parser.tokens import tokenize

_JOINED = re.compile(r",? ?\(?")
_ENDED = re.compile(r"[)\"']* ?(?:$|[.,;:!(\n]|- )")
_ROOM = 80  # characters
_LETTERS = 2  # a shorter word may be a name: "I band" is no longer text of "band"


@lru_cache(maxsize=8192)
def _longer(keys: tuple[str, ...]) -> dict[int, tuple[tuple[int, tuple[str, ...]], ...]]:
    """For each option those with all its words, and the words that these have besides."""
    words = [key.split() for key in keys]
    found = {}
    for index, own in enumerate(words):
        longer = [
            (other, tuple(word for word in more if word not in own))
            for other, more in enumerate(words)
            if own and set(own) < set(more) and min(map(len, set(more) - set(own))) > _LETTERS
        ]
        if longer:
            found[index] = tuple(longer)
    return found


def qualified(
    keys: tuple[str, ...], low: str, start: int, end: int, option: int
) -> tuple[int, int, int]:
    """The span and the option, a longer one if its further words stand beside the text."""
    for other, more in _longer(keys).get(option, ()):
        joined = _JOINED.match(low, end)
        behind = tokenize(low, joined.end() if joined else end, end + _ROOM)
        if sorted(behind.words[: len(more)]) == sorted(more):
            stop = behind.spans[len(more) - 1][1]
            if _ENDED.match(low, stop):
                return start, stop, other
        before = tokenize(low, max(0, start - _ROOM), start)
        if sorted(before.words[-len(more) :]) == sorted(more):
            begin = before.spans[-len(more)][0]
            if low[before.spans[-1][1] : start] == " ":
                return begin, end, other
    return start, end, option
