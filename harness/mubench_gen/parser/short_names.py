"""Options by a part of their text that no other option has: "that's the Golgi", "widefield"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from mubench_gen.parser.claims import answering_claims
from mubench_gen.parser.identified import identified, is_sentence
from mubench_gen.parser.keys import key_of, species_key
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.text import any_in
from mubench_gen.parser.tokens import tokenize

_WORDS = 5  # a longer option is a statement, and has no name
_DIGIT = re.compile("[0-9]")
_CAPITALS = re.compile(r"(?<![A-Za-z])[A-Z]{2,4}(?![A-Za-z])")
_INITIALS = 3  # words; "EM" may stand for much
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
_META = ("none", "all", "no", "not", "cannot")
_LINKS = frozenset(
    ("in", "of", "and", "to", "the", "a", "an", "with", "for", "or", "by", "on", "at", "one",
     "text", "option")
)  # fmt: skip


@lru_cache(maxsize=4096)
def short_names(options: tuple[str, ...]) -> tuple[tuple[str, ...], ...] | None:
    """For each option the parts of its text that tell it from all others; None if none has any."""
    keys = [tuple(key_of(option).split()) for option in options]
    held = Counter(word for key in keys for word in set(key))
    # "Smooth." where all options are muscles: any word tells them apart.
    noun = len({key[-1] for key in keys if key and key[0] not in _META}) == 1
    plain = frozenset() if noun else _PLAIN
    found = tuple(
        tuple(_parts(option, key, held, plain)) for option, key in zip(options, keys, strict=True)
    )
    return found if any(found) else None


def _parts(
    option: str, key: Sequence[str], held: Counter[str], plain: frozenset[str]
) -> Iterator[str]:
    if key[:1] and key[0] in _META:
        return
    if not 1 < len(key) <= _WORDS or _DIGIT.search(option):
        return
    for length in range(len(key) - 1, 1, -1):
        if key[length - 1] not in _LINKS and any(held[word] == 1 for word in key[:length]):
            yield " ".join(key[:length])
    yield from _initials(key)
    last = len(key) - 1
    for at, word in enumerate(key):
        ends = at == last and not word.endswith("oma") and not species_key(option)
        if held[word] == 1 and not ends and word not in plain and _is_name(option, word):
            yield word


def _initials(key: Sequence[str]) -> Iterator[str]:
    """ "SEM" of "scanning electron microscopy", "rough ER" of "rough endoplasmic reticulum"."""
    if len(key) < _INITIALS or not all(word.isalpha() and word not in _LINKS for word in key):
        return
    letters = "".join(word[0] for word in key).upper()
    yield letters
    yield f"{key[0]} {letters[1:]}"


def _is_name(option: str, word: str) -> bool:
    if not word.isalpha() or word in _LINKS:
        return False
    return len(word) >= _LETTERS or word.upper() in option.split()


def _may_name(reply: ReplyText) -> bool:
    """Whether the reply has a word of one option alone, or capitals that may be its initials."""
    said = set(reply.tokens.words) - _LINKS
    words = [key.split() for key in reply.choices.keys]
    held = Counter(word for key in words for word in said.intersection(key))
    if 1 in held.values():
        return True
    return any(len(key) >= _INITIALS for key in words) and _CAPITALS.search(reply.text) is not None


def short_name(reply: ReplyText) -> Iterator[Verdict]:
    """The one option that a part of its text identifies: "the hallmark of TIRF", "Squamous."."""
    named = short_names(reply.choices.options) if _may_name(reply) else None
    if named is None or not any_in(
        {name[:4].lower() for names in named for name in names}, reply.low
    ):
        return
    short = ReplyText(reply.marked, reply.choices.named(named))
    found = list(identified(short))
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
