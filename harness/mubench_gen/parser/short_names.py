"""Options by a part of their text that no other option has: "that's the Golgi", "widefield"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile

from mubench_gen.parser.choices import LINKS
from mubench_gen.parser.claims import answering_claims
from mubench_gen.parser.identified import identified, is_sentence
from mubench_gen.parser.keys import species_key
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.text import any_in
from mubench_gen.parser.tokens import tokenize, words_of

_WORDS = 5  # a longer option is a statement, and has no name
_NOUNS = 3  # nor has one with more words that are no links
_BRACKETS = re.compile(r"[()\[\]]")
_DIGIT = re.compile("[0-9]")
_CAPITALS = re.compile(r"(?<![A-Za-z])[A-Z]{2,4}(?![A-Za-z])")
_INITIALS = 2  # words
_LETTERS = 4  # a shorter word is a name only in capitals
# Words of what images show in general; alone they name no option.
_PLAIN = frozenset(
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
    )
    for word in line.split()
)
_ENDED = re.compile(r"[\"')]* ?(?:$|[.,;:!(\n]|- |(?:because|since|as|side|of)\b)")
_META = ("none", "all", "no", "not", "cannot", "non", "without", "absence")
_STEM = 5  # letters that a word and one derived from it share at least
_DERIVED = 7  # letters; a shorter word is derived from none
# Endings by which words of one stem differ: "nucleolar" and "nucleoli", "fluorescent".
_ENDINGS = frozenset(
    ("", "a", "al", "ally", "an", "ant", "ar", "ary", "ate", "ation", "ce", "cy", "e", "ed", "er",
     "i", "ia", "ial", "ian", "ic", "ical", "ine", "ing", "ion", "ious", "is", "ist", "ive", "nt",
     "o", "on", "or", "ory", "ous", "t", "ted", "tic", "um", "us", "u", "y", "zed", "zing")
)  # fmt: skip
_OF = ("of", "of the", "of a", "of an")
_LETTERS_ALONE = re.compile(r"[A-Z]{3,5}|[A-Z] ?& ?[A-Z]")
_ABBREVIATION = 5  # characters
_LEAST = 3  # letters of a word in what an abbreviation stands for


def short_names(reply: ReplyText) -> tuple[tuple[str, ...], ...] | None:
    """For each option the parts of its text in the reply that tell it from all others, or None."""
    options, keys = reply.choices.options, [key.split() for key in reply.choices.keys]
    said = set(reply.tokens.words) - LINKS
    # The words of one option alone; what the reply does not say need not be counted.
    held = Counter(word for key in keys for word in said.intersection(key))
    own = {word for word, count in held.items() if count == 1}
    capitals = set(_CAPITALS.findall(reply.text)) if any(map(_has_initials, keys)) else set()
    # "Smooth." where all options are muscles: any word tells them apart.
    noun = len({key[-1] for key in keys if key and key[0] not in _META}) == 1
    if not noun:
        own -= _PLAIN
    plain = [[] if species_key(option) else key for option, key in zip(options, keys, strict=True)]
    found = tuple(
        (
            *_parts(option, key, own, capitals),
            *_turned(reply, key, said),
            *derived,
            *_in_full(reply, option),
        )
        for option, key, derived in zip(options, keys, _derived(plain, said), strict=True)
    )
    if not any(found):
        return None
    # As the reply writes them: the form of a form may be another one ("malariae", "malaria").
    written = dict(zip(reply.tokens.words, words_of(reply.low), strict=True))
    return tuple(
        tuple(" ".join(written.get(word, word) for word in name.split()) for name in names)
        for names in found
    )


def _parts(option: str, key: list[str], own: set[str], capitals: set[str]) -> Iterator[str]:
    if len(key) < 2 or not _is_short(key) or key[0] in _META or _DIGIT.search(option):
        return
    if not own.isdisjoint(key):
        for length in range(len(key) - 1, 1, -1):
            for part in (key[:length], key[-length:]):
                if part[0] not in LINKS and part[-1] not in LINKS and not own.isdisjoint(part):
                    yield " ".join(part)
        last = len(key) - 1
        for at, word in enumerate(key):
            ends = at == last and not (
                word.endswith("oma") or species_key(option) or f"({word.upper()})" in option
            )
            if word in own and not ends and _is_name(option, word):
                yield word
    if capitals and _has_initials(key):
        letters = _initials(key)
        if letters in capitals:
            yield letters
        if letters[1:] in capitals:
            yield f"{key[0]} {letters[1:]}"
            if len(letters) > _INITIALS + 1:
                yield letters[1:]  # "SCC" of "lung squamous cell carcinoma"
        if key[-1] in _PLAIN and len(key) > _INITIALS and letters[:-1] in capitals:
            yield letters[:-1]  # "DIC" of "differential interference contrast microscopy"


def _is_short(key: list[str]) -> bool:
    return len(key) <= _WORDS or sum(word not in LINKS for word in key) <= _NOUNS


def _turned(reply: ReplyText, key: list[str], said: set[str]) -> Iterator[str]:
    """ "axoneme of a cilium" of "cilium axoneme"."""
    if 1 < len(key) <= _WORDS and key[0] not in _META and said.issuperset(key):
        for at in range(1, len(key)):
            turned = (" ".join((*key[at:], of, *key[:at])) for of in _OF)
            yield from (name for name in turned if f" {name} " in reply.tokens.joined)


def _derived(keys: list[list[str]], said: set[str]) -> list[list[str]]:
    """For each option the words of the reply that are derived from a word of it alone."""
    stems: dict[str, list[tuple[str, int]]] = {}
    for index, key in enumerate(keys):
        for word in key if len(key) <= _INITIALS else ():
            if len(word) >= _STEM and word not in _PLAIN:
                stems.setdefault(word[:_STEM], []).append((word, index))
    found: list[list[str]] = [[] for _ in keys]
    for word in said:
        if len(word) < _DERIVED or word[:_STEM] not in stems or any(word in key for key in keys):
            continue
        of = [(other, index) for other, index in stems[word[:_STEM]] if _is_of_stem(word, other)]
        if len(of) == 1:
            other, index = of[0]
            found[index].append(" ".join(word if one == other else one for one in keys[index]))
            found[index].append(word)
    return found


def _is_of_stem(word: str, other: str) -> bool:
    """Whether two words differ in their endings alone."""
    stem = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(word, other, strict=False))
    )
    return word[stem:] in _ENDINGS and other[stem:] in _ENDINGS


def _in_full(reply: ReplyText, option: str) -> tuple[str, ...]:
    """What an option that is an abbreviation stands for: "hematoxylin and eosin" of "H&E"."""
    if len(option) > _ABBREVIATION or _LETTERS_ALONE.fullmatch(option) is None:
        return ()
    letters = [letter.lower() for letter in option if letter.isalpha()]
    words = [word for word in reply.tokens.words if word != "and"]
    for at in range(len(words) - len(letters) + 1):
        run = words[at : at + len(letters)]
        if [word[0] for word in run] == letters and min(map(len, run)) >= _LEAST:
            return ((" and " if "&" in option else " ").join(run),)
    return ()


def _has_initials(key: list[str]) -> bool:
    return len(key) >= _INITIALS


def _initials(key: list[str]) -> str:
    """ "SEM" of "scanning electron microscopy"; "" where a word is none."""
    plain = all(word.isalpha() and word not in LINKS for word in key)
    return "".join(word[0] for word in key).upper() if plain else ""


def _is_name(option: str, word: str) -> bool:
    if not word.isalpha() or word in LINKS:
        return False
    return len(word) >= _LETTERS or word.upper() in _BRACKETS.sub(" ", option).split()


def _is_plain(reply: ReplyText, found: Verdict) -> bool:
    """Whether an everyday word is said of something else: "a bright image", not "it's smooth"."""
    said = reply.low[found.start : found.end]
    return said in _PLAIN and not _ENDED.match(reply.low, found.end)


def short_name(reply: ReplyText) -> Iterator[Verdict]:
    """The one option that a part of its text identifies: "the hallmark of TIRF", "Squamous."."""
    words, initials = reply.choices.beginnings
    near = any_in(words, reply.low) or any_in(initials, reply.text)
    named = short_names(reply) if near else None
    if named is None:
        return
    short = ReplyText(reply.marked, reply.choices.named(named))
    found = [verdict for verdict in identified(short) if not _is_plain(reply, verdict)]
    if found:
        yield from found
        return
    alone = [
        claim
        for claim in answering_claims(short)
        if claim.stance == "asserted"
        and reply.choices.read(tokenize(reply.low, claim.start, claim.end)) is None
        and is_sentence(short, claim)
    ]
    if len({claim.option for claim in alone}) == 1:
        yield Verdict.of(alone[-1].option, alone[-1].start, alone[-1].end)
