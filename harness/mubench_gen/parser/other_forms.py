"""An option's text with all its words in another form: "contrast was reduced" of "contrast
reduction", "axoneme of a cilium", "hematoxylin and eosin" of "H&E".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, takewhile

from mubench_gen.parser.choices import LINKS
from mubench_gen.parser.reply_text import ReplyText

_STEM = 5  # letters that a word and one derived from it share at least
_SHORT_STEM = 4  # of a word that is wholly in the other: "blurred"
# Endings by which words of one stem differ: "nucleolar" and "nucleoli", "fluorescent".
_ENDINGS = frozenset(
    ("", "a", "al", "ally", "an", "ant", "ar", "ary", "ate", "ation", "ce", "cy", "d", "e", "ed",
     "en", "ened", "er", "i", "ia", "ial", "ian", "ic", "ical", "ine", "ing", "ion", "ious", "is",
     "ist", "ive", "ly", "ness", "nt", "o", "on", "or", "ory", "ous", "si", "sion", "t", "ted",
     "tic", "ting", "tion", "um", "us", "u", "y", "zed", "zing")
)  # fmt: skip
_VERBAL = ("ed", "ing", "y")  # "blurred", "blurring", "blurry"
_NOUNS = 4  # words; a longer option is a statement
_MANY = 16  # forms of one text; only a reply that loops has more
_LONG = 60  # characters of such an option
_EXTRA = 3  # further words in between
_AUXILIARIES = frozenset(
    ("is", "was", "were", "are", "be", "been", "being", "has", "have", "had", "got")
)
_OF = frozenset(("of", "in", "from"))
_STOPS = re.compile(r"[.,;:!?\n(]")
_ABBREVIATION = re.compile(r"[A-Z]{3,5}|[A-Z] ?& ?[A-Z]")
_HALVES = re.compile(r"([^()]{3,}) \(([^()]{2,})\)")
_NUMBERED = re.compile(r"(?i:option|choice|answer) ?\w{1,2}[:.)] ?(.{3,})")
_LEAST = 3  # letters of a word in what an abbreviation stands for
_WRITTEN_OTHERWISE = re.compile(
    r"[(&]| and |\A(?:[A-Z]{3,5}\Z|(?i:cannot|top|upper|bottom|lower|option|choice|answer)\b)"
)
_SAME = {
    "cannot": ("can't", "can not", "could not", "couldn't"),
    "top": ("upper",),
    "upper": ("top",),
    "bottom": ("lower",),
    "lower": ("bottom",),
}
# With these an option begins that is no name.
DENIALS = ("none", "all", "no", "not", "cannot", "non", "without", "absence")
_META = (*DENIALS, "both", "neither")


def is_of_stem(word: str, other: str) -> bool:
    """Whether two words are the same, or differ in their endings alone."""
    if word == other:
        return True
    if other.endswith("a") and word == f"{other}n":
        return True  # "foraminiferan" of "foraminifera"
    same = takewhile(lambda pair: pair[0] == pair[1], zip(word, other, strict=False))
    stem = sum(1 for _ in same)
    bare = other.removesuffix("e")  # "blurred" of "blur", "noisy" of "noise"
    ending = word[len(bare) :].removeprefix(bare[-1:])
    if word.startswith(bare) and len(bare) >= _SHORT_STEM and ending in _VERBAL:
        return True
    return stem >= _STEM and word[stem:] in _ENDINGS and other[stem:] in _ENDINGS


def other_forms(reply: ReplyText) -> tuple[tuple[str, ...], ...]:
    """For each option the stretches of the reply that are its whole text in another form."""
    options, keys = reply.choices.options, reply.choices.keys
    if min(map(len, options)) > _LONG:
        return ()
    found = [
        _abbreviated(reply, option) + _replaced(reply, option) + _in_brackets(reply, option)
        if len(option) <= _LONG and _WRITTEN_OTHERWISE.search(option)
        else ()
        for option in options
    ]
    contents = [
        [word for word in key.split() if word not in LINKS] if len(key) <= _LONG else []
        for key in keys
    ]
    if not any(_may_hold(reply.tokens.joined, content) for content in contents):
        return tuple(found)
    near = _near(reply, contents)
    for index, content in enumerate(contents):
        key = keys[index]
        if len(near[index]) >= len(content) > 1 and key.split()[0] not in _META:
            others = {word for k, words in enumerate(contents) if k != index for word in words}
            forms = islice(_stretches(reply, key, content, near[index], others), _MANY)
            found[index] += tuple(dict.fromkeys(forms))
    return tuple(found)


def _may_hold(joined: str, content: list[str]) -> bool:
    """Whether a word that begins as each of an option's words is in the reply."""
    if not 1 < len(content) <= _NOUNS:
        return False
    return all(f" {word[:_SHORT_STEM]}" in joined for word in content)


def _near(reply: ReplyText, contents: list[list[str]]) -> list[list[tuple[int, int]]]:
    """For each option where in the reply (by token) which of its words may stand."""
    stems: dict[str, list[tuple[int, int, str]]] = {}
    for index, content in enumerate(contents):
        for place, word in enumerate(content if 1 < len(content) <= _NOUNS else ()):
            stems.setdefault(word[:_SHORT_STEM], []).append((index, place, word))
    near: list[list[tuple[int, int]]] = [[] for _ in contents]
    for at, word in enumerate(reply.tokens.words):
        for index, place, own in stems.get(word[:_SHORT_STEM], ()):
            if is_of_stem(word, own):
                near[index].append((at, place))
    return near


def _stretches(
    reply: ReplyText,
    key: str,
    content: list[str],
    near: list[tuple[int, int]],
    others: set[str],
) -> Iterator[str]:
    """The shortest stretches that hold each word of the text once, and little else."""
    last: dict[int, int] = {}
    for at, place in near:
        last[place] = at
        first = min(last.values())
        if len(last) < len(content) or at - first >= len(content) + 2 * _EXTRA:
            continue
        start, end = reply.tokens.spans[first][0], reply.tokens.spans[at][1]
        words = reply.tokens.words[first : at + 1]
        more = [w for k, w in enumerate(words, first) if k not in last.values()]
        if _STOPS.search(reply.low, start, end) or not others.isdisjoint(more):
            continue
        in_order = [last[place] for place in range(len(content))] == sorted(last.values())
        turned = not set(words).issuperset(content) and LINKS.issuperset(more)  # "reduced contrast"
        if words != key.split() and (turned or _is_filling(key, more, in_order)):
            yield reply.low[start:end]


def _is_filling(key: str, more: list[str], in_order: bool) -> bool:
    """Whether the words between those of a text leave its meaning as it is."""
    bare = [word for word in more if word not in LINKS]
    if " and " in key:
        return len(bare) <= _EXTRA and "or" not in more and _AUXILIARIES.isdisjoint(more)
    if "and" in more or "or" in more:
        return False
    if in_order:
        return all(word in _AUXILIARIES or word.endswith("ly") for word in bare)
    return len(bare) <= 1 and not _OF.isdisjoint(more)


def _replaced(reply: ReplyText, option: str) -> tuple[str, ...]:
    """The text with another word for its first: "can't be determined", "upper left"."""
    first, space, rest = option.lower().partition(" ")
    said = (f"{word} {rest}" for word in _SAME.get(first, ()) if space)
    return tuple(text for text in said if text in reply.low)


def _in_brackets(reply: ReplyText, option: str) -> tuple[str, ...]:
    """Either half of "Low magnification (4x)", and the text of "Option 1: cytoplasm"."""
    halves = _HALVES.fullmatch(option) or _NUMBERED.fullmatch(option)
    return tuple(half for half in halves.groups() if half.lower() in reply.low) if halves else ()


def _abbreviated(reply: ReplyText, option: str) -> tuple[str, ...]:
    """What an option that is an abbreviation stands for, or the reverse with "and"."""
    words = reply.tokens.words
    key = option.lower().split()
    if len(key) == 3 and key[1] in ("and", "&") and min(len(key[0]), len(key[2])) >= _LEAST:
        short = f"{key[0][0]} and {key[2][0]}"
        return (short,) if f" {short} " in reply.tokens.joined else ()
    if len(option) > 5 or _ABBREVIATION.fullmatch(option) is None:
        return ()
    letters = [letter.lower() for letter in option if letter.isalpha()]
    words = [word for word in words if word != "and"]
    for at in range(len(words) - len(letters) + 1):
        run = words[at : at + len(letters)]
        long = min(map(len, run)) >= _LEAST and LINKS.isdisjoint(run)
        if long and [word[0] for word in run] == letters:
            return ((" and " if "&" in option else " ").join(run),)
    return ()
