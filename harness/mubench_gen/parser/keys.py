"""An option's text in the forms that replies are searched for."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import lru_cache

from mubench_gen.parser.text import fold, lower, strip_markup
from mubench_gen.parser.tokens import join, squeezed, words_of
from mubench_gen.parser.words import NUMBERS, beginnings

_PLAIN = re.compile(r"[A-Za-z ]+")  # an option of words alone is split without `_TOKEN`
ARTICLES = ("the", "a", "an")
_VERBS = ("is", "are", "was", "has", "and", "or")  # "A is closer": no article
# No article, number, British or American spelling begins with these.
_PLAIN_LETTERS = frozenset("BCDGHIJKLMPQRUVWXYbcdghijklmpqruvwxy")
# Each digit with the first letters of the numbers that begin with it: "10", "ten".
_DIGITS = {"0": "0z", "1": "1ot"} | {str(k): f"{k}{NUMBERS[k][0]}" for k in range(2, 10)}


@lru_cache(maxsize=8192)
def key_of(option: str) -> str:
    """An option as " token token ", without a leading article."""
    if _PLAIN.fullmatch(option):
        words = option.lower().split()
    else:
        words = words_of(lower(strip_markup(fold(option))))
    noun = len(words) > 1 and words[0] in ARTICLES and words[1] not in _VERBS
    if noun and not option.lower().startswith("a-"):  # "A-beta"
        words = words[1:]
    return join(words) if words else ""


@lru_cache(maxsize=8192)
def short_of(key: str) -> str:
    """A key squeezed."""
    return squeezed(key.split())


class _Anything:
    """Contains every character."""

    def __contains__(self, character: object) -> bool:
        return True


def letters_of(text: str) -> Container[str]:
    """The letters and digits that replies may begin this text with."""
    if text[:1] in _PLAIN_LETTERS:
        return text[0].lower()
    text = text.lstrip(" ([{\"'*$").lower()
    letter, (word, _, rest) = text[:1], text.partition(" ")
    if word in ARTICLES and rest:
        others = letters_of(rest)
        return letter + others if isinstance(others, str) else others
    if letter in _DIGITS:
        return _DIGITS[letter]
    if not ("a" <= letter <= "z") or (letter == "a" and not text.isascii()):  # marks; "A型血"
        return _Anything()
    if word in NUMBERS:
        return _DIGITS[str(NUMBERS.index(word))[0]] + letter
    return "eoa" if letter == "e" or text.startswith(("ae", "oe")) else letter


def text_key(text: str) -> str:
    """What texts have in common that are read as one: "Bright-field" and "bright field"."""
    return short_of(key_of(text))


def heads_of(key: str) -> tuple[str, ...]:
    """How a key begins as a reply would write it; nothing for numbers, which may be words."""
    if not key:
        return ("\0",)
    if key[1].isdigit():
        return ("",)
    return beginnings(key[1:4].partition(" ")[0])
