"""An option's text in the forms that replies are searched for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from mubench_gen.parser.text import fold, lower, strip_markup
from mubench_gen.parser.tokens import join, squeezed, words_of
from mubench_gen.parser.words import NUMBERS, beginnings, normal

_PLAIN = re.compile(r"[A-Za-z ]+")  # an option of words alone is split without `_TOKEN`
ARTICLES = ("the", "a", "an")
# A first word that is told without the others.
_HEAD = re.compile(r"[ (\[\"'*$]*([A-Za-z]+)(?![A-Za-z:<\\]|[^\x00-\x7f])")
_NO_HEADS = ("", *ARTICLES)  # but for these
# A species, which replies abbreviate ("E. coli"): the second word has a Latin ending.
SPECIES = re.compile(r"([A-Z])[a-z]{2,} ([a-z]{2,}(?:us|is|i|um|ae|ens|ans|ys|a|e|es|o|on|er|x))")
_COMPOUNDED = 6  # letters; the last part of a compound
_ACRONYM = 4  # the letters of a longer alias in capitals may be small
# An option that is a number, or a range of numbers.
_NUMERIC = re.compile(
    r"(?:\A|\n)[ (<>=≥≤~]*(?:\d|(?:zero|one|two|three)\b|(?:more|less|fewer) than"
    r"|at (?:least|most)|over|up to)",
    re.IGNORECASE,
)
_VERBS = ("is", "are", "was", "has", "and", "or")  # "A is closer": no article
# Each digit with the first letters of the numbers that begin with it: "10", "ten".
_DIGITS = {"0": ("0", "z"), "1": ("1", "o", "t")} | {
    str(k): (str(k), NUMBERS[k][0]) for k in range(2, 10)
}


@lru_cache(maxsize=8192)
def _words(option: str) -> tuple[str, ...]:
    """An option's words as they are written, without a leading article."""
    if _PLAIN.fullmatch(option):
        words = option.lower().split()
    else:
        words = words_of(lower(strip_markup(fold(option))))
    noun = len(words) > 1 and words[0] in ARTICLES and words[1] not in _VERBS
    if noun and not option.lower().startswith("a-"):  # "A-beta"
        return tuple(words[1:])
    return tuple(words)


@lru_cache(maxsize=8192)
def key_of(option: str) -> str:
    """An option as " token token ", without a leading article."""
    words = _words(option)
    return join(words) if words else ""


@lru_cache(maxsize=8192)
def short_of(key: str) -> str:
    """A key squeezed."""
    return squeezed(key)


def text_key(text: str) -> str:
    """What texts have in common that are read as one: "Bright-field" and "bright field"."""
    return short_of(key_of(text))


@lru_cache(maxsize=8192)
def starts_of(option: str) -> tuple[str, ...]:
    """How a reply may begin with this text, its first word alone being looked at."""
    head = _HEAD.match(option)
    first = head[1].lower() if head else ""
    if first in _NO_HEADS:
        first = next(iter(_words(option)), "")
    starts = _beginnings(first) if first else ()
    return (*starts, *(start[0] for start in starts)) if SPECIES.match(option) else starts


@lru_cache(maxsize=8192)
def _beginnings(word: str) -> tuple[str, ...]:
    """How a reply may begin with a text whose first word this is."""
    first = normal(word)
    return _DIGITS.get(first[0], ("",)) if first[0].isdigit() else beginnings(first[:3])


@lru_cache(maxsize=8192)
def all_starts(option: str, aliases: tuple[str, ...]) -> tuple[str, ...]:
    """`starts_of` an option's text and its aliases, each once."""
    return tuple({start: None for text in (option, *aliases) for start in starts_of(text)})


@lru_cache(maxsize=8192)
def alias_keys(aliases: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The keys of an option's aliases, with how each must be written if it is an acronym."""
    keyed = [(key_of(alias), alias) for alias in aliases]
    return tuple((key, alias if _is_acronym(alias) else "") for key, alias in keyed if key)


def _is_acronym(alias: str) -> bool:
    """Whether it counts only in capitals: "IF" is no "if"."""
    return alias.isupper() and alias.isalpha() and len(alias) <= _ACRONYM


@lru_cache(maxsize=8192)
def species_key(option: str) -> str:
    """The key of a species' abbreviation, " e coli "; "" if the option is no species."""
    species = SPECIES.fullmatch(option) if option.count(" ") == 1 else None
    return join([species[1].lower(), species[2]]) if species else ""


@lru_cache(maxsize=8192)
def heads_another(keys: Iterable[str], word: str) -> bool:
    """Whether an option's last word is a compound of this one: "carcinoma" of "adenocarcinoma"."""
    return len(word) >= _COMPOUNDED and any(
        key.endswith(f"{word} ") and key[-len(word) - 2].isalpha() for key in keys
    )


def are_numbers(options: tuple[str, ...]) -> bool:
    """Whether an option is a number or a range of numbers."""
    return _NUMERIC.search("\n".join(options)) is not None
