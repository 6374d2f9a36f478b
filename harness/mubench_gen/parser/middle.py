"""A mention in the middle of a long reply, which nothing there makes an answer."""

from __future__ import annotations

import re

from mubench_gen.parser.identified import is_framed, is_sentence
from mubench_gen.parser.reply_text import Claim, ReplyText, Verdict

# The end of a sentence, not the point of "E. coli" or "i.e.".
STOP = re.compile(
    r"[.!?\n。！？](?:(?<=[\n。！？])"
    r"|(?:(?<=[^\W\d_]{2}.)|(?<=[\d)\]\"'%+].))[\"')\]]{0,2}(?=\s))"
)
_LONG = 4  # sentences
_STOPS = (". ", "\n", "? ", "! ", ") ", '" ', "。")
_ROOM = 48
_SAID = re.compile(
    r"\b(?:corresponds? to|shows?|depicts?|displays?|reveals?|(?:would )?favou?r|fits?|match(?:es)?"
    r"|(?:is|are|was|were|be|looks?|seems?|appears?|suggests?|indicates?|points? to|see|have|with)"
    r" (?:clearly |likely |most likely |probably |obviously )?|[:=>-] ?)"
    r" ?(?:an? |the )?[\"'(]?$"
)
_ANSWERED = re.compile(
    r"[\"')]{0,2}(?:\?|,? ?[:=-]{0,2} ?(?:it is|for sure|obviously|clearly|likely|yes)\b)"
)
_BESIDE = re.compile(r"\bthere(?:'s| is| are| were| was) (?:an? |the |also )?$")


def has_sentences(low: str, least: int) -> bool:
    """Whether a text may have so many sentences; read at once, so that it says so too often."""
    return sum(map(low.count, _STOPS)) >= least - 1


def is_in_middle(reply: ReplyText, found: Verdict) -> bool:
    """Whether the mention is a text in neither the first nor the last of several sentences, and
    no words about it say that it is shown.
    """
    low = reply.low
    if found.option is None or not has_sentences(low, _LONG):
        return False
    if reply.choices.labels.token.match(reply.text, found.start):
        return False
    end = len(low.rstrip())
    stops = [stop.end() for stop in STOP.finditer(low, 0, end) if stop.end() < end]
    if len(stops) + 1 < _LONG or not stops[0] <= found.start < stops[-1]:
        return False
    claim = Claim(found.start, found.end, found.option, "asserted")
    if is_framed(reply, claim) or is_sentence(reply, claim) or _ANSWERED.match(low, found.end):
        return False
    near, start, _ = reply.near(found.start, found.end)
    before = near[max(0, start - _ROOM) : start]
    return _BESIDE.search(before) is not None or _SAID.search(before) is None
