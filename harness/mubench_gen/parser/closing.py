"""The closing sentence of a reply of several: "The cell is in S phase.", "→ SEM", "So yes, …"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.claims import answering_claims
from mubench_gen.parser.conclusions import PLAINLY_CONCLUDES
from mubench_gen.parser.identified import ends_clause, framed_claims, is_followed_by_another
from mubench_gen.parser.ordinal import closing_place
from mubench_gen.parser.refusals import refusals
from mubench_gen.parser.reply_text import Claim, ReplyText, Verdict
from mubench_gen.parser.short_names import is_plain, with_short_names
from mubench_gen.parser.text import lower

_LEAST = 80  # characters before a closing sentence
_BEFORE = 2  # sentences before it
_BACK = 3  # sentences from the end on that may speak of the rejected options alone
_REACH = 900  # characters of these
# Not the point of "E. coli" or "i.e.": two letters, a digit or a bracket stand before it.
_STOP = re.compile(r"(?:(?<=[^\W\d_]{2})|(?<=[\d)\]\"'%+]))[.!?][\"')\]]{0,2}(?=\s)|\n|[。！？]")
# "So the epithelium is …": a subject and its verb, right before an option.
_IS = re.compile(
    r"(?:\A\W{0,3}|[,:;(>-] ?|\bi\.e\. |\b(?:that|so|and|thus|hence|therefore|then|but) )"
    r"(?:the|this|these|that|those|my|our|it|they|what) "
    r"(?!(?:scale|bar|background|other|others|rest|remaining|counterstain|adjacent|neighbo\w+"
    r"|surrounding|second|next|smaller|larger|upper|lower|left|right|one)\b)"
    r"(?:(?!(?:on|at|next|beside|near|above|below|behind|under|around|between)\b)[\w'-]+ ){0,6}?"
    r"(?:is|are|was|were|must be|has to be|have to be|can only be|remains|shows|represents|names?)"
    r" (?:(?:\w+ly|thus|indeed|still|already|just|in fact) )?"
    r"(?:(?:in|at|from|of|called|scored|graded|classified as|one of) )?"
    r"(?:an? |the )?(?:(?:typical|classic|textbook|clear|good) )?[\"'(]?$"
)
_IF = re.compile(r"\W{0,3}(?:but |and |so )?(?:if|had|were|would|assuming|suppose|unless)\b")
_GOES_ON = re.compile(r"[)\"']?,? and (?:should|must|has|have|needs?|can|was|is|not)\b")
_ITEM = re.compile(r"\s*(?:[-*•–]|\(?(?:[a-z]|\d{1,2})[.):])\s")
_ROOM = 120


def closing(reply: ReplyText) -> Iterator[Verdict]:
    """What the last sentence of several says; those that only reject options are passed over."""
    bounds = _last_sentences(reply)
    if len(bounds) <= _BEFORE or bounds[-1][0] < _LEAST or _ends_in_list(reply, bounds):
        return
    for start, end in reversed(bounds[-_BACK:]):
        text = ReplyText(reply.marked[start:end], reply.choices)
        placed = closing_place(text)
        if placed is not None:
            yield _moved(placed, start)
            return
        if _IF.match(text.low):
            continue
        short = with_short_names(text) or text
        said = answering_claims(short)
        found = _named(short, said)
        if found is not None:
            if not _stands_alone(reply, text, found):
                return
            yield _moved(found, start)
            return
        if refusals(text) or (
            " would " not in text.low and any(c.stance in ("asserted", "open") for c in said)
        ):
            return


def _ends_in_list(reply: ReplyText, bounds: list[tuple[int, int]]) -> bool:
    """Whether the reply ends with the items of a list."""
    return all(_ITEM.match(lower(reply.marked[start:end])) for start, end in bounds[-2:])


def _moved(found: Verdict, start: int) -> Verdict:
    return found._replace(start=found.start + start, end=found.end + start)


def _last_sentences(reply: ReplyText) -> list[tuple[int, int]]:
    """The spans of the last sentences, from the first of them that is whole."""
    low = reply.low
    end = len(low.rstrip())
    at = max(0, end - _REACH)
    spans = []
    for stop in _STOP.finditer(low, at, end):
        if low[at : stop.end()].strip():
            spans.append((at, stop.end()))
        at = stop.end()
    if low[at:end].strip():
        spans.append((at, end))
    return spans


def _named(text: ReplyText, said: list[Claim]) -> Verdict | None:
    """The one option that the sentence frames as what is shown."""
    framed = framed_claims(text, said)
    framed += [c for c in said if c.stance == "asserted" and _is_said(text, c)]
    framed = [c for c in framed if not is_plain(text, Verdict.of(c.option, c.start, c.end))]
    if len({claim.option for claim in framed}) != 1:
        return None
    return Verdict.of(framed[-1].option, framed[-1].start, framed[-1].end)


def _is_said(text: ReplyText, claim: Claim) -> bool:
    low, start, end = text.near(claim.start, claim.end)
    return (
        _IS.search(low, max(0, start - _ROOM), start) is not None
        and (ends_clause(text, claim.start, claim.end) or _GOES_ON.match(low, end) is not None)
        and not is_followed_by_another(low, end)
    )


def _stands_alone(reply: ReplyText, text: ReplyText, found: Verdict) -> bool:
    """Whether no other option was said to be shown before, or several, or the sentence concludes."""
    if PLAINLY_CONCLUDES.search(text.low):
        return True
    framed = {claim.option for claim in framed_claims(reply, answering_claims(reply))}
    return len(framed - {found.option}) != 1
