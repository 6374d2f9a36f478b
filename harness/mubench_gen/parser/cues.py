"""Which cue words a text holds, found in one scan: what needs one of them is tried only then.

A pattern of many alternatives is slow, and in most replies none of its words stands. So its
words are declared beside it, as a group, and each group is a bit:

    _DENIAL = re.compile(r"\\b(?:not|never|n't|exclud\\w{1,3})\\b")
    _DENIES = cues("not never 't exclud*", _DENIAL)
    …
    if reply.cues & _DENIES and _DENIAL.search(reply.low): …

A word is a run of the letters a to z in lower-case text. "not" is a whole word, "exclud*" begins
one, "*label" ends one, "*rating*" is anywhere in one, and what holds a sign ("'t", "0.") is looked
for as it is. Every match of the patterns must hold a word of the group, or a character beyond
ASCII: a text with such a character has all bits. `tests/parser/test_cues.py` holds each pattern
to it.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import or_

ALL = -1  # every bit
GROUPS: list[tuple[str, tuple[re.Pattern[str], ...]]] = []  # of bit 0, 1, …
_WHOLE: dict[str, int] = {}
_BEGINNINGS: dict[str, int] = {}
_ENDINGS: dict[str, int] = {}
_INSIDE: dict[str, int] = {}
_MARKED: dict[str, int] = {}
_SIGNS: dict[str, int] = {}
_TABLES = {(False, False): _WHOLE, (False, True): _BEGINNINGS, (True, False): _ENDINGS}
_KEPT = 65_536  # words whose groups are remembered
_LONGEST = 32  # letters; longer words, as of a reply that loops, are not remembered
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MARKS = "'%=>"  # are left in words, so that the signs of these alone are found with them
_SPACED = bytes(code if chr(code) in _LETTERS + _MARKS else 0x20 for code in range(256))
_RUN = re.compile("[a-z]+")


def cues(words: str, *patterns: re.Pattern[str]) -> int:
    """The bit of a new group of cue words, of which every match of the patterns holds one."""
    bit = 1 << len(GROUPS)
    GROUPS.append((words, patterns))
    for word in words.split():
        bare = word.strip("*")
        table = _TABLES.get((word[0] == "*", word[-1] == "*"), _INSIDE)
        if bare.strip(_LETTERS):
            table = _MARKED if not bare.strip(_LETTERS + _MARKS) else _SIGNS
        if bare.isascii():
            table[bare] = table.get(bare, 0) | bit
    _GROUPS_OF.clear()
    return bit


class _GroupsOf(dict[bytes, int]):
    """The bits of the groups that a word belongs to, looked up once for each word."""

    def __missing__(self, word: bytes) -> int:
        if len(self) >= _KEPT:
            self.clear()
        text = word.decode()
        bits = reduce(or_, (group for sign, group in _MARKED.items() if sign in text), 0)
        for run in _RUN.findall(text):
            bits |= _WHOLE.get(run, 0)
            for at in range(1, min(len(run), _LONGEST) + 1):
                bits |= _BEGINNINGS.get(run[:at], 0) | _ENDINGS.get(run[-at:], 0)
            for inside, group in _INSIDE.items():
                if inside in run:
                    bits |= group
        if len(word) <= _LONGEST:
            self[word] = bits
        return bits


_GROUPS_OF = _GroupsOf()


def cues_in(low: str) -> int:
    """The bits of all groups of which a lower-case text holds a word."""
    if not low.isascii():
        return ALL
    words = set(low.encode().translate(_SPACED).split())
    found = reduce(or_, filter(None, map(_GROUPS_OF.__getitem__, words)), 0)
    for sign, bits in _SIGNS.items():
        if sign in low:
            found |= bits
    return found
