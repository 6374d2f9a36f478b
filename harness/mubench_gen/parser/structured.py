"""Declarations by form: a box, a tag, a field of JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.reading import Reading, Verdict
from mubench_gen.parser.target import target_at

_BOX = re.compile(r"\\f?boxed\s*\{")
_TAG = re.compile(r"<(?:answer|final_answer|ans)>", re.IGNORECASE)
_JSON = re.compile(
    r"[\"'](?:final_?|correct_?|selected_?|predicted_?)?(?:answer|choice|option|label|letter"
    r"|prediction|selection)(?:_[a-z]{1,12})?[\"']\s*:\s*",
    re.IGNORECASE,
)


def _after_marks(reading: Reading, pattern: re.Pattern[str]) -> Iterator[Verdict]:
    for mark in pattern.finditer(reading.marked):
        found = target_at(reading, mark.end())
        if found is not None:
            yield found


def boxed(reading: Reading) -> Iterator[Verdict]:
    r""" "\boxed{B}", "\boxed{\text{(B)}}"."""
    if "boxed" in reading.marked:
        yield from _after_marks(reading, _BOX)


def answer_tag(reading: Reading) -> Iterator[Verdict]:
    """<answer>B</answer>."""
    if "<" in reading.marked:
        yield from _after_marks(reading, _TAG)


def json_answer(reading: Reading) -> Iterator[Verdict]:
    """{"answer": "B"}, whole or in a fence."""
    if "{" in reading.marked:
        yield from _after_marks(reading, _JSON)
