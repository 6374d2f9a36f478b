"""The plainest replies, read at once: they are most of a run, and need no preparation.

What is read here the rules would read alike; all else is left to them.
"""

from __future__ import annotations

import re

from mubench_gen.parser.choices import Choices
from mubench_gen.parser.keys import starts_of
from mubench_gen.parser.plain_labels import read_label
from mubench_gen.types import Answer

_AROUND = " \t\r\n.,:;!?()[]*"
_DECLARED = re.compile(
    r"\s{0,9}\**(?:(?:the |my )?(?:correct |final |best )?(?:answer|option)(?: is|:)) ?\**"
    r"(?:option )?[(\[]?([A-Za-z0-9]{1,3})[)\]]?\**\.?\**\s{0,9}",
    re.IGNORECASE,
)
_ITEM = re.compile(r"\s{0,9}\**[(\[]?([A-Za-z0-9]{1,3})[)\].:]{1,2}\**[ \t]{1,3}")
_END = " \t\r\n.*"
_FIRST_WORD = 4  # letters of a first word that is no article
_WORDS = re.compile(rf"[A-Za-z]{{{_FIRST_WORD},}}(?: [A-Za-z]+)*")


def read_plainly(reply: str, choices: Choices) -> Answer | None:
    """The answer of a reply that is a label, a label with its text, a text, or "The answer is B".

    None for any other, and where an option's text makes a closer look needed.
    """
    labels = choices.labels
    sole = reply.strip(_AROUND)
    if len(sole) <= labels.longest:
        index = labels.index_of.get(sole.lower())
        if index is not None:
            start = reply.find(sole)
            return Answer("answered", index, "sole_label", (start, start + len(sole)))
    if len(reply) <= choices.room:
        item = _ITEM.match(reply)
        if item is not None:
            return _label_with_text(reply, item, choices) or read_label(reply, choices)
        declared = _DECLARED.fullmatch(reply)
        if declared is not None and declared[1] in labels.labels:
            index = labels.labels.index(declared[1])
            return Answer("answered", index, "declared_answer", declared.span(1))
        return _sole_text(reply, choices) or read_label(reply, choices)
    return read_label(reply, choices)


def _sole_text(reply: str, choices: Choices) -> Answer | None:
    """The option whose text the reply is, letter by letter, and that no other is like."""
    sole = reply.strip(_END)
    if sole not in choices.options or not _WORDS.fullmatch(sole):
        return None
    low = sole.lower()
    others = (option for option in choices.options if option != sole)
    if choices.options.count(sole) > 1 or any(low.startswith(starts_of(text)) for text in others):
        return None
    if choices.labels.longest >= _FIRST_WORD:
        return None  # the first word may be a label
    start = reply.find(sole)
    index = choices.options.index(sole)
    return Answer("answered", index, "sole_text", (start, start + len(sole)))


def _label_with_text(reply: str, item: re.Match[str], choices: Choices) -> Answer | None:
    if item[1] not in choices.labels.labels:
        return None
    index = choices.labels.labels.index(item[1])
    end = len(reply.rstrip(_END))
    option = choices.options[index]
    if reply[item.end() : end] != option or not (option[-1].isalnum() and option.isascii()):
        return None
    return Answer("answered", index, "label_with_text", (item.start(1), end))
