"""The plainest replies, read at once: they are most of a run, and need no preparation.

What is read here the rules would read alike; all else is left to them.
"""

from __future__ import annotations

import re

from mubench_gen.parser.choices import Choices
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
    return read_label(reply, choices)


def _label_with_text(reply: str, item: re.Match[str], choices: Choices) -> Answer | None:
    if item[1] not in choices.labels.labels:
        return None
    index = choices.labels.labels.index(item[1])
    end = len(reply.rstrip(_END))
    option = choices.options[index]
    if reply[item.end() : end] != option or not (option[-1].isalnum() and option.isascii()):
        return None
    return Answer("answered", index, "label_with_text", (item.start(1), end))
