"""A reply (or a part of it) in the form that the rules read, and the types of their results.

Derived texts are computed once, when first needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeVar

from mubench_gen.parser.choices import Choices
from mubench_gen.parser.completeness import looks_cut
from mubench_gen.parser.cues import ALL, cues, cues_in
from mubench_gen.parser.mentions import mentions
from mubench_gen.parser.text import any_in, lower, strip_markup
from mubench_gen.parser.tokens import Tokens, tokenize
from mubench_gen.types import Status

Found = TypeVar("Found")
Stance = Literal["asserted", "denied", "contrasted", "open", "supposed"]
_MISSING: Any = object()
_SPACES = re.compile(" {2,}")
_AROUND = 240  # characters on either side that words around a mention are looked for in
# Signs of the reply with its markup, which no scan of its words finds.
BRACES, TAGS, BOXES = cues(""), cues(""), cues("")
_MARKED = (("{", BRACES), ("<", TAGS), ("boxed", BOXES))
# The verb before a name that may end a reply without a full stop.
_IS = re.compile(
    r"(?:\b(?:is|it's|that's|are|was|were|must be|has to be|rather than|instead of|not"
    r"|go(?:ing)? (?:for|with)|choose|pick|say|guess|suggests?|indicates?|so|hence|thus|approx\."
    r"|ca\.)|=)"
    r"(?: (?:most likely|likely|probably|clearly|thus|therefore))? (?:an? |the )?[\"'(]?$"
)
_VERB_ROOM = 32
_LONG = 600  # characters; of longer replies each stretch is looked at by itself
MANY = 256  # matches of one kind to examine; only a reply that loops has more


class Verdict(NamedTuple):
    """The result of a rule: a status, the option if it is "answered", and its span."""

    status: Status
    option: int | None
    start: int
    end: int

    @classmethod
    def of(cls, option: int, start: int, end: int) -> Verdict:
        """The option; -1 stands for a text that several options share."""
        if option < 0:
            return cls("ambiguous", None, start, end)
        return cls("answered", option, start, end)


class Label(NamedTuple):
    """A label named in prose; `several`: it is named together with others."""

    start: int
    end: int
    option: int
    several: bool


class Claim(NamedTuple):
    """A mention of an option in the reply."""

    start: int
    end: int
    option: int
    stance: Stance


class ReplyText:
    """A folded reply, its text without markup, and that in lower case: all of one length."""

    __slots__ = (
        "_apart",
        "_cut",
        "_kept",
        "_mentions",
        "_tokens",
        "choices",
        "complete",
        "cues",
        "floor",
        "low",
        "marked",
        "text",
    )

    def __init__(self, marked: str, choices: Choices) -> None:
        self.complete: bool | None = True  # None: told by how the reply ends
        self._cut: bool | None = None
        self._apart: bool | None = None
        self.marked = marked
        text = strip_markup(marked)
        self.text = text.replace(" vs. ", " vs  ") if " vs. " in text else text
        self.low = lower(self.text)
        # The groups of cue words that the reply holds words of; a long one holds most of them.
        self.cues = cues_in(self.low) if len(marked) < _LONG else ALL
        for sign, bit in _MARKED:
            if sign in marked:
                self.cues |= bit
        self.choices = choices
        self.floor = 0  # start of the last declaration found so far: earlier ones don't count
        self._kept: dict[Any, Any] = {}
        self._tokens: Tokens | None = None
        self._mentions: list[tuple[int, int, int]] | None = None

    def kept(self, find: Callable[[ReplyText], Found]) -> Found:
        """`find(self)`, which several rules ask for, found once."""
        found: Found = self._kept.get(find, _MISSING)
        if found is _MISSING:
            found = self._kept[find] = find(self)
        return found

    def kept_at(self, find: Callable[..., Found], *at: int) -> Found:
        """`find(self, *at)`, which several rules ask for at the same places, found once."""
        key = find, *at
        found: Found = self._kept.get(key, _MISSING)
        if found is _MISSING:
            found = self._kept[key] = find(self, *at)
        return found

    def near(self, start: int, end: int) -> tuple[str, int, int]:
        """The lower-case text around a place, and where that is in it.

        Runs of spaces, which blanked marks leave ("an **X**"), are one space there.
        """
        if self._apart is None:
            self._apart = "  " in self.low
        left, right = max(0, start - _AROUND), end + _AROUND
        if not self._apart or self.low.find("  ", left, right) < 0:
            return self.low, start, end
        before, said = _SPACES.sub(" ", self.low[left:start]), self.low[start:end]
        behind = _SPACES.sub(" ", self.low[end:right])
        return f"{before}{said}{behind}", len(before), len(before) + len(said)

    def cues_about(self, start: int, end: int) -> int:
        """The groups that a stretch holds words of; of the whole reply where it is short."""
        if len(self.low) < _LONG:
            return self.cues
        return cues_in(self.low[start:end])

    @property
    def cut(self) -> bool:
        """Whether the reply ends before it was finished."""
        if self._cut is None:
            self._cut = not self.complete
            if self.complete is None:
                self._cut = looks_cut(self.marked) and not self._names_at_end()
        return self._cut

    def _names_at_end(self) -> bool:
        """Whether the reply ends with an option behind a verb: "Blebs. The cell is apoptotic"."""
        if not self.mentions or self.mentions[-1][1] < len(self.low.rstrip(" \n*_`")):
            return False
        start = self.mentions[-1][0]
        return _IS.search(self.low, max(0, start - _VERB_ROOM), start) is not None

    @property
    def tokens(self) -> Tokens:
        """The tokens of the whole text."""
        if self._tokens is None:
            self._tokens = tokenize(self.low)
        return self._tokens

    @property
    def mentions(self) -> list[tuple[int, int, int]]:
        """(start, end, option or -1) of every option's text, in order."""
        if self._mentions is None:
            # Most replies mention no text, so that tokenising them would be wasted.
            near = any_in(self.choices.starts, self.low)
            found = mentions(self.choices, self.tokens, self.text, self.low) if near else []
            self._mentions = found
        return self._mentions


_LETTERS = bytes(code if chr(code).isascii() and chr(code).isalpha() else 32 for code in range(256))


def _runs(low: str) -> list[bytes]:
    """The runs of the letters a to z."""
    return low.encode(errors="replace").translate(_LETTERS).split()


@lru_cache(maxsize=512)
def _longest_run(cue: str) -> bytes:
    return max(_runs(cue), key=len, default=b"")


def words_behind(reply: ReplyText, cues: Iterable[str]) -> list[str]:
    """Those of the lower-case cues, of whole words, that are behind the reply's floor."""
    if len(reply.low) - reply.floor < _LONG:
        return cues_behind(reply, cues)
    said = reply.low[reply.floor :]
    runs = {b"", *_runs(said)}
    return [cue for cue in cues if _longest_run(cue) in runs and cue in said]


def cues_behind(reply: ReplyText, cues: Iterable[str]) -> list[str]:
    """Those of the lower-case cues that are behind the reply's floor."""
    said = reply.low[reply.floor :]
    return [cue for cue in cues if cue in said]


def occurrences(reply: ReplyText, needle: str) -> Iterator[tuple[int, int]]:
    """The spans of a lower-case text, from the last back to the reply's floor."""
    low, floor = reply.low, reply.floor
    at = low.rfind(needle, floor)
    for _ in range(MANY):
        if at < 0:
            return
        yield at, at + len(needle)
        at = low.rfind(needle, floor, at)
