"""Options that are two others together: "nucleus and mitochondrion", "both"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise

from mubench_gen.parser.choices import Choices
from mubench_gen.parser.claims import answering_claims, answering_sentences
from mubench_gen.parser.cues import cues
from mubench_gen.parser.reply_text import Claim, ReplyText, Verdict
from mubench_gen.parser.text import any_in

_BOTH_OPTION = re.compile(r" both(?: of (?:the )?(?:above|them|these|two)| \w+)? ")
_NEITHER_OPTION = re.compile(r" (?:neither|none)\b.*")
# "Both are labelled.", "It's both.", "The answer is both"
_BOTH = re.compile(
    r"(?:(?:\A|[.!?\n:;] {0,2})(?:(?:so|thus|hence|therefore|in fact|actually),? )?"
    r"|\b(?:it's|it is|is|answer:?|say|choose|they are|so|shows?|contains?|of|for) )"
    r"(both)(?=[.!;,\n]|\s*$| (?:of (?:them|these) )?"
    r"(?:(?:structures|organelles|stains|options|images|panels|types|domains) )?"
    r"(?:are|were|is|can be|apply|show|have|contain)\b)"
)
_NEITHER = re.compile(
    r"(?:(?:\A|[.!?\n:;] {0,2})(?:(?:so|thus|hence|therefore),? )?|\b(?:in|is|by|so|with) )"
    r"(neither)(?=[.!;,]|\s*$| (?:of (?:them|these|the)|is|are|shows?|contains?|ha(?:s|ve)|images?"
    r"|panels?|one)\b)"
)
_JOINED = re.compile(
    r"[^.!?;\n]{0,24}?(?:,? (?:and|as well as|along with|together with|plus|in addition to|&|\+)"
    r" |, )(?:also )?(?:[a-z]+ )?(?:an? |the |some )?[\"'(]?"
)
# "Compare the left and the right image", "the left one before, and the right one after"
_SET_APART = re.compile(r"\b(?:compar\w+|differ\w*|between|before|after|then|first|please)\b")
_STANDS = (" and ", " & ", "both", "Both", "BOTH")
_BACK = 24  # characters
TOGETHER = cues("both neither and as along together plus addition & +", _BOTH, _NEITHER)


def composites(choices: Choices) -> Mapping[int, frozenset[int]]:
    """The options that stand for several others, with those."""
    return _composites(choices.keys) if any_in(_STANDS, "\n".join(choices.options)) else {}


@lru_cache(maxsize=4096)
def _composites(keys: tuple[str, ...]) -> Mapping[int, frozenset[int]]:
    place = {key.strip(): index for index, key in enumerate(keys)}
    plain = [k for k, key in enumerate(keys) if not _NEITHER_OPTION.fullmatch(key)]
    found: dict[int, frozenset[int]] = {}
    for index, key in enumerate(keys):
        words = key.strip().removeprefix("both ")
        parts = words.split(" and ")
        if len(parts) > 1 and all(part in place for part in parts):
            found[index] = frozenset(place[part] for part in parts)
        elif _BOTH_OPTION.fullmatch(key) and len(plain) == 3:
            found[index] = frozenset(plain) - {index}
    return found


def together(reply: ReplyText) -> Iterator[Verdict]:
    """All that one option stands for is asserted side by side, or "both" of it is, or "neither"."""
    if "neither" in reply.low and "neither" in reply.choices.lowered:
        yield from _neither(reply)
    known = composites(reply.choices)
    if not known:
        return
    placed = answering_claims(reply)
    against = {claim.option for claim in placed if claim.stance == "denied"}
    named = {claim.option for claim in placed if claim.stance in ("asserted", "open")}
    for index, parts in known.items():
        if against & (parts | {index}) or named - parts - {index}:
            continue
        both = list(_BOTH.finditer(reply.low)) if len(known) == 1 else []
        if both:
            yield Verdict.of(index, *both[-1].span(1))
        for group in answering_sentences(reply):
            if {claim.option for claim in group} == parts and _side_by_side(reply, group):
                yield Verdict.of(index, group[0].start, group[-1].end)


def _side_by_side(reply: ReplyText, group: list[Claim]) -> bool:
    """Whether the claims of a sentence are joined, and none is set against another."""
    if any(claim.stance not in ("asserted", "open") for claim in group):
        return False
    if _SET_APART.search(reply.low, max(0, group[0].start - _BACK), group[-1].end + _BACK):
        return False
    return all(_JOINED.fullmatch(reply.low, one.end, other.start) for one, other in pairwise(group))


def _neither(reply: ReplyText) -> Iterator[Verdict]:
    """ "In neither." where one option is "neither image", and none is asserted."""
    found = [k for k, key in enumerate(reply.choices.keys) if key.startswith(" neither ")]
    said = _NEITHER.search(reply.low) if len(found) == 1 else None
    if said and all(claim.stance == "denied" for claim in answering_claims(reply)):
        yield Verdict.of(found[0], *said.span(1))
