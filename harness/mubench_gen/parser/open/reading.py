"""What the readers of open answers share: their results, and where a reply declares its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mubench_gen.parser.refusals import REFUSAL
from mubench_gen.parser.text import fold, hide_thinking, lower, spaces, strip_markup, strip_special
from mubench_gen.types import Status


@dataclass(frozen=True, slots=True)
class SetReading:
    """The options that a reply names, as sorted indices; empty unless `status` is "answered".

    `rule` and `span` are as in `Answer`.
    """

    status: Status
    indices: tuple[int, ...] = ()
    rule: str | None = None
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class NumberReading:
    """The number that a reply states, in the unit that was asked for; None unless "answered"."""

    status: Status
    value: float | None = None
    rule: str | None = None
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class TextReading:
    """The words that a reply answers with, as they stand there; None unless "answered"."""

    status: Status
    text: str | None = None
    rule: str | None = None
    span: tuple[int, int] | None = None


class Region(NamedTuple):
    """A part of a reply in which it declares its answer, and the name of the rule that says so."""

    start: int
    end: int
    rule: str


class OpenReply:
    """A reply folded, and without its thought and markup; all of its forms have its length.

    `unclosed`: a thought was begun and never ended.
    """

    def __init__(self, reply: str) -> None:
        visible, self.unclosed = hide_thinking(fold(reply))
        self.marked = strip_special(visible)
        self.text = _ANSWER_TAGS.sub(spaces, _MICRO.sub(_micro, strip_markup(self.marked)))
        self.low = lower(self.text)

    @property
    def is_empty(self) -> bool:
        return not self.text.strip() and not self.marked.strip(" \n\t*_`#{}")

    @property
    def refuses(self) -> bool:
        """Whether it says that it cannot or will not answer."""
        return bool(REFUSAL.search(self.low) or _SORRY.search(self.low))

    def unread(self, complete: bool | None) -> Status:
        """The status of a reply in which no rule found an answer."""
        if self.is_empty:
            return "truncated" if self.unclosed or complete is False else "empty"
        if self.unclosed:
            return "truncated"
        if self.refuses:
            return "refused"
        return "truncated" if complete is False else "none"

    def ends_at(self, end: int) -> bool:
        """Whether nothing but space stands behind a place, so that a cut reply may go on there."""
        return not self.marked[end:].strip()


_MICRO = re.compile(r"\\mu(\s*)([mgslLVAM])(?![A-Za-z])")  # LaTeX, of the length that it had


def _micro(found: re.Match[str]) -> str:
    return " " * (len(found[0]) - 2) + "µ" + found[2]


_ANSWER_TAGS = re.compile(r"</?(?:answer|final_answer|ans)>", re.IGNORECASE)
_SORRY = re.compile(r"\b(?:sorry|apologi[sz]e|as an ai)\b")
_NOUN = r"answers?(?:\(s\))?|options?(?:\(s\))?|choices?|selections?|solution|conclusion|result"
_DECLARES = re.compile(
    rf"\b(?P<before>(?:\w+\s+)?)(?P<noun>{_NOUN})(?:\s+(?:to|for|of)\s[^.:\n]{{1,60}}?)?"
    r"(?:\s+(?:here|that apply|which apply|therefore|thus|then))?"
    r"\s*(?:\b(?:is|are|was|were|(?:would|should|will|must) be|seems? to be|includes?|lautet|ist"
    r"|sind|est"
    r"|sont|es|son)\b\s*(?:therefore|thus|then|likely|probably)?\s*:?|[:=])\s*"
)
_CHOOSES = re.compile(
    r"\b(?:i(?:'d| would| will|'ll)? (?:therefore )?(?:select|choose|pick|go with|tick|mark)"
    r"|my (?:pick|guess)s? (?:is|are|would be))\s*:?\s*"
)
_DOUBTFUL = ("wrong", "incorrect", "first", "initial", "previous", "false", "other", "possible",
             "each", "every", "any", "which", "these", "those", "all", "no", "both")  # fmt: skip
_DENIES = re.compile(r"\s*(?:not|never|neither|no longer)\b")
_SENTENCE_END = re.compile(r"(?<=[^\s.])[.!?](?=\s|$)(?!\s*[a-z])|\n")
_LIST_ITEM = re.compile(
    r"\n+[ \t]*(?:[-*•(\[]|\d{1,2}[.)]|[A-Za-z](?:[.):]|(?=[ \t]*(?:\n|$))))[^\n]*"
)
_BOX = re.compile(r"\\f?boxed\s*\{")
_TAG = re.compile(r"<(answer|final_answer|ans)>(.*?)(?:</\1>|$)", re.IGNORECASE | re.DOTALL)
_FIELD = re.compile(
    r"[\"'](?:final_?|correct_?|selected_?|predicted_?|my_?)?(?:answers?|choices?|options?|labels?"
    r"|letters?|selections?|selected|correct|result|value|count|number|total|response|output|final)"
    r"(?:_[a-z]{1,12})?[\"']\s*:\s*",
    re.IGNORECASE,
)
_REACH = 1_000  # characters of a sentence
_MOST = 64  # declarations to look at; only a reply that loops has more


def declared(reply: OpenReply) -> list[Region]:
    """Where the reply declares its answer, the last first."""
    found = [*_fields(reply), *_boxes(reply), *_tags(reply)] or [*_phrases(reply)]
    return sorted(found, key=lambda region: -region.start)[:_MOST]


def sentence_end(text: str, at: int) -> int:
    """Where the sentence, or the line, that `at` is in ends; a very long one is cut."""
    stop = _SENTENCE_END.search(text, at, at + _REACH)
    return stop.start() if stop else min(len(text), at + _REACH)


def _fields(reply: OpenReply) -> Iterator[Region]:
    """The values of fields such as "answer" in JSON."""
    if "{" not in reply.marked:
        return
    for field in _FIELD.finditer(reply.marked):
        at = field.end()
        first = reply.marked[at : at + 1]
        if first == "[":
            end = reply.marked.find("]", at) + 1
        elif first in ("'", '"'):
            end = reply.marked.find(first, at + 1) + 1
        else:
            stop = re.compile(r"[,}\n]|$").search(reply.marked, at)
            end = stop.start() if stop else len(reply.marked)
        yield Region(at, end or len(reply.marked), "json")


def _boxes(reply: OpenReply) -> Iterator[Region]:
    for box in list(_BOX.finditer(reply.marked))[-_MOST:]:
        depth, at = 1, box.end()
        while at < min(len(reply.marked), box.end() + _REACH) and depth:
            depth += {"{": 1, "}": -1}.get(reply.marked[at], 0)
            at += 1
        yield Region(box.end(), at if depth else at - 1, "boxed")


def _tags(reply: OpenReply) -> Iterator[Region]:
    for tag in _TAG.finditer(reply.marked):
        yield Region(tag.start(2), tag.end(2), "tag")


def _phrases(reply: OpenReply) -> Iterator[Region]:
    """ "The answer is …", "Correct options: …", "I would select …"."""
    for phrase in list(_DECLARES.finditer(reply.low))[-_MOST:]:
        if phrase["before"].strip() in _DOUBTFUL or _DENIES.match(reply.low, phrase.end()):
            continue
        yield _phrase(reply, phrase.end())
    for phrase in list(_CHOOSES.finditer(reply.low))[-_MOST:]:
        yield _phrase(reply, phrase.end())


def _phrase(reply: OpenReply, at: int) -> Region:
    """The sentence behind a declaration, with the list that follows it."""
    end = sentence_end(reply.low, at)
    while (item := _LIST_ITEM.match(reply.low, end)) is not None:
        end = item.end()
    return Region(at, end, "declared")
