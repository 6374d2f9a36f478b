"""Numbers as answers: results of calculations, and counts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.target import skip_fillers, text_at

_LAST = re.compile(r"[\s.!]*(?:\w{1,12}[\s.!]*)?$")  # a unit may follow
_COUNTED = re.compile(
    r"\b(?:there (?:is|are|appears? to be|seems? to be)|i (?:can )?(?:see|count|identify)"
    r"|the total (?:number [^.\n]{1,60} )?is|total of|a count of|shows?|contains?)"
    r" (?:exactly |about |only |a total of )?(?=[0-9tfsnez])"
)


def result(reply: ReplyText) -> Iterator[Verdict]:
    """A calculation that ends in an option's text: "3 * 5 = 15"."""
    equals = reply.low.rfind("=", max(0, len(reply.low) - 80))
    found = text_at(reply, skip_fillers(reply, equals + 1)) if equals >= 0 else None
    if found is not None and _LAST.match(reply.low, found.end):
        yield found


def counted(reply: ReplyText) -> Iterator[Verdict]:
    """The reply states one count, and it is an option: "There are 4 cells"."""
    if not any(key[1:2].isdigit() for key in reply.choices.keys):
        return
    found = []
    for cue in _COUNTED.finditer(reply.low):
        number = text_at(reply, cue.end())
        if number is not None and _is_number(reply, number):
            found.append(number)
    if found and len({number.option for number in found}) == 1:
        yield found[-1]


def _is_number(reply: ReplyText, found: Verdict) -> bool:
    return found.option is not None and reply.choices.keys[found.option][1].isdigit()
