"""What a reply takes back ("scratch that"), and where it thinks again ("Hmm, but wait")."""

from __future__ import annotations

import re

from mubench_gen.parser.cues import cues
from mubench_gen.parser.refusals import refusals
from mubench_gen.parser.reply_text import Claim, ReplyText
from mubench_gen.parser.text import any_in

# "I take that back": what was said before counts no more.
_WITHDRAWN = re.compile(
    r"\b(?<!if )i (?:(take (?:(?:that|it|this) back|back (?:that|what i said|my answer))"
    r"|(?:(?:have to|must|need to|should|will) )?(?:retract|withdraw) (?:that|it|my))"
    r"|stand corrected"
    r"|(?:was|am) (?:wrong|mistaken)|misspoke|((?:can(?:no|')t|can not|won't) stand by))\b"
    r"|\b(?<!if )i(?:'m| am) (no longer (?:sure|certain|convinced))\b"
    r"|\b(?:scratch|strike|ignore|disregard|forget) (?:that\b"
    r"|my (?:\w+ )?(?:answer|statement|reply|guess|claim)\b[^.:;\n]*)"
    r"|\bon (?:second|closer) thoughts?\b"
    r"|\bmy (?:mistake|bad)\b|\b(?:no,? wait|wait,? no)\b|\blet me correct (?:that|myself)\b"
)
_WITHDRAWS = cues(
    "back corrected wrong mistaken misspoke retract withdraw stand scratch strike ignore disregard"
    " forget thought thoughts mistake bad wait let longer",
    _WITHDRAWN,
)
# Where a reply thinks again; with a group: it says at once that it was wrong.
_RECONSIDERS = re.compile(
    r"(?:\A|[.!?,;:\n(-] {0,3}|\b(?:but|and|hmm+) )"
    r"(?:(?:(?:hmm+|but|no|oh|ah|uh|well|actually|ok|okay),? ){0,3}"
    r"(?:wait|hold on|hang on|not so fast)\b"
    r"(?! (?:for|until|till|to|times?|a (?:week|month|day))\b)"
    r"|(?:(?:hmm+|but|no|oh|ah|well|actually),? ){0,2}on"
    r" (?:(?:(?:a )?(?:second|closer)|further) (?:thoughts?|look|glance|inspection|reflection)"
    r"|re-?(?:count|inspect|examin|read|flect|consider|view)\w{0,5})\b"
    r"|(?:(?:hmm+|but|no|oh|ah|well|actually),? ){0,2}(?:let me|i(?:'ll| should))"
    r" (?:re-?(?:count|consider|check|think|examine|read)|(?:count|check|look|think|read|start|try)"
    r" (?:(?:it|this|that|them|the \w+) )?(?:again|over|anew|once more))\b"
    r"|or (?:is|are|was|does|do) (?:it|they|this|that)(?=\?)|now that i (?:look|think|see|check)\b"
    r"|then again\b|(?:that|this) changes (?:things|everything|my)\b"
    r"|i(?:'m| am|'ve| have)? chang(?:e|ed|ing) my mind\b()|(?:hmm+|actually),? no(?=[,.:;!-]))"
    r"(?:,? no(?=[.!]|$)()|[^.!?\n]{0,40}?\b(?:(?:that|this|it)(?:'s| is| was) (?:wrong"
    r"|incorrect|mistaken|not right|not (?:it|correct))|(?:that|this|it) (?:can't|cannot|can not"
    r"|couldn't) be(?: right| correct| it| so)?|that (?:doesn't|does not) (?:fit|work|add up)"
    r"|i was wrong)(?=[.,;:!\n ])()"
    r")?"
)
RECONSIDERING = cues(
    "wait hold hang fast second closer further re recount* reinspect* reexamin* reread* reflect*"
    " reconsider* review* let ll should mind hmm* actually or now again changes",
    _RECONSIDERS,
)
_SHORTEST = 4  # characters, as "wait"
THINKS_AGAIN = (  # one is in every match
    "wait", "hold on", "hang on", "so fast", "on second", "on closer", "on further",
    "on a se", "on a cl", "on re", "let me ", "i'll ", "i should ", "my mind", "hmm", "actually",
    "it?", "they?", "this?", "that?", "that i ", "again", " changes ",
)  # fmt: skip


def left_standing(reply: ReplyText, kept: list[Claim]) -> list[Claim]:
    """The claims; those before a withdrawal are contrasted if others are asserted behind it."""
    until, wholly = _withdrawn_until(reply)
    if until and (wholly or any(c.stance == "asserted" for c in kept if c.start > until)):
        return [c if c.start > until else c._replace(stance="contrasted") for c in kept]
    return kept


def taken_back(reply: ReplyText, start: int) -> bool:
    """Whether what stands at a place is taken back, and nothing is put in its stead."""
    until, wholly = _withdrawn_until(reply, start)
    if not until:
        return False
    return wholly or bool(refusals(reply, until))


def reconsidered(reply: ReplyText, start: int) -> tuple[int, bool] | None:
    """Where the reply thinks again behind a place; whether it says at once that it was wrong."""
    if len(reply.low) - start < _SHORTEST or not reply.cues & RECONSIDERING:
        return None
    if not any_in(THINKS_AGAIN, reply.low[start:]):
        return None
    found = _RECONSIDERS.search(reply.low, start)
    return (found.end(), found.lastindex is not None) if found else None


def _withdrawn_until(reply: ReplyText, start: int = 0) -> tuple[int, bool]:
    """The place up to which a reply takes back what it said, 0 if it does not from `start` on;
    whether nothing need replace it.
    """
    if not reply.cues & _WITHDRAWS:
        return 0, False
    found = list(_WITHDRAWN.finditer(reply.low, start))
    return (found[-1].end(), found[-1].lastindex is not None) if found else (0, False)
