"""Options by a part of their text that no other option has: "that's the Golgi", "widefield"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from mubench_gen.parser.claims import answering_claims, claims
from mubench_gen.parser.conclusions import eliminated, only_option
from mubench_gen.parser.identified import ends_clause, identified, is_sentence
from mubench_gen.parser.name_parts import PLAIN, last_words, short_names
from mubench_gen.parser.other_forms import other_forms
from mubench_gen.parser.refusals import only_declines
from mubench_gen.parser.reply_text import Claim, ReplyText, Verdict
from mubench_gen.parser.stance_words import DENIES
from mubench_gen.parser.text import any_in
from mubench_gen.parser.tokens import tokenize

_ENDED = re.compile(r"[\"')]* ?(?:$|[.,;:!(\n]|- |(?:because|since|as|side)\b)")
_CAPITALS = re.compile(r"[A-Z][A-Z&]")
_CLAUSE = 40  # characters
# What is said of the patient or of a place: "a section from a patient with", "surrounded by".
_BESIDE = re.compile(
    r"\b(?:patients?|history|marker|section|slide|known|study|surround\w*|adjacent|next|near|via"
    r"|within|inside|beside|between|around|beneath|above|below|behind|through|from|into|express\w*"
    r"|dissolved|suspended|diluted|embedded|fixed|mounted"
    r"|to (?:visuali[sz]e|label|mark|highlight|locate|stain|see|identify)) [^.;,\n]*$"
)
_SUBJECT_ROOM = 80
# "The mitochondria look abnormal" of normal and abnormal ones.
_PREDICATE = re.compile(
    r"(?:\A|[.!?;\n] ?)(?:the|these|its|all) ([^.!?;,\n]{1,40}?) (?:is|are|looks?|appears?|seems?"
    r"|(?:has|have) been|was|were)"
    r"(?: \w+ly)? $"
)


def is_plain(reply: ReplyText, found: Verdict) -> bool:
    """Whether an everyday word is said of something else: "a bright image", not "it's smooth"."""
    said = reply.low[found.start : found.end]
    return (said in PLAIN or said.removesuffix("s") in PLAIN) and not _ENDED.match(
        reply.low, found.end
    )


def with_short_names(reply: ReplyText) -> ReplyText | None:
    """The reply, where parts and other forms of a text mean their option; None if it has none."""
    if not (any_in(reply.choices.beginnings, reply.low) or _has_initials(reply)):
        return None
    return _renamed(reply, other_forms(reply))


def _renamed(reply: ReplyText, forms: tuple[tuple[str, ...], ...]) -> ReplyText | None:
    names = short_names(reply)
    if names is None and not any(forms):
        return None
    none = ((),) * len(reply.choices.options)
    named = tuple(a + b for a, b in zip(forms or none, names or none, strict=True))
    return ReplyText(reply.marked, reply.choices.named(named))


def _is_predicate(reply: ReplyText, claim: Claim) -> bool:
    """Whether a sentence says the word of the option's noun, and nothing else."""
    subject = _subject(reply, claim.start)
    if subject is None or not _ENDED.match(reply.low, claim.end):
        return False
    noun = reply.choices.keys[claim.option].split()[-1]
    return f" {noun} " in subject


def _subject(reply: ReplyText, start: int) -> str | None:
    """The words that a sentence says something of which begins at a place: "the nuclei look"."""
    found = _PREDICATE.search(reply.low, max(0, start - _SUBJECT_ROOM), start)
    return tokenize(found[1]).joined if found else None


def _is_of_others(reply: ReplyText, start: int) -> bool:
    """Whether something else is spoken of than what all options are kinds of."""
    nouns = {key.split()[-1] for key in reply.choices.keys}
    subject = _subject(reply, start) if len(nouns) == 1 else None
    return subject is not None and f" {nouns.pop()} " not in subject


def _has_initials(reply: ReplyText) -> bool:
    found = _CAPITALS.search(reply.text) is not None
    return found and any_in(reply.choices.initials, reply.text)


def short_name(reply: ReplyText) -> Iterator[Verdict]:
    """The one option that a part of its text identifies: "the hallmark of TIRF", "Squamous."."""
    if not (any_in(reply.choices.beginnings, reply.low) or _has_initials(reply)):
        return
    if only_declines(reply) and "cannot" not in reply.choices.lowered:
        return
    forms = other_forms(reply)
    if any(forms):
        whole = list(only_option(ReplyText(reply.marked, reply.choices.named(forms))))
        if whole:
            yield from whole
            return
    short = _renamed(reply, forms)
    if short is None:
        return
    found = [verdict for verdict in identified(short) if not is_plain(reply, verdict)]
    if found:
        yield from found
        return
    placed = answering_claims(short)
    alone = _alone(reply, short, placed)
    if len({claim.option for claim in alone}) == 1:
        yield Verdict.of(alone[0].option, alone[0].start, alone[0].end)
    elif not alone:
        told = {claim.option for claim in reply.kept(claims)}  # in full, and not as an answer
        once = {option for option, n in Counter(c.option for c in placed).items() if n == 1}
        for verdict in only_option(short):
            if verdict.option in once - told and _ends_alone(reply, verdict):
                yield verdict
        yield from eliminated(short)
        if reply.cues & DENIES and any(kinds := last_words(reply)):
            yield from eliminated(ReplyText(reply.marked, short.choices.named(kinds)))


def _alone(reply: ReplyText, short: ReplyText, placed: list[Claim]) -> list[Claim]:
    """The mentions of parts that are a sentence, and others that stand beside a lone label."""
    asserted = [claim for claim in placed if claim.stance == "asserted"]
    alone = [
        claim
        for claim in asserted
        if reply.choices.read(tokenize(reply.low, claim.start, claim.end)) is None
        and (is_sentence(short, claim) or _is_predicate(short, claim))
    ]
    label = reply.choices.labels.token
    if alone and label.fullmatch(reply.text, alone[-1].start, alone[-1].end):
        alone += [c for c in asserted if not label.fullmatch(reply.text, c.start, c.end)]
    return alone


def _ends_alone(reply: ReplyText, found: Verdict) -> bool:
    """Whether the only part of a text that a reply has stands at a clause's end, of this image."""
    said = reply.text[found.start : found.end]
    if (
        not said.isascii()
        or said.isdigit()
        or said.lower() in PLAIN
        or reply.choices.labels.token.fullmatch(said)
    ):
        return False
    before = reply.low[max(0, found.start - _CLAUSE) : found.start]
    if (
        _is_of_others(reply, found.start)
        or _BESIDE.search(before)
        or reply.low.startswith(" of ", found.end)
    ):
        return False
    return ends_clause(reply, found.start, found.end)
