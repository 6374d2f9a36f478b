"""Rules for replies that begin with the text of the option that they argue for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.asides import is_kind
from mubench_gen.parser.claims import SENTENCE, answering_claims, answering_sentences, sole_claim
from mubench_gen.parser.generic import is_generic
from mubench_gen.parser.leading import OPERATOR
from mubench_gen.parser.option_text import COMMON
from mubench_gen.parser.other_uses import is_other_use
from mubench_gen.parser.refusals import declines_to_choose
from mubench_gen.parser.reply_text import Claim, ReplyText, Verdict
from mubench_gen.parser.stances import stance
from mubench_gen.parser.target import skip_fillers, text_at

_AGAINST = re.compile(r"\b(?:while|whereas|but|unlike|although|though|compared|not|than)\b")
_REASON = re.compile(
    r"\s*(?:this|you can tell|the reason|because|it is|it's|that is|both"
    r"|reasoning|here's why|in the (?:first|image))\b"
)
_BEGINS = re.compile(r"(?:[.!?;\n][\s\"'*>-]*|, (?:and )?)(?:(?:the|an?)\s)?[\"']?$")
_PREFERS = re.compile(
    r"\b(?:more|most|best|better|correct|right|answer|whereas|while|but|however|contrast|hand)\b"
)
_VERB = re.compile(r" ([a-z]{4,})\b")  # longer than "is", "are", "was", "has"
# "is not striated" tells what it is like, "is not shown" that it is none.
_LACKS = re.compile(
    r" (?:(?:is|are) not|(?:does|do) not|lacks?)\b(?! (?:(?:the |a )?(?:correct|right|shown|visible"
    r"|present|seen|possible|likely|supported|answer|case|here|fit|match|apply|consistent"
    r"|appear)\b))"
)
_MADE_OF = re.compile(
    r" ?[(\[](?!(?:or|not|maybe|perhaps|possibly|could|might)\b)([^()\[\]\n]{3,80})[)\]]"
    r"|, (?:with|containing|consisting of|made (?:up )?of|composed of)"
    r"( (?:(?!\b(?:or|maybe|perhaps)\b)[^.;\n]){3,80})"
)
# "No, I'm not able to judge": the word is about what the reply can do.
_DECLINES = re.compile(
    r", (?:sorry,? |but )?(?:i'm afraid )?i(?:'m| am)? (?:(?:not able|unable) to|can ?not|can't"
    r"|could ?n[o']t) (?:really |possibly )?(?:make (?:that|this|an?|such)|give|tell|judge|decide"
    r"|answer|assess|say(?! that)|provide|help|assist|determine)\b"
)
_OFFERS = re.compile(r"[,!.]? (?:i can|i'd be|i would be|i'm happy|i am happy|let me|let's|sure)\b")
_ASKED = re.compile(r"(?! i (?:guess|think|suppose|believe))[^.!;\n]{0,40}\?")
_LINE_END = re.compile(r"[ ]*(?:[.;\n]|$)")
_FIRST_STOP = re.compile(r"[.!](?=\s)")
_STOPS = re.compile(r"[)\]\"'*]*[.!](?=\s)")
_ENDS = re.compile(r"[)\]\"']*\s*(?:[.!,;\n]|$)")


def leading_text(reply: ReplyText) -> Iterator[Verdict]:
    """The reply begins with an option's text: "Yes, the …", "Mitochondrion. It …"."""
    found = reply.kept(_leading)
    if found is not None:
        yield found


def _leading(reply: ReplyText) -> Verdict | None:
    found = text_at(reply, skip_fillers(reply, 0))
    if found is None or found.option is None:
        return found
    common = reply.choices.keys[found.option] in COMMON  # "Yes - the bar is there"
    if (OPERATOR.match(reply.low, found.end) and not common) or _has_rival(reply, found):
        return None
    if _ASKED.match(reply.low, found.end) or (common and _OFFERS.match(reply.low, found.end)):
        return None
    if common and _DECLINES.match(reply.low, found.end):
        return None
    if is_other_use(reply, found.start, found.end):
        return None
    if is_kind(reply, found.start, found.end, found.option) or is_generic(
        reply, found.start, found.end
    ):
        return None
    others = [c for c in answering_claims(reply) if c.option != found.option and _begins(reply, c)]
    if _ENDS.match(reply.low, found.end):
        if any(_next_line(reply, found, claim) for claim in others):
            return Verdict("ambiguous", None, found.start, found.end)
    elif reply.cut or _told_in_turn(reply, found, others) or declines_to_choose(reply):
        return None
    # Behind "Yes -" comes the reason, which may deny something else.
    reasoned = common and reply.low.startswith((" - ", " -- "), found.end)
    asserted = reasoned or stance(reply, found.start, found.end) == "asserted"
    return found if asserted else None


def first_sentence(reply: ReplyText) -> Iterator[Verdict]:
    """The first sentence is an option's text, and no other is chosen: "Yes. I cannot tell why"."""
    stop = _FIRST_STOP.search(reply.low)
    if stop is None or stop.start() > reply.choices.room:
        return
    found = reply.kept(_leading)
    if found is None or found.option is None or not _STOPS.match(reply.low, found.end):
        return
    others = [c for c in answering_claims(reply) if c.option != found.option]
    rivals = [claim for claim in others if claim.stance == "asserted"]
    if reply.choices.keys[found.option] in COMMON:
        rivals = [claim for claim in rivals if _begins(reply, claim)]
    if not rivals:
        yield found


def _has_rival(reply: ReplyText, found: Verdict) -> bool:
    """Whether its sentence goes on to another option: "A is round, B flat", not "whereas B"."""
    groups = answering_sentences(reply)
    for claim in groups[0] if groups else ():
        between = reply.low[found.end : claim.start]
        if claim.start < found.end or SENTENCE.search(between) or _is_part(reply, found, claim):
            continue
        if claim.stance in ("asserted", "open") and claim.option != found.option:
            verb, other = _VERB.match(reply.low, found.end), _VERB.match(reply.low, claim.end)
            if verb and other and verb[1] == other[1]:
                return True  # "xylem transports water, while phloem transports sugars"
            return not _AGAINST.search(between)
    return False


def _is_part(reply: ReplyText, found: Verdict, claim: Claim) -> bool:
    """Whether brackets behind the answer tell what it is made of: "pearlite (ferrite + Fe3C)"."""
    parts = _MADE_OF.match(reply.low, found.end)
    if parts is None or not parts.start() < claim.start < parts.end():
        return False
    return parts[1] != reply.low[claim.start : claim.end]


def _begins(reply: ReplyText, claim: Claim) -> bool:
    """Whether a sentence or a line begins with the option and asserts it."""
    left = max(0, claim.start - 16)
    return claim.stance in ("asserted", "open") and bool(
        _BEGINS.search(reply.low, left, claim.start)
    )


def _is_told(reply: ReplyText, claim: Claim) -> bool:
    """Whether something is said of the option; that it is not so is no choice of another."""
    if claim.stance != "denied":
        return claim.stance in ("asserted", "open")
    return _LACKS.match(reply.low, claim.end) is not None


def _told_in_turn(reply: ReplyText, found: Verdict, others: list[Claim]) -> bool:
    """ "X is round. Y is flat. Z is oval.": a sentence for each option, and none is preferred."""
    rivals = {claim.option for claim in answering_claims(reply) if _is_told(reply, claim)}
    if not others or len(rivals - {found.option}) < 2:
        return False
    first = SENTENCE.search(reply.low, found.end)
    second = SENTENCE.search(reply.low, others[0].end)
    if first is None:
        return False  # the other one is within the text: "B. The nucleus is", an option
    if SENTENCE.search(reply.low, first.end(), others[0].start):
        return False  # a reason is between them
    end = second.start() if second else len(reply.low)
    return not _PREFERS.search(reply.low, found.end, end)


def _next_line(reply: ReplyText, found: Verdict, claim: Claim) -> bool:
    """Whether the option is the whole next line or sentence: "Asia\\nAfrica"."""
    between = reply.low[found.end : claim.start]
    return not between.strip(" .,;\n") and bool(_LINE_END.match(reply.low, claim.end))


def opening_sentence(reply: ReplyText) -> Iterator[Verdict]:
    """The first sentence names one option and the next one gives the reason."""
    groups = answering_sentences(reply)
    if not groups or SENTENCE.search(reply.low, 0, groups[0][0].start):
        return
    first = groups[0][0]
    if is_kind(reply, first.start, first.end, first.option):
        return
    stop = SENTENCE.search(reply.low, groups[0][-1].end)
    if stop and _REASON.match(reply.low, stop.end()):
        yield from sole_claim(groups[0])
