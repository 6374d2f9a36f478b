"""Options by a part of their text that no other option has: "that's the Golgi", "widefield"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from mubench_gen.parser.choices import LINKS
from mubench_gen.parser.claims import answering_claims
from mubench_gen.parser.conclusions import eliminated
from mubench_gen.parser.identified import identified, is_sentence
from mubench_gen.parser.keys import species_key
from mubench_gen.parser.reply_text import Claim, ReplyText, Verdict
from mubench_gen.parser.text import any_in
from mubench_gen.parser.tokens import tokenize

_SUBJECT_ROOM = 80
_WORDS = 5  # a longer option is a statement, and has no name
_BRACKETS = re.compile(r"[()\[\]]")
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
_ENDED = re.compile(r"[\"')]* ?(?:$|[.,;:!(\n]|- |(?:because|since|as)\b)")
# "The mitochondria look abnormal" of normal and abnormal ones.
_PREDICATE = re.compile(
    r"(?:\A|[.!?;\n] ?)(?:the|these|its|all) ([^.!?;,\n]{1,40}?) (?:is|are|looks?|appears?|seems?"
    r"|(?:has|have) been|was|were)"
    r"(?: \w+ly)? $"
)
_META = ("none", "all", "no", "not", "cannot")


def short_names(reply: ReplyText) -> tuple[tuple[str, ...], ...] | None:
    """For each option the parts of its text in the reply that tell it from all others, or None."""
    keys = [key.split() for key in reply.choices.keys]
    said = set(reply.tokens.words) - LINKS
    # The words of one option alone; what the reply does not say need not be counted.
    held = Counter(word for key in keys for word in said.intersection(key))
    own = {word for word, count in held.items() if count == 1}
    capitals = set(_CAPITALS.findall(reply.text)) if any(map(_has_initials, keys)) else set()
    if not own and not capitals:
        return None
    told = frozenset(own)
    # "Smooth." where all options are muscles: any word tells them apart.
    noun = len({key[-1] for key in keys if key and key[0] not in _META}) == 1
    if not noun:
        own -= _PLAIN
    pairs = zip(reply.choices.options, keys, strict=True)
    found = tuple(tuple(_parts(option, key, own, told, capitals)) for option, key in pairs)
    return found if any(found) else None


def _parts(
    option: str, key: list[str], own: set[str], told: frozenset[str], capitals: set[str]
) -> Iterator[str]:
    """The names of an option: of `own` words alone, and beginnings that hold one of `told`."""
    if not 1 < len(key) <= _WORDS or key[0] in _META or _DIGIT.search(option):
        return
    if not told.isdisjoint(key):
        for length in range(len(key) - 1, 1, -1):
            if key[length - 1] not in LINKS and not told.isdisjoint(key[:length]):
                yield " ".join(key[:length])
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


def _is_predicate(reply: ReplyText, claim: Claim) -> bool:
    """Whether a sentence says the word of the option's noun, and nothing else."""
    subject = _PREDICATE.search(reply.low, max(0, claim.start - _SUBJECT_ROOM), claim.start)
    if subject is None or not _ENDED.match(reply.low, claim.end):
        return False
    noun = reply.choices.keys[claim.option].split()[-1]
    return f" {noun} " in tokenize(subject[1]).joined


def short_name(reply: ReplyText) -> Iterator[Verdict]:
    """The one option that a part of its text identifies: "the hallmark of TIRF", "Squamous."."""
    named = short_names(reply) if any_in(reply.choices.beginnings, reply.low) else None
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
        and (is_sentence(short, claim) or _is_predicate(short, claim))
    ]
    if len({claim.option for claim in alone}) == 1:
        yield Verdict.of(alone[-1].option, alone[-1].start, alone[-1].end)
        return
    yield from eliminated(short)
