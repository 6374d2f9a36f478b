"""The closing sentence of a reply of several: "The cell is in S phase.", "→ SEM", "So yes, …"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.claims import answering_claims, claims
from mubench_gen.parser.conclusions import PLAINLY_CONCLUDES
from mubench_gen.parser.identified import ends_clause, framed_claims, is_followed_by_another
from mubench_gen.parser.labels_in_prose import labels_named
from mubench_gen.parser.middle import STOP, has_sentences
from mubench_gen.parser.ordinal import ORDINALS, closing_place
from mubench_gen.parser.own_numbers import own_number
from mubench_gen.parser.refusals import refusals
from mubench_gen.parser.reply_text import Claim, ReplyText, Verdict
from mubench_gen.parser.restated import restated
from mubench_gen.parser.short_names import is_plain, with_short_names
from mubench_gen.parser.text import any_in, lower

_LEAST = 60  # characters before a closing sentence
_BEFORE = 2  # sentences before it
_FEWEST = 2  # options of which not only one may be denied
_BACK = 3  # sentences from the end on that may speak of the rejected options alone
_REACH = 720  # characters of these
# "So the epithelium is …": a subject and its verb, right before an option.
_IS = re.compile(
    r"(?:\A\W{0,3}|[,:;(>-] ?|\bi\.e\. |\b(?:that|so|and|thus|hence|therefore|then|but) )"
    r"(?:the|this|these|that|those|my|our|it|they|what) "
    r"(?!(?:scale|bar|background|other|others|rest|remaining|counterstain|adjacent|neighbo\w+"
    r"|surrounding|second|next|smaller|larger|upper|lower|left|right|one)\b)"
    r"(?:(?!(?:on|at|next|beside|near|above|below|behind|around|between)\b(?! (?:its|their)\b))"
    r"[\w'-]+ ){0,6}?"
    r"(?:is|are|was|were|must be|has to be|have to be|can only be|remains|shows|represents|names?)"
    r" (?:(?:\w+ly|thus|indeed|still|already|just|in fact) )?"
    r"(?:(?:in|at|from|of|called|scored|graded|classified as|one of) )?"
    r"(?:an? |the )?(?:(?:typical|classic|textbook|clear|good) )?[\"'(]?$"
)
_IF = re.compile(r"\W{0,3}(?:but |and |so )?(?:if|had|were|would|assuming|suppose|unless)\b")
_GOES_ON = re.compile(r"[)\"']?,? and (?:should|must|has|have|needs?|can|was|is|not)\b")
_ITEM = re.compile(r"\s*(?:[-*•–]|\(?(?:[a-z]|\d{1,2})[.):])\s")
# "From this picture the climate zone cannot be told.", if that is an option.
_OPENLY = re.compile(
    r"\b(?:(?:the|this|it|that)(?: [\w-]+){0,4}|there(?:'s| is| are| was)) [\"'(]?$"
)
_ROOM = 120


def closing(reply: ReplyText) -> Iterator[Verdict]:
    """What the last sentence of several says; those that only reject options are passed over."""
    if len(reply.low) < _LEAST or not has_sentences(reply.low[-_REACH:], _BEFORE + 1):
        return
    bounds = _last_sentences(reply)
    if len(bounds) <= _BEFORE or bounds[-1][0] < _LEAST or _ends_in_list(reply, bounds):
        return
    last = bounds[-1]
    answer = restated(reply, *last) or own_number(reply, *last) or _left_over(reply, *last)
    if answer is not None:
        yield answer
        return
    for start, end in reversed(bounds[-_BACK:]):
        if not _may_name(reply, start, end):
            return
        text = ReplyText(reply.marked[start:end], reply.choices)
        found = closing_place(text) or _named(reply, text)
        if found is not None:
            yield found._replace(start=found.start + start, end=found.end + start)
        if found is not None or not _only_rejects(text):
            return


def _left_over(reply: ReplyText, start: int, end: int) -> Verdict | None:
    """The only one of several options that the sentence does not deny: "So not A, not B, nor C"."""
    count = len(reply.choices.options)
    if count <= _FEWEST or "not" not in reply.low[start:end]:
        return None
    said = answering_claims(ReplyText(reply.marked[start:end], reply.choices))
    rest = set(range(count)) - {claim.option for claim in said}
    if len(rest) != 1 or any(claim.stance != "denied" for claim in said):
        return None
    left = rest.pop()
    if any(claim.option == left and claim.stance == "denied" for claim in reply.kept(claims)):
        return None
    return Verdict.of(left, said[-1].start + start, said[-1].end + start)


def _may_name(reply: ReplyText, start: int, end: int) -> bool:
    """Whether a sentence holds an option, or the beginning of one."""
    low = reply.low[start:end]
    return (
        any_in(reply.choices.beginnings, low)
        or any(start <= label.start < end for label in labels_named(reply))
        or any_in(reply.choices.initials, reply.text[start:end])
        or ORDINALS.search(low) is not None
    )


def _only_rejects(text: ReplyText) -> bool:
    """Whether the sentence only tells what is not shown, or what would be if it were."""
    if _IF.match(text.low) or " would " in text.low:
        return True
    if refusals(text):
        return False
    said = answering_claims(text.kept(with_short_names) or text)
    return bool(said) and all(c.stance not in ("asserted", "open") for c in said)


def _ends_in_list(reply: ReplyText, bounds: list[tuple[int, int]]) -> bool:
    """Whether the reply ends with the items of a list."""
    return all(_ITEM.match(lower(reply.marked[start:end])) for start, end in bounds[-2:])


def _last_sentences(reply: ReplyText) -> list[tuple[int, int]]:
    """The spans of the last sentences, from the first of them that is whole."""
    low = reply.low
    end = len(low.rstrip())
    at = max(0, end - _REACH)
    spans = []
    for stop in STOP.finditer(low, at, end):
        if low[at : stop.end()].strip():
            spans.append((at, stop.end()))
        at = stop.end()
    if low[at:end].strip():
        spans.append((at, end))
    return spans


def _named(reply: ReplyText, text: ReplyText) -> Verdict | None:
    """The one option that the sentence frames as what is shown."""
    if _IF.match(text.low):
        return None
    text = text.kept(with_short_names) or text
    said = answering_claims(text)
    framed = framed_claims(text, said)
    framed += [c for c in said if c.stance == "asserted" and _is_said(text, c)]
    framed = [c for c in framed if not is_plain(text, Verdict.of(c.option, c.start, c.end))]
    if len({claim.option for claim in framed}) != 1 or not _stands_alone(reply, text, framed[-1]):
        return None
    return Verdict.of(framed[-1].option, framed[-1].start, framed[-1].end)


def _is_said(text: ReplyText, claim: Claim) -> bool:
    low, start, end = text.near(claim.start, claim.end)
    denies = text.choices.keys[claim.option].startswith((" cannot ", " not ", " no "))
    return (
        (_OPENLY if denies else _IS).search(low, max(0, start - _ROOM), start) is not None
        and (ends_clause(text, claim.start, claim.end) or _GOES_ON.match(low, end) is not None)
        and not is_followed_by_another(low, end)
    )


def _stands_alone(reply: ReplyText, text: ReplyText, found: Claim) -> bool:
    """Whether before it no other option was said to be shown, or several; or it concludes."""
    if PLAINLY_CONCLUDES.search(text.low):
        return True
    framed = {claim.option for claim in framed_claims(reply, answering_claims(reply))}
    return len(framed - {found.option}) != 1
