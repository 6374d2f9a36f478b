"""Reads the short text that a reply answers with, and compares it with those that are accepted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from mubench_gen.parser.open.reading import OpenReply, TextReading, declared, sentence_end

_STATES = re.compile(
    r"\s*(?:(?:i (?:think|believe|would say)|in my opinion|based on [^.,;\n]{1,80})(?: that)?"
    r",?\s+)?"
    r"(?:this|that|it|these|those|they|(?:the|this|these) [^.,;:\n]{1,60}?)\s*"
    r"(?:'s\b|\b(?:is|are|was|were|(?:appears?|seems?) to be|looks? like|shows?|represents?"
    r"|would be|must be)\b)\s*"
    r"(?:(?:acquired|taken|obtained|made|captured|imaged|recorded|stained)"
    r" (?:with|by|using)\s"
    r"|(?:called|known as|labell?ed)\s)?"
)
_FILLERS = re.compile(
    r"[\s:=\"'(\[,]*(?:(?:most likely|probably|likely|clearly|here|best described as|an example of"
    r"|consistent with|called|labell?ed|i think(?: it'?s?| it is)?|it'?s|it is"
    r"|(?:an?|the)(?= ))\b[\s:\"'(\[,]*)*"
)
_OVER = re.compile(
    r"[\n;!?]|\.(?=\s*$|\s+[A-Z])|,(?=\s)|\s+-\s+|:\s"
    r"|\s(?:because|since|which|as (?:it|the|this|indicated|shown|seen|evidenced)|due to"
    r"|given|based on"
    r"|recogni[sz]able|where|with)\b"
)
_WHY = re.compile(r"\s*(?:because|since|as|which|due to|given|based on|with|where)\b")
_YES_NO = re.compile(r"\s*(yes|no)\b(?=\s*(?:[.,;:!\n-]|$))")
_OR = re.compile(r"\s(?:or|and/or)\s|(?<=[a-z])\s?/\s?(?=[a-z]{3})")
_WORDS = 8  # a longer reply without a declaration is no short text
_LEADING = re.compile(r"^(?:(?:an?|the|on|in|at|to|from|by|of|some)\s+)+")
_ARTICLES = re.compile(r"\b(?:an?|the)\s+")
_BRACKET = re.compile(r"\s*[(\[]([^()\[\]]{1,80})[)\]]")


def read_text(reply: str, *, complete: bool | None = None) -> TextReading:
    """The words that a reply answers with. Pure; never raises on a reply.

    What it declares ("Answer: …", a box, JSON), what its first sentence states ("This is a …"),
    or the whole of a short reply. Alternatives ("X or Y") are "ambiguous"; of a longer reply that
    declares nothing the status is "none". `complete`: as in `parse_answer`.
    """
    text = OpenReply(reply)
    if text.is_empty:
        return TextReading(text.unread(complete))
    for start, end, rule in _places(text):
        found = _words(text, start, end, rule)
        if found is None:
            continue
        if complete is False and rule not in ("json", "boxed") and text.ends_at(found[1]):
            return TextReading("truncated")
        said = text.text[found[0] : found[1]]
        if _OR.search(said.lower()):
            return TextReading("ambiguous")
        return TextReading("answered", " ".join(said.split()), rule, found)
    return TextReading(text.unread(complete))


def _places(text: OpenReply) -> Iterator[tuple[int, int, str]]:
    yield from declared(text)
    if text.refuses or text.unclosed:
        return
    start = len(text.low) - len(text.low.lstrip())
    if (said := _YES_NO.match(text.low, start)) is not None:
        yield said.start(1), said.end(1), "yes or no"
    end = sentence_end(text.low, start)
    if (states := _STATES.match(text.low, start, end)) is not None:
        yield states.end(), end, "statement"
    elif "\n" not in text.low.strip() and len(text.low.split()) <= _WORDS:
        yield start, len(text.low), "whole"


def _words(text: OpenReply, start: int, end: int, rule: str) -> tuple[int, int] | None:
    """Where the answer begins and ends in that part of the reply."""
    lead = _FILLERS.match(text.low, start, end)
    at = lead.end() if lead else start
    whole = rule in ("json", "boxed", "tag")
    stop = None if whole else _OVER.search(text.text, at, end)
    end = stop.start() if stop and stop.start() > at else end
    if rule == "whole" and stop and stop[0] == "," and not _WHY.match(text.low, stop.end()):
        end = len(text.low)  # a list: what is accepted says whether it is right
    if rule == "whole" and stop and stop[0].startswith(":"):
        at, end = stop.end(), len(text.low)  # "Stain: DAPI"
    said = text.text[at:end]
    trimmed = said.strip(" \t\n\"'.,;:!([{}])" if "(" not in said else " \t\n\"'.,;:!{}")
    if not trimmed:
        return None
    begin = at + said.index(trimmed)
    return begin, begin + len(trimmed)


def normal_text(text: str) -> str:
    """A text for comparison: without case, marks, articles, and a preposition before it."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("µ", "μ")
    plain = plain.replace("&", " and ")
    plain = "".join(c if c.isalnum() or c in "+%°'" else " " for c in plain).replace("'", "")
    plain = " ".join(plain.split())
    return _ARTICLES.sub("", _LEADING.sub("", plain)).strip()


def is_accepted(text: str, accepted: Sequence[str]) -> bool:
    """Whether a text is one of the accepted ones, or is with its abbreviation in brackets."""
    wanted = {normal_text(one) for one in accepted}
    return any(normal_text(form) in wanted for form in _forms(text))


def _forms(text: str) -> Iterator[str]:
    yield text
    bracket = _BRACKET.search(text)
    if bracket is None:
        return
    outside = text[: bracket.start()] + text[bracket.end() :]
    yield outside
    if _abbreviates(bracket[1], outside):
        yield bracket[1]


def _abbreviates(short: str, long: str) -> bool:
    """Whether the letters of one text are initials of the other, in their order."""
    initials = iter([word[0] for word in normal_text(long).split()])
    letters = [c for c in normal_text(short).replace("and", "") if c.isalnum()]
    return bool(letters) and all(letter in initials for letter in letters)
