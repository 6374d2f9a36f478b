"""Recognises a repeated list of options, "A. nucleus\\nB. mitochondrion …", which asserts none."""

from __future__ import annotations

import re

from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.text import lower
from mubench_gen.parser.tokens import text_ends, tokenize

_GAP = re.compile(
    r"[\s()\[\].,:;\"'>/\-]*(?:(?:and|or|und|et|y|e|ou|o|和|或|options?|choices?)\s+)?[\s(\[\"']*"
)
# The mark of an item; a verb after the label makes it a sentence about the option instead.
_MARK = re.compile(
    r"(?:[.):\],]|\s*-\s|\s)(?!\s*(?:is|are|was|does|would|can|has|not|in)?correct|\s*(?:is|are"
    r"|was|does|would|can|has|not)\b)"
)
_LINE = re.compile(r"\n[\s(\[\"'-]*(?:(?:option|choice)\s+[(\[]?)?")
_PUNCTUATION = " \t\n()[].,:;\"'>-"
_ARTICLE = re.compile(r"[^\w]{0,12}(?:the|an?)\s+")
_CONJUNCTION_END = re.compile(r"[\s,]+(?:option|choice|and|or|und|oder|et|ou|y|o|e)$")
_CONJUNCTIONS = (
    " option ",
    " choice ",
    " and ",
    " or ",
    " und ",
    " oder ",
    " et ",
    " ou ",
    " y ",
    " o ",
    " e ",
)
_WINDOW = 400


def own_text_end(reply: ReplyText, index: int, end: int) -> int | None:
    """The end of option `index`'s text if it follows a label that ends at `end`, else None."""
    return reply.kept_at(_own_text_end, index, end)


def _own_text_end(reply: ReplyText, index: int, end: int) -> int | None:
    if end >= len(reply.low) or not reply.choices.may_start(reply.low, end, index):
        return None
    limit = end + reply.choices.room
    article = _ARTICLE.match(reply.low, end)
    for key in reply.choices.owned(index):
        own = text_ends(reply.low, end, key, limit)
        if own is None and article:
            own = text_ends(reply.low, article.end(), key, limit)
        if own is not None:
            return own
    return None


def _is_next_item(reply: ReplyText, at: int, index: int) -> bool:
    """Whether the label of `index` with its own text is at `at`."""
    token = reply.choices.labels.token.match(reply.text, at)
    if token is None or reply.choices.labels.index_of.get(token[0].lower()) != index:
        return False
    return own_text_end(reply, index, token.end()) is not None


def in_list(reply: ReplyText, index: int, start: int, end: int) -> bool:
    """Whether the label from `start` to `end` is an item of a repeated list of options."""
    return _goes_on(reply, index, end) or _came_from(reply, index, start)


def _goes_on(reply: ReplyText, index: int, end: int) -> bool:
    following = index + 1
    if following == len(reply.choices.options):
        return False
    own = own_text_end(reply, index, end)
    if own is not None:
        gap = _GAP.match(reply.low, own)
        if gap and _is_next_item(reply, gap.end(), following):
            return True
    return _next_line_is_next_label(reply, index, end)


def _next_line_is_next_label(reply: ReplyText, index: int, end: int) -> bool:
    """Options repeated in other words: lines that begin A., B., …"""
    line = reply.text.find("\n", end, end + _WINDOW)
    if line < 0 or index > 0 or not reply.text[end:line].strip(" .):]"):
        return False
    start = _LINE.match(reply.low, line)
    assert start is not None
    following = reply.choices.labels.token.match(reply.text, start.end())
    if following is None or not _MARK.match(reply.low, following.end()):
        return False
    return reply.choices.labels.index_of.get(following[0].lower()) == index + 1


def _came_from(reply: ReplyText, index: int, start: int) -> bool:
    """Whether the previous option, label and text, is right before."""
    if index == 0:
        return False
    key = reply.choices.key(index - 1)
    last, ending = key[-3:-1].strip(), reply.low[max(0, start - 20) : start]
    # An irregular plural ends in other letters than its key.
    written = lower(reply.choices.options[index - 1]).rstrip(_PUNCTUATION)[-2:]
    if not key or not (last in ending or written in ending):
        return False
    ending = _CONJUNCTION_END.sub("", ending.rstrip(_PUNCTUATION))
    if not ending.endswith((last, f"{last}s", written)):
        return False
    room = len(reply.choices.options[index - 1]) * 2 + 40
    tokens = tokenize(reply.low, max(0, start - room), start)
    joined = tokens.joined
    count = len(tokens.spans)
    if not joined.endswith(key) and joined.endswith(_CONJUNCTIONS):  # "H&E" ends in no "e"
        joined = joined[: joined.rindex(" ", 0, -1) + 1]
        count -= 1
    if not joined.endswith(key):
        return False
    first = count - (key.count(" ") - 1)
    for place in (first - 1, first - 2):  # an article may stand between label and text
        if place < 0:
            return False
        word = reply.low[slice(*tokens.spans[place])]
        if reply.choices.labels.index_of.get(word) == index - 1:
            return True
        if word not in ("the", "a", "an"):
            return False
    return False


def listed(reply: ReplyText, found: Verdict) -> bool:
    """Whether a verdict's label is an item of a repeated list of options."""
    return found.option is not None and in_list(reply, found.option, found.start, found.end)
