"""Parts of an option's text that tell it from all others: "Golgi", "widefield", "SEM"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from mubench_gen.parser.choices import LINKS
from mubench_gen.parser.keys import heads_another, species_key
from mubench_gen.parser.names import may_be_epithet
from mubench_gen.parser.other_forms import DENIALS, is_of_stem
from mubench_gen.parser.reply_text import ReplyText
from mubench_gen.parser.tokens import words_of

_WORDS = 5  # a longer option is a statement, and has no name
_NOUNS = 3  # nor has one with more words that are no links
_BRACKETS = re.compile(r"[()\[\]]")
_DIGIT = re.compile("[0-9]")
_GRADED = re.compile(r"[A-Za-z]+-[A-Za-z]+ ")  # "high-grade" of "high-grade glioma"
_PARTICIPLE = re.compile(r"\w+ed\b")
_CAPITALS = re.compile(r"(?<![A-Za-z])[A-Z]{2,4}(?![A-Za-z])")
_INITIALS = 2  # words
_LETTERS = 4  # a shorter word is a name only in capitals
# Words of what images show in general; alone they name no option.
PLAIN = frozenset(
    word
    for line in (
        "light dark bright normal simple large small early late left right upper lower first",
        "second third high low cell tissue image field layer structure type body region plate",
        "membrane smooth rough mature immature clear loose dense soft hard mixed other both none",
        "all not cannot with without from more less most than very many several only some black",
        "white gray red green blue yellow orange pink purple brown violet round long short thin",
        "thick single double multiple whole empty open closed active total main inner outer",
        "colon lung breast skin kidney liver brain blood bone heart muscle pancreas stomach spleen",
        "human animal plant point part group level line area surface water positive negative",
        "increase decrease change there this that these those which have does increased decreased",
        "microscopy microscope apparatus stain staining disease process system stage phase number",
        "well",
    )
    for word in line.split()
)
_GRADES = ("grade", "stage", "type", "class", "phase", "score", "level")
_FRAME = 3  # words that statements share
_STEM = 4  # letters that a word and one derived from it share at least
_DERIVED = 5  # letters; a shorter word is derived from none


class _Said(NamedTuple):
    """What a reply and the options have in common."""

    words: set[str]  # of the reply
    only: set[str]  # the words that one option alone has
    own: set[str]  # those that name it by themselves
    capitals: set[str]  # the reply's abbreviations
    heads: set[str]  # first words of several options, which the second tells apart
    frame: tuple[int, int]  # how many words all options begin and end with


def short_names(reply: ReplyText) -> tuple[tuple[str, ...], ...] | None:
    """For each option the parts of its text in the reply that tell it from all others, or None."""
    options, keys = reply.choices.options, [key.split() for key in reply.choices.keys]
    words = set(reply.tokens.words) - LINKS
    words |= {a + b for a, b in pairwise(reply.tokens.words)}  # "dark-field" of "darkfield"
    # The words of one option alone; what the reply does not say need not be counted.
    held = Counter(word for key in keys for word in words.intersection(key))
    only = {
        word
        for word, count in held.items()
        if count == 1 and not heads_another(reply.choices.keys, word)
    }
    capitals = set(_CAPITALS.findall(reply.text))
    derived = _derived(reply, keys, words)
    if not only and not capitals and not any(derived):
        return None
    # "Smooth." where all options are muscles: any word tells them apart.
    noun = len({key[-1] for key in keys if key and key[0] not in DENIALS}) == 1
    firsts = [key[0] for key in keys if len(key) == _INITIALS]
    said = _Said(
        words=words,
        only=only,
        own=only if noun else only - PLAIN,
        capitals=capitals,
        heads={word for word in firsts if firsts.count(word) > 1},
        frame=_frame(keys),
    )
    found = tuple(
        (*_parts(option, key, said), *more)
        for option, key, more in zip(options, keys, derived, strict=True)
    )
    if not any(found):
        return None
    # As the reply writes them: the form of a form may be another one ("malariae", "malaria").
    written = dict(zip(reply.tokens.words, words_of(reply.low), strict=True))
    return tuple(
        tuple(" ".join(written.get(word, word) for word in name.split()) for name in names)
        for names in found
    )


def last_words(reply: ReplyText) -> tuple[tuple[str, ...], ...]:
    """For each option its last word, if the reply has it and no other option: "not trichrome".

    It is often a kind, which names no option, but denies the only one of that kind.
    """
    held = Counter(word for key in reply.choices.keys for word in set(key.split()))
    lasts = (key.split()[-1:] if key.count(" ") > _INITIALS else [] for key in reply.choices.keys)
    said = set(reply.tokens.words)
    return tuple(
        tuple(word for word in last if word in said - PLAIN and held[word] == 1) for last in lasts
    )


def _is_species(option: str) -> bool:
    return bool(species_key(option)) and may_be_epithet(option.split()[1])


def _parts(option: str, key: list[str], said: _Said) -> Iterator[str]:
    if not said.capitals and said.words.isdisjoint(key):
        return
    yield from _middle(key, said)
    if len(key) < 2 or not _is_short(key) or key[0] in DENIALS or _DIGIT.search(option):
        return
    yield from _phrases(key, said)
    yield from _words(option, key, said)
    graded = _GRADED.match(option)
    if graded and key[0] in said.only and len(key) > _INITIALS:
        yield " ".join(key[:2])
    if said.capitals:
        yield from _abbreviations(key, said.capitals)


def _phrases(key: list[str], said: _Said) -> Iterator[str]:
    """What a text begins or ends with, from two words on: "nuclear pore" of a complex."""
    if said.only.isdisjoint(key):
        return
    parts = [part for k in range(len(key) - 1, 1, -1) for part in (key[:k], key[-k:])]
    if len(key) > _INITIALS:
        parts.append([key[0], key[-1]])  # "normal mucosa" of "normal colon mucosa"
    for part in parts:
        only = said.only.intersection(part)
        told = len(only) > 1 or bool(only & (said.own | {key[0]}))
        if told and said.words.issuperset({*part} - LINKS) and not LINKS & {part[0], part[-1]}:
            yield " ".join(part)


def _words(option: str, key: list[str], said: _Said) -> Iterator[str]:
    """Single words; the last one, which is often a kind, only where it tells two alike apart."""
    last = len(key) - 1
    for at, word in enumerate(key):
        if word not in said.own or not _is_name(option, word):
            continue
        told = (
            word.endswith("oma")
            or species_key(option)
            or f"({word.upper()})" in option
            or (len(key) == _INITIALS and key[0] in said.heads)
        )
        if (at < last or told) and not _is_joined(option.lower(), word):
            yield word


def _is_joined(low: str, word: str) -> bool:
    """Whether a participle is joined to the word: "cancer-associated stroma"."""
    _, joined, behind = low.partition(f"{word}-")
    return bool(joined) and _PARTICIPLE.match(behind) is not None


def _abbreviations(key: list[str], capitals: set[str]) -> Iterator[str]:
    letters = _initials(key)
    if letters in capitals:
        yield letters
    if letters[1:] in capitals:
        yield f"{key[0]} {letters[1:]}"
        if len(letters) > _INITIALS + 1:
            yield letters[1:]  # "SCC" of "lung squamous cell carcinoma"
    if letters[:-1] in capitals and key[-1] in PLAIN:
        yield letters[:-1]  # "DIC" of "differential interference contrast microscopy"


def _frame(keys: list[list[str]]) -> tuple[int, int]:
    """How many words all options begin with, and how many they end with."""
    turned = [key[::-1] for key in keys]
    return _shared(keys), _shared(turned)


def _shared(keys: list[list[str]]) -> int:
    """How many words all keys begin with."""
    for count, words in enumerate(zip(*keys, strict=False)):
        if words.count(words[0]) < len(words):
            return count
    return min(map(len, keys))


def _middle(key: list[str], said: _Said) -> Iterator[str]:
    """What tells a statement from others that are worded alike: "a light microscope"."""
    ahead, behind = said.frame
    middle = key[ahead : len(key) - behind]
    if not said.words.issuperset({*middle} - LINKS):
        return
    graded = len(middle) > 1 or (ahead == 1 and key[0] in _GRADES)
    if ahead and graded and middle[-1:] and middle[-1].isdigit():
        yield " ".join(middle)  # "4+3" of "Gleason 4+3"
    if ahead + behind < _FRAME:
        return
    if not 1 <= len(middle) <= _NOUNS or middle[0] in DENIALS:
        return
    if behind:
        yield " ".join((*middle, key[len(key) - behind]))
    if len(middle) > 1 or (middle[0] not in PLAIN and len(middle[0]) >= _LETTERS):
        yield " ".join(middle)


def _is_short(key: list[str]) -> bool:
    return len(key) <= _WORDS or sum(word not in LINKS for word in key) <= _NOUNS


def _derived(reply: ReplyText, keys: list[list[str]], said: set[str]) -> list[list[str]]:
    """For each option the words of the reply that are derived from a word of it alone."""
    stems: dict[str, list[tuple[str, int]]] = {}
    joined = reply.tokens.joined
    for index, key in enumerate(keys):
        if len(key) > _INITIALS:
            continue
        near = [word for word in key if len(word) >= _STEM and f" {word[:_STEM]}" in joined]
        if not near or _is_species(reply.choices.options[index]):
            continue
        for word in near:
            if word not in PLAIN:
                stems.setdefault(word[:_STEM], []).append((word, index))
    found: list[list[str]] = [[] for _ in keys]
    for word in said if stems else ():
        if len(word) < _DERIVED or word[:_STEM] not in stems or any(word in key for key in keys):
            continue
        of = [(other, index) for other, index in stems[word[:_STEM]] if is_of_stem(word, other)]
        if len(of) == 1:
            other, index = of[0]
            if said.issuperset({*keys[index]} - {other}):
                found[index].append(" ".join(word if one == other else one for one in keys[index]))
            found[index].append(word)
    return found


def _initials(key: list[str]) -> str:
    """ "SEM" of "scanning electron microscopy"; "" where a word is none."""
    plain = all(word.isalpha() and word not in LINKS for word in key)
    return "".join(word[0] for word in key).upper() if plain and len(key) >= _INITIALS else ""


def _is_name(option: str, word: str) -> bool:
    if not word.isalpha() or word in LINKS:
        return False
    return len(word) >= _LETTERS or word.upper() in _BRACKETS.sub(" ", option).split()
