"""Options named at a place of a reply: a label, its text, or both."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from mubench_gen.parser.option_text import any_text_at, contradicts
from mubench_gen.parser.repeated_options import own_text_end
from mubench_gen.parser.reply_text import ReplyText
from mubench_gen.types import Status

_LABEL_BEHIND = re.compile(r"\s?[(\[](?:option )?([A-Za-z0-9]{1,3})[)\]]")
_MARK = re.compile(r"[)\]]?\s{0,2}[:(.=-]\s*")
_VERB = re.compile(r" (?:is|are|and|or|but|as|because|since|plus|only|except|with)\b")


@dataclass(slots=True)
class Named:
    """Options that a reply names together; `status` is set where something is wrong with them."""

    indices: list[int] = field(default_factory=list)
    start: int = 0
    end: int = 0
    status: Status | None = None


class NamedOption(NamedTuple):
    """One option: its place (-1 for a label that is not offered), and where its name ends."""

    option: int
    end: int
    status: Status | None = None


def item_at(text: ReplyText, at: int) -> NamedOption | None:
    """The option that is named at `at`, None where none is."""
    token = text.choices.labels.token.match(text.text, at)
    if token is not None and _is_label(text, at, token.end()):
        index = text.choices.labels.index_of.get(token[0].lower())
        if index is None:
            return NamedOption(-1, token.end(), "out_of_range")
        own = own_text_end(text, index, token.end())
        if own is None and _is_given_another(text, index, token.end()):
            return NamedOption(index, token.end(), "contradiction")
        return NamedOption(index, own or token.end())
    named = any_text_at(text, at)
    if named is None or named.option is None:
        return None
    return _with_label(text, named.option, named.end)


def _with_label(text: ReplyText, index: int, end: int) -> NamedOption:
    """An option's text with its label behind it: "nucleus (A)"."""
    behind = _LABEL_BEHIND.match(text.text, end)
    if behind is None:
        return NamedOption(index, end)
    told = text.choices.labels.index_of.get(behind[1].lower(), index)
    return NamedOption(index, behind.end(), None if told == index else "contradiction")


def _is_given_another(text: ReplyText, index: int, end: int) -> bool:
    """Whether a label is given another option's text, which is no next item: "A: wall"."""
    return _MARK.match(text.low, end) is not None and contradicts(text, index, end)


def _is_label(text: ReplyText, at: int, end: int) -> bool:
    """Whether a token is a label, not an article, a word or a part of a name."""
    token, source = text.text[at:end], text.text
    known = text.choices.labels.index_of.get(token.lower())
    before, after = source[at - 1 : at], source[end : end + 1]
    if before in ("(", "[", '"', "'") and after in (")", "]", '"', "'"):
        return True
    if after in ("'", "-") and source[end + 1 : end + 2].isalnum():
        return False
    if known is None:
        return token.isupper() and (not after or after in ",;)]:\n")
    if after != " " or not source[end + 1 : end + 2].isalpha():
        return True
    if own_text_end(text, known, end) is not None:
        return True
    if token.islower() or any_text_at(text, end + 1) is not None:
        return False
    return token != "A" or _VERB.match(text.low, end) is not None
