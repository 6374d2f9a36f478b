"""Options told in other words: "goes up" of "increases", "there isn't any X" of "no X", "Au" of
"gold", a name with a slip in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from mubench_gen.parser.conclusions import only_option
from mubench_gen.parser.keys import key_of
from mubench_gen.parser.paraphrase_words import (
    ABSENT,
    AT_ALL,
    CAUSE,
    CHANGES,
    CHANGING,
    CLAUSE,
    DECLINES,
    DECLINING,
    FALLS,
    LACKING,
    MEASURED,
    NONE_OF,
    NOTHING,
    OTHER_CAUSE,
    SYMBOLS,
    UNABLE,
    WITHOUT,
)
from mubench_gen.parser.partial import is_slip
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.text import any_in, fold, lower
from mubench_gen.parser.tokens import words_of

# "Au microscope" is French.
_ELEMENTS = tuple(dict.fromkeys(SYMBOLS.values()))
_SYMBOL = re.compile(
    rf"(?<!\w)(?!Au (?!nano|part|grain|film|layer|foil|label|bead|coat)[^\W\d_])"
    rf"(?:{'|'.join(_ELEMENTS)})(?!\w)"
)
_ROOM = 64  # characters of a clause
_LONG = 600  # characters of a reply
_SLIPS = 7  # letters; shorter words that differ in one are often two words
_NAME = re.compile(rf"[^\W\d_]{{{_SLIPS},}}")
_CLIPPED = 8  # letters of a word of which the end is left out
_CLIPS = ("istry", "copy", "raphy", "metry", "ation", "ence", "ing")

_Patterns = tuple[tuple[int, re.Pattern[str]], ...]
_Texts = tuple[tuple[int, str], ...]


def paraphrased(reply: ReplyText) -> Iterator[Verdict]:
    """The one option that a reply tells in other words."""
    if len(reply.low) > _LONG:
        return
    found: list[set[str]] = [set() for _ in reply.choices.options]
    for option, said in _told(reply):
        found[option].add(said)
    if any(found):
        named = reply.choices.named(tuple(map(tuple, map(sorted, found))))
        yield from only_option(ReplyText(reply.marked, named))


def _told(reply: ReplyText) -> Iterator[tuple[int, str]]:
    """The options, each with what the reply has in its stead."""
    options, written = reply.choices.options, reply.choices.lowered
    if reply.cues & CHANGING and any_in(FALLS, written):
        yield from _changed(reply)
    if reply.cues & LACKING and any_in(WITHOUT, written):
        for option, pattern in _absences(options):
            yield from ((option, said[0]) for said in pattern.finditer(reply.low))
    if reply.cues & DECLINES and any_in(UNABLE, written) and not OTHER_CAUSE.search(reply.low):
        for option, pattern in _declining(options):
            yield from ((option, said[0]) for said in pattern.finditer(reply.low))
    if any_in(_ELEMENTS, reply.text) and _SYMBOL.search(reply.text):
        yield from ((option, said) for option, said in _symbols(options) if said in reply.text)
    yield from _misspelt(reply, _names(options))


def _changed(reply: ReplyText) -> Iterator[tuple[int, str]]:
    """What is said to rise or to fall, but for causes."""
    for option, pattern in _changes(reply.choices.options):
        known = MEASURED.union(words_of(lower(reply.choices.options[option])))
        for said in pattern.finditer(reply.low):
            before = reply.low[max(0, said.start() - _ROOM) : said.start()]
            subject = words_of(CLAUSE.split(before)[-1])
            if not CAUSE.search(before) and (not subject or not known.isdisjoint(subject)):
                yield option, said[0]


def _lower(options: tuple[str, ...]) -> list[str]:
    return [fold(option).lower() for option in options]


def _with(pattern: re.Pattern[str], low: list[str]) -> list[int]:
    return [index for index, option in enumerate(low) if pattern.search(option)]


@lru_cache(maxsize=4096)
def _changes(options: tuple[str, ...]) -> _Patterns:
    """Where one option tells a rise and another one a fall."""
    rise, fall, same = (_with(option, _lower(options)) for option, _ in CHANGES)
    if not len(rise) == len(fall) == 1 or rise == fall:
        return ()
    told = zip((rise, fall, same), CHANGES, strict=True)
    return tuple((found[0], said) for found, (_, said) in told if len(found) == 1)


@lru_cache(maxsize=4096)
def _absences(options: tuple[str, ...]) -> _Patterns:
    """Where one option says that there is no X, and another one speaks of X."""
    low = _lower(options)
    none = [(index, said) for index, one in enumerate(low) if (said := ABSENT.fullmatch(one))]
    if len(none) != 1:
        return ()
    option, said = none[0]
    thing = (said["none"] or said["absent"] or "present").removesuffix("s")
    if not any(thing in other for index, other in enumerate(low) if index != option):
        return ()
    said_so = NONE_OF.format(thing=re.escape(thing))
    return (option, re.compile(rf"\b(?:{said_so}){AT_ALL}")), (option, NOTHING)


@lru_cache(maxsize=4096)
def _declining(options: tuple[str, ...]) -> _Patterns:
    """Where one option says that the question cannot be answered."""
    told = [(_with(option, _lower(options)), said) for option, said in DECLINING]
    return tuple((found[0], said) for found, said in told if len(found) == 1)


def _symbols(options: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Names of elements as their symbols: "Au particles"."""
    for index, option in enumerate(options):
        words = option.split()
        for at, word in enumerate(words):
            symbol = SYMBOLS.get(word.lower())
            if symbol is not None:
                yield index, " ".join((*words[:at], symbol, *words[at + 1 :]))


def _names(options: tuple[str, ...]) -> _Texts:
    """Long words that are the whole of an option, but for what stands in brackets."""
    whole = ((index, option.partition(" (")[0]) for index, option in enumerate(options))
    keys = [(index, key_of(name).split()) for index, name in whole if _NAME.fullmatch(name)]
    return tuple((index, key[0]) for index, key in keys)


def _is_clipped(name: str, word: str) -> bool:
    """Whether an ending is left out that changes no meaning: not that of "fibroblastoma"."""
    return len(word) >= _CLIPPED and name.startswith(word) and name[len(word) :].endswith(_CLIPS)


def _misspelt(reply: ReplyText, names: _Texts) -> Iterator[tuple[int, str]]:
    """Names with a slip in them ("neutrophill"), or without their end ("immunohistochem")."""
    if not names:
        return
    known = {name for _, name in names}
    pairs = zip(reply.tokens.words, words_of(reply.low), strict=True)
    for word, written in pairs:
        if len(word) < _SLIPS - 1 or word in known:
            continue
        near = [index for index, name in names if is_slip(name, word) or _is_clipped(name, word)]
        if len(near) == 1:
            yield near[0], written
