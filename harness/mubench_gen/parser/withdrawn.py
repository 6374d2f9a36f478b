"""What a reply takes back: "scratch that", "I stand corrected"."""

from __future__ import annotations

import re

from mubench_gen.parser.cues import cues
from mubench_gen.parser.refusals import refusals
from mubench_gen.parser.reply_text import Claim, ReplyText

# "I take that back": what was said before counts no more.
_WITHDRAWN = re.compile(
    r"\b(?<!if )i (?:(take (?:(?:that|it|this) back|back (?:that|what i said|my answer))"
    r"|(?:retract|withdraw) (?:that|it|my))|stand corrected"
    r"|(?:was|am) (?:wrong|mistaken)|misspoke|((?:can(?:no|')t|can not|won't) stand by))\b"
    r"|\b(?:scratch|strike|ignore|disregard|forget) (?:that\b"
    r"|my (?:\w+ )?(?:answer|statement|reply|guess|claim)\b[^.:;\n]*)"
    r"|\bon (?:second|closer) thoughts?\b"
    r"|\bmy (?:mistake|bad)\b|\b(?:no,? wait|wait,? no)\b|\blet me correct (?:that|myself)\b"
)
_WITHDRAWS = cues(
    "back corrected wrong mistaken misspoke retract withdraw stand scratch strike ignore disregard"
    " forget thought thoughts mistake bad wait let",
    _WITHDRAWN,
)


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


def _withdrawn_until(reply: ReplyText, start: int = 0) -> tuple[int, bool]:
    """The place up to which a reply takes back what it said, 0 if it does not from `start` on;
    whether nothing need replace it.
    """
    if not reply.cues & _WITHDRAWS:
        return 0, False
    found = list(_WITHDRAWN.finditer(reply.low, start))
    return (found[-1].end(), bool(found[-1][1] or found[-1][2])) if found else (0, False)
