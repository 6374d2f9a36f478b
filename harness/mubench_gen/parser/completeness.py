"""Whether a reply was cut off, told by its end where nothing else tells it."""

from __future__ import annotations

import re

from mubench_gen.parser.text import ARROWS

_CLOSING = " \t\r\n*_`#"
_OPEN_ENDS = ",-(/=+&[:"  # nobody ends a reply with these
_NO_ENDS = (
    "also an and are as be because between but by could das der die el es est et for from had "
    "has have hence if in is ist its le les los oder of on or porque que sind sont than "
    "that the their therefore thus to und une was weil were which with would y é"
)
_DANGLING = frozenset(_NO_ENDS.split())
_POINTED = re.compile(rf"(?:[-=]>|[{ARROWS}])\s?[^.>\n]{{1,60}}$")  # "… no septa -> Mucor"
_LAST_WORD = re.compile(r"([^\W\d_]+)$")
_SENTENCE_END = re.compile(r"(?<=[^\W\d_]{2})[.!?;]\s|(?<=[)\"'\d])[.!?]\s(?=[A-Z])|[。！？]")
_STOP = re.compile(r"[.!?]\s+")
_EMPTY_ITEM = re.compile(r"\n\W{0,4}([A-Y])[).:] [^\n]+\n\s*\W{0,4}([B-Z])[).:]?$")
_NAME = 40  # characters of a name at the end
_STOPS = ".,;:>\n"
_SUBJECTS = ("it ", "they ", "this ", "these ", "that ", "those ")  # begin no name
_LONG_LINE = 80
_SMALL = 160
_REACH = 400


def looks_cut(reply: str) -> bool:
    """Whether a reply ends in the middle of a sentence: no end mark, though others have one."""
    text = reply[-_REACH:].rstrip(_CLOSING)
    if not text:
        return False
    last = text[-1]
    if last in _OPEN_ENDS:
        return True
    if _next_item(text):
        return True
    if not last.isalnum():
        return False
    word = _LAST_WORD.search(text)
    if word and word[1] in _DANGLING:
        return True
    if _POINTED.search(text) or _is_named(text):
        return False
    head, _, line = text.rpartition("\n")
    if _SENTENCE_END.search(line) and not _is_small(reply, line):
        return True
    return len(line) > _LONG_LINE and head.rstrip(_CLOSING).endswith((".", "。"))


def _is_named(text: str) -> bool:
    """Whether a few words behind the only colon of the last sentence end it: "Dx: melanoma"."""
    colon = text.rfind(": ")
    named = text[colon + 2 :]
    if colon < 0 or len(named) > _NAME or named.lower().startswith(_SUBJECTS):
        return False
    if any(sign in named for sign in _STOPS):
        return False
    start = max(text.rfind(stop, 0, colon) for stop in ".!?;\n")
    return text.find(":", start + 1, colon) < 0


def _next_item(text: str) -> bool:
    """Whether the last line is the bare mark of the next item of a list: "B) no.\\n\\nC)"."""
    found = _EMPTY_ITEM.search(text) if "\n" in text else None
    return found is not None and ord(found[2]) == ord(found[1]) + 1


def _is_small(reply: str, line: str) -> bool:
    """Whether a short reply goes on in small letters behind its last stop, or ends in a name of
    three words behind a semicolon: "orange granules; eosinophil".
    """
    last = _STOP.split(line)[-1]
    _, semicolon, named = last.rpartition("; ")
    small = named.count(" ") < 3 if semicolon else last[:1].islower()
    return len(reply) < _SMALL and small
