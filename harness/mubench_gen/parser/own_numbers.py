"""An item of the reply's own list that its closing sentence points to: "(1) … (2) … → 2"."""

from __future__ import annotations

import re

from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.short_names import with_short_names
from mubench_gen.parser.stances import stance

_NUMBER = r"([1-9]|iv|v?i{1,3}|v)"
# An arrow is a ">" here.
_POINTS = re.compile(
    r"(?:(?:\A|[^\d)]) ?[-=]?> ?\(?"
    r"|\b(?:number|no\.|item|statement|candidate|description|point) ?\(?"
    rf"|\b(?:is|so|it's|therefore):? \(){_NUMBER}\)?\W{{0,3}}$"
)
# The mark of an item, right before an option.
_MARK = re.compile(
    rf"(?:(?:\A|\n) ?|[\s,;:]\(){_NUMBER}[.)]{{1,2}}:?\W{{1,4}}(?:the |an? )?[\"'(]?$"
)
_ROOM = 16  # characters of such a mark
_LEAST = 2  # items


def own_number(reply: ReplyText, start: int, end: int) -> Verdict | None:
    """The option of the item whose number ends the sentence at a place."""
    said = _POINTS.search(reply.low, start, end) if reply.choices.labels.lettered else None
    if said is None:
        return None
    listed: dict[str, set[int]] = {}
    text = reply.kept(with_short_names) or reply
    for at, _, option in text.mentions:
        mark = _MARK.search(reply.low, max(0, at - _ROOM), at) if at < start else None
        if mark is not None:
            listed.setdefault(mark[1], set()).add(option)
    named = listed.get(said[1], set())
    if len(named) != 1 or len(listed) < _LEAST or min(named) < 0:
        return None
    if stance(reply, *said.span()) != "asserted":
        return None
    return Verdict.of(min(named), *said.span(1))
