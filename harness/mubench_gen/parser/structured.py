"""Declarations by form: a box, a tag, a field of JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.target import target_at

_BOX = re.compile(r"\\f?boxed\s*\{")
_TAG = re.compile(r"<(?:answer|final_answer|ans)>", re.IGNORECASE)
_JSON = re.compile(
    r"[\"'](?:final_?|correct_?|selected_?|predicted_?)?(?:answer|choice|option|label|letter"
    r"|prediction|selection)(?:_[a-z]{1,12})?[\"']\s*:\s*",
    re.IGNORECASE,
)


def _after_marks(reply: ReplyText, pattern: re.Pattern[str]) -> Iterator[Verdict]:
    for mark in pattern.finditer(reply.marked):
        found = target_at(reply, mark.end())
        if found is not None:
            yield found


def boxed(reply: ReplyText) -> Iterator[Verdict]:
    r""" "\boxed{B}", "\boxed{\text{(B)}}"."""
    if "boxed" in reply.marked:
        yield from _after_marks(reply, _BOX)


def answer_tag(reply: ReplyText) -> Iterator[Verdict]:
    """<answer>B</answer>."""
    if "<" in reply.marked:
        yield from _after_marks(reply, _TAG)


def json_answer(reply: ReplyText) -> Iterator[Verdict]:
    """{"answer": "B"}, whole or in a fence."""
    if "{" in reply.marked:
        yield from _after_marks(reply, _JSON)
