"""Rules for replies that open with the option that they argue for, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.claims import Claim, stance
from mubench_gen.parser.leading import OPERATOR
from mubench_gen.parser.reading import Reading, Verdict
from mubench_gen.parser.target import skip_fillers, text_at
from mubench_gen.parser.weighed import SENTENCE, by_sentence, single, weighed

_AGAINST = re.compile(r"\b(?:while|whereas|but|unlike|although|though|compared|not|than)\b")
_REASON = re.compile(
    r"\s*(?:this|you can tell|the reason|because|it is|it's|that is|both"
    r"|reasoning|here's why|in the (?:first|image))\b"
)
_BEGINS = re.compile(r"[.!?;\n][\s\"'*>-]*(?:(?:the|an?)\s)?[\"']?$")
_PREFERS = re.compile(
    r"\b(?:more|most|best|better|correct|right|answer|whereas|while|but|however|contrast|hand)\b"
)
_LINE_END = re.compile(r"[ ]*(?:[.;\n]|$)")
_ENDS = re.compile(r"[)\]\"']*\s*(?:[.!,;\n]|$)")


def leading_text(reading: Reading) -> Iterator[Verdict]:
    """The reply begins with an option's text: "Yes, the …", "Mitochondrion. It …"."""
    found = text_at(reading, skip_fillers(reading, 0))
    if found is None or found.option is None:
        yield from () if found is None else (found,)
        return
    if OPERATOR.match(reading.low, found.end) or _has_rival(reading, found):
        return
    others = [c for c in weighed(reading) if c.option != found.option and _begins(reading, c)]
    if _ENDS.match(reading.low, found.end):
        if any(_next_line(reading, found, claim) for claim in others):
            yield Verdict("ambiguous", None, found.start, found.end)
            return
    elif _told_in_turn(reading, found, others):
        return
    if stance(reading, found.start, found.end) == "asserted":
        yield found


def _has_rival(reading: Reading, found: Verdict) -> bool:
    """Whether its sentence goes on to another option: "A is round, B flat", not "whereas B"."""
    groups = by_sentence(reading, weighed(reading))
    for claim in groups[0] if groups else ():
        between = reading.low[found.end : claim.start]
        if claim.start < found.end or "\n" in between:
            continue
        if claim.stance in ("asserted", "open") and claim.option != found.option:
            return not _AGAINST.search(between)
    return False


def _begins(reading: Reading, claim: Claim) -> bool:
    """Whether a sentence or a line begins with the option, and speaks for it."""
    left = max(0, claim.start - 16)
    return claim.stance in ("asserted", "open") and bool(
        _BEGINS.search(reading.low, left, claim.start)
    )


def _told_in_turn(reading: Reading, found: Verdict, others: list[Claim]) -> bool:
    """ "X is round. Y is flat. Z is oval.": a sentence for each option, and none is preferred."""
    rivals = {claim.option for claim in weighed(reading) if claim.stance in ("asserted", "open")}
    if not others or len(rivals - {found.option}) < 2:
        return False
    first = SENTENCE.search(reading.low, found.end)
    second = SENTENCE.search(reading.low, others[0].end)
    assert first is not None  # the other option's sentence begins behind it
    if SENTENCE.search(reading.low, first.end(), others[0].start):
        return False  # a reason stands between them
    end = second.start() if second else len(reading.low)
    return not _PREFERS.search(reading.low, found.end, end)


def _next_line(reading: Reading, found: Verdict, claim: Claim) -> bool:
    """Whether the option is all of the next line or sentence: "Asia\\nAfrica"."""
    between = reading.low[found.end : claim.start]
    return not between.strip(" .,;\n") and bool(_LINE_END.match(reading.low, claim.end))


def opening_sentence(reading: Reading) -> Iterator[Verdict]:
    """The first sentence names one option and the next one gives the reason."""
    groups = by_sentence(reading, weighed(reading))
    if not groups or SENTENCE.search(reading.low, 0, groups[0][0].start):
        return
    stop = SENTENCE.search(reading.low, groups[0][-1].end)
    if stop and _REASON.match(reading.low, stop.end()):
        yield from single(groups[0])
