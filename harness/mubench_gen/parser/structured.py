"""Declarations by form: a box, a tag, a field of JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from mubench_gen.parser.reply_text import MANY, ReplyText, Verdict
from mubench_gen.parser.target import target_at
from mubench_gen.parser.text import fold, lower
from mubench_gen.parser.tokens import tokenize

_BOX = re.compile(r"\\f?boxed\s*\{")
_TAG = re.compile(r"<(?:answer|final_answer|ans)>", re.IGNORECASE)
_JSON = re.compile(
    r"[\"'](?:final_?|correct_?|selected_?|predicted_?)?(?:answer|choice|option|label|letter"
    r"|prediction|selection|result|class|category|diagnosis|pick|response|output"
    r"|final)(?:_[a-z]{1,12})?[\"']\s*:\s*",
    re.IGNORECASE,
)
# The field that gives the text of the option that another field names.
_TEXT_VALUE = re.compile(
    r"[\"'](?:(?:answer|option|choice|label)_)?(?:text|name|value|content|description|meaning)"
    r"[\"']\s{0,4}:\s{0,4}([\"'])(.{1,200}?)\1(?=\s{0,4}[,}\]\n])",
    re.IGNORECASE,
)
_VALUE = re.compile(r":\s{0,4}([\"'])(.{1,200}?)\1(?=\s{0,4}[,}\]\n])")
_ELEMENT = re.compile(r"<(\w{2,24})>([^<>\n]{1,200})</\1>")
_KEY_ROOM = 26  # characters before a value in which its key is
# Fields of options that were not chosen, or of what is said about one.
_ASIDE = re.compile(
    r"[<\"'{,\s](?:not|no|exclu|reject|altern|wrong|incorrect|second|runner|other|reason|why|expla|think"
    r"|differential|rationale)\w*[\"']?[>:]?$",
    re.IGNORECASE,
)


# From one box or object to the next, if nothing tells them apart: "\\boxed{A} \\boxed{B}".
_NO_WORD = re.compile(
    r"[\"']?(?:\\text\{)?([\w()\[\] -]{1,60})[\"']?\s{0,4}\}{1,3}"
    r"(?:[\s`$,;.&-]|json|and\b|or\b){0,24}"
    r"(?:\{\s{0,9}(?:[\"'](?:id|question|item|number|index)[\"']\s?:\s?[\"']?\w{1,12}[\"']?,\s{0,9})?)?"
)
# An answer within a field of others: {"answer": "A", "alternatives": [{"answer": "C"}]}.
_NESTED = re.compile(
    r"[\"'](?:altern|other|reject|runner|second|exclu|distract|wrong)\w*[\"']\s?:\s?[\[{]"
    r"[^\]}]{0,80}$",
    re.IGNORECASE,
)
_NEST_ROOM = 120  # characters


def _beside_another(reply: ReplyText, marks: list[re.Match[str]], last: Verdict) -> bool:
    """Whether another option stands in the mark right before the last one."""
    if len(marks) < 2:
        return False
    before = _NO_WORD.fullmatch(reply.marked, marks[-2].end(), marks[-1].start())
    if before is None:
        return False
    said = lower(before[1].strip(" ()[]"))
    option = reply.choices.labels.index_of.get(said)
    if option is None:
        option = reply.choices.read(tokenize(said))
    return option not in (None, last.option)


def is_nested(reply: ReplyText, at: int) -> bool:
    """Whether a field at a place is one of what was not chosen."""
    return _NESTED.search(reply.marked, max(0, at - _NEST_ROOM), at) is not None


def _after_marks(reply: ReplyText, pattern: re.Pattern[str]) -> Iterator[Verdict]:
    marks = [one for one in pattern.finditer(reply.marked) if not is_nested(reply, one.start())]
    found = [one for mark in marks if (one := target_at(reply, mark.end())) is not None]
    if found and _beside_another(reply, marks, found[-1]):
        found[-1] = Verdict("ambiguous", None, found[-1].start, found[-1].end)
    yield from found


def boxed(reply: ReplyText) -> Iterator[Verdict]:
    r""" "\boxed{B}", "\boxed{\text{(B)}}"."""
    if "boxed" in reply.marked:
        yield from _after_marks(reply, _BOX)


def answer_tag(reply: ReplyText) -> Iterator[Verdict]:
    """<answer>B</answer>."""
    if "<" in reply.marked:
        found = list(_after_marks(reply, _TAG))
        yield from found or ("</" in reply.marked and _only_value(reply, _ELEMENT)) or ()


def json_answer(reply: ReplyText) -> Iterator[Verdict]:
    """{"answer": "B"}, whole or in a fence."""
    if "{" not in reply.marked:
        return
    found = list(_after_marks(reply, _JSON))
    if found and (_is_contradicted(reply, found[-1]) or _differ(reply, found)):
        yield found[-1]._replace(status="contradiction", option=None)
    else:
        yield from found or _only_value(reply, _VALUE)


def _is_contradicted(reply: ReplyText, found: Verdict) -> bool:
    """{"answer": "A", "text": "eosinophil"}, where the eosinophil is B."""
    if found.option is None or not _is_label(reply, found):
        return False
    texts = {
        reply.choices.read(tokenize(lower(fold(value[2]))))
        for value in islice(_TEXT_VALUE.finditer(reply.marked), MANY)
    } - {None}
    return bool(texts) and found.option not in texts


def _is_label(reply: ReplyText, found: Verdict) -> bool:
    return reply.choices.labels.token.fullmatch(reply.text, found.start, found.end) is not None


def _differ(reply: ReplyText, found: list[Verdict]) -> bool:
    """{"label": "A", "answer": "eosinophil"}: a label and another option's text."""
    labels = {_is_label(reply, one) for one in found}
    return len(found) == len(labels) == 2 and found[0].option != found[1].option


def _only_value(reply: ReplyText, form: re.Pattern[str]) -> Iterator[Verdict]:
    """The one option whose text is a whole value: {"tissue": "mucus", "why": "…"}."""
    found = {}
    for value in islice(form.finditer(reply.marked), MANY):
        start = value.start(2)
        option = reply.choices.read(tokenize(lower(fold(value[2]))))
        key = reply.marked[max(0, start - _KEY_ROOM) : start].rstrip(" \"':")
        if option is not None and option >= 0 and not _ASIDE.search(key):
            found[option] = Verdict.of(option, *value.span(2))
    if len(found) == 1:
        yield from found.values()
