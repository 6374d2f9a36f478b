"""Numbers as answers: results of calculations."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.cues import cues
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.target import skip_fillers, text_at

_LAST = re.compile(r"[\s.!]*(?:\w{1,12}[\s.!]*)?$")  # a unit may follow
EQUALS = cues("=")


def _is_one_of_several(reply: ReplyText, equals: int) -> bool:
    """Whether a sign before tells another option: "left = xylem, right = phloem"."""
    before = reply.low.rfind("=", max(0, equals - 80), equals)
    named = text_at(reply, skip_fillers(reply, before + 1)) if before >= 0 else None
    return named is not None and not reply.low[named.start : named.end][:1].isdigit()


def result(reply: ReplyText) -> Iterator[Verdict]:
    """A calculation that ends in an option's text: "3 * 5 = 15"."""
    equals = reply.low.rfind("=", max(0, len(reply.low) - 80))
    found = text_at(reply, skip_fillers(reply, equals + 1)) if equals >= 0 else None
    if equals > 0 and found is not None and _is_one_of_several(reply, equals):
        return
    if found is not None and _LAST.match(reply.low, found.end):
        yield found
