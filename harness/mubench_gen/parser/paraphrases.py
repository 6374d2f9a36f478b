"""Options told in other words: "goes up" of "increases", "there isn't any X" of "no X", "Au" of
"gold", "0.5 mm" of "500 µm", a name with a slip in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from mubench_gen.parser.conclusions import only_option
from mubench_gen.parser.keys import key_of
from mubench_gen.parser.open.units import NAME, Unit, physical
from mubench_gen.parser.paraphrase_words import (
    ABSENT,
    AT_ALL,
    CAUSE,
    CHANGES,
    DECLINING,
    NONE_OF,
    OTHER_CAUSE,
    SYMBOLS,
)
from mubench_gen.parser.partial import is_slip
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.text import fold
from mubench_gen.parser.tokens import words_of

_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:,\d{3})*(?:\.\d+)?(?![\d.,]*\d)")
_AU = re.compile(r"Au (?!nano|part|grain|film|layer|foil|label|bead|coat)[^\W\d_]")  # French
_CLOSE = 1e-9
_ROOM = 64  # characters of a clause
_LONG = 600  # characters of a reply
_SLIPS = 7  # letters; shorter words that differ in one are often two words
_CLIPPED = 8  # letters of a word of which the end is left out

_Patterns = tuple[tuple[int, re.Pattern[str]], ...]
_Texts = tuple[tuple[int, str], ...]


class _Forms(NamedTuple):
    """How a reply may tell each option."""

    changes: _Patterns
    absences: _Patterns
    declining: _Patterns
    symbols: _Texts
    sizes: tuple[tuple[float, Unit], ...]
    names: _Texts


def paraphrased(reply: ReplyText) -> Iterator[Verdict]:
    """The one option that a reply tells in other words."""
    forms = _forms(reply.choices.options)
    if not any(forms) or len(reply.low) > _LONG:
        return
    found: list[set[str]] = [set() for _ in reply.choices.options]
    for option, said in _told(reply, forms):
        found[option].add(said)
    if any(found):
        named = reply.choices.named(tuple(map(tuple, map(sorted, found))))
        yield from only_option(ReplyText(reply.marked, named))


def _told(reply: ReplyText, forms: _Forms) -> Iterator[tuple[int, str]]:
    """The options, each with what the reply has in its stead."""
    low = reply.low
    for option, pattern in forms.changes:
        for match in pattern.finditer(low):
            if not CAUSE.search(low, max(0, match.start() - _ROOM), match.start()):
                yield option, match[0]
    declining = forms.declining and not OTHER_CAUSE.search(low)
    for option, pattern in (*forms.absences, *(forms.declining if declining else ())):
        yield from ((option, match[0]) for match in pattern.finditer(low))
    for option, text in forms.symbols:
        if any(not _AU.match(reply.text, at) for at in _places(reply.text, text)):
            yield option, text
    if forms.sizes:
        yield from _measured(reply, forms.sizes)
    if forms.names:
        yield from _misspelt(reply, forms.names)


def _places(text: str, word: str) -> list[int]:
    return [match.start() for match in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", text)]


@lru_cache(maxsize=4096)
def _forms(options: tuple[str, ...]) -> _Forms:
    low = [fold(option).lower() for option in options]
    return _Forms(
        changes=tuple(_changes(low)),
        absences=tuple(_absences(low)),
        declining=tuple(_declining(low)),
        symbols=tuple(_symbols(options)),
        sizes=_sizes(options),
        names=tuple(_names(options)),
    )


def _with(pattern: re.Pattern[str], low: list[str]) -> list[int]:
    return [index for index, option in enumerate(low) if pattern.search(option)]


def _changes(low: list[str]) -> Iterator[tuple[int, re.Pattern[str]]]:
    """Where one option tells a rise and another one a fall."""
    rise, fall, same = (_with(option, low) for option, _ in CHANGES)
    if len(rise) == len(fall) == 1 and rise != fall:
        for found, (_, said) in zip((rise, fall, same), CHANGES, strict=True):
            if len(found) == 1:
                yield found[0], said


def _absences(low: list[str]) -> Iterator[tuple[int, re.Pattern[str]]]:
    """Where one option says that there is no X, and another one speaks of X."""
    none = [(index, said) for index, one in enumerate(low) if (said := ABSENT.fullmatch(one))]
    if len(none) != 1:
        return
    option, said = none[0]
    thing = (said["none"] or said["absent"]).removesuffix("s")
    if any(thing in other for index, other in enumerate(low) if index != option):
        yield option, re.compile(rf"\b(?:{NONE_OF.format(thing=re.escape(thing))}){AT_ALL}")


def _declining(low: list[str]) -> Iterator[tuple[int, re.Pattern[str]]]:
    """Where one option says that the question cannot be answered."""
    for option, said in DECLINING:
        found = _with(option, low)
        if len(found) == 1:
            yield found[0], said


def _symbols(options: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Names of elements as their symbols: "Au particles"."""
    for index, option in enumerate(options):
        words = option.split()
        for at, word in enumerate(words):
            symbol = SYMBOLS.get(word.lower())
            if symbol is not None:
                yield index, " ".join((*words[:at], symbol, *words[at + 1 :]))


def _size(text: str, at: int = 0) -> tuple[float, Unit, int] | None:
    """The number and its unit at a place of a text, and where they end."""
    number = _NUMBER.match(text, at)
    name = NAME.match(text, number.end()) if number else None
    unit = physical(name["unit"]) if name else None
    if number is None or name is None or unit is None:
        return None
    return float(number[0].replace(",", "")) * unit.size, unit, name.end()


def _sizes(options: tuple[str, ...]) -> tuple[tuple[float, Unit], ...]:
    """The options as sizes, if all are of one kind."""
    found = [(_size(text), text) for text in map(fold, options)]
    sizes = [(one[0], one[1]) for one, text in found if one is not None and one[2] == len(text)]
    same = len(sizes) == len(options) and len({unit.kind for _, unit in sizes}) == 1
    return tuple(sizes) if same else ()


def _measured(reply: ReplyText, sizes: tuple[tuple[float, Unit], ...]) -> Iterator[tuple[int, str]]:
    """The same sizes in other units."""
    for number in _NUMBER.finditer(reply.text):
        said = _size(reply.text, number.start())
        for index, (size, unit) in enumerate(sizes) if said else ():
            value, written, end = said  # type: ignore[misc]
            if written.kind == unit.kind and abs(value - size) <= _CLOSE * size:
                yield index, reply.low[number.start() : end]


def _names(options: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Long words that are the whole of an option, but for what stands in brackets."""
    for index, option in enumerate(options):
        key = key_of(option.partition(" (")[0]).split()
        if len(key) == 1 and len(key[0]) >= _SLIPS and key[0].isalpha():
            yield index, key[0]


def _misspelt(reply: ReplyText, names: _Texts) -> Iterator[tuple[int, str]]:
    """Names with a slip in them ("neutrophill"), or without their end ("immunohistochem")."""
    known = {name for _, name in names}
    pairs = zip(reply.tokens.words, words_of(reply.low), strict=True)
    for word, written in pairs:
        if len(word) < _SLIPS - 1 or word in known:
            continue
        near = [
            index
            for index, name in names
            if is_slip(name, word) or (len(word) >= _CLIPPED and name.startswith(word))
        ]
        if len(near) == 1:
            yield near[0], written
