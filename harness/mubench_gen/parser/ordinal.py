"""Options named by position: "the second option", "option 2" if labels are letters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.claims import stance
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.text import any_in

_WORDS = ("first", "second", "third", "fourth", "fifth", "sixth")
_ORDINAL = re.compile(
    rf"(?<!my )\b(?:({'|'.join(_WORDS)}|last|([1-9])(?:st|nd|rd|th)) (?:option|choice|answer)"
    r"|(?:option|choice) (?:number |no\. ?)?([1-9][0-9]?))(?!\w|\.\d)"
)


def ordinal(reply: ReplyText) -> Iterator[Verdict]:
    """One option is named by its position, and no other."""
    if not any_in(("option", "choice", "answer"), reply.low):
        return
    found: dict[int, Verdict] = {}
    for match in _ORDINAL.finditer(reply.low):
        option = _place(match, len(reply.choices.options))
        if option is not None and stance(reply, *match.span()) == "asserted":
            found.setdefault(option, Verdict.of(option, *match.span()))
    if len(found) == 1:
        yield from found.values()


def _place(match: re.Match[str], options: int) -> int | None:
    word, digit, number = match.groups()
    if word == "last":
        return options - 1
    place = int(digit or number) - 1 if digit or number else _WORDS.index(word)
    return place if place < options else None
