"""Where a reply stops answering: base models go on, often with a question of their own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

_NEXT = re.compile(
    r"\n[ \t#*]*(?:(?:next )?question|q|problem|exercise|passage|context|human|user|instruction"
    r"|input|frage|pregunta|pergunta|问题|题目|下一题|例题|問題)[ \t]{0,2}\d{0,3}[ \t*]{0,4}[:.)]"
    r"|\n[ \t#*]*(?:question|problem|exercise|frage|问题|题目)[ \t]{0,2}\d{1,3}[ \t*]{0,4}(?=\n)"
    r"|\n[ \t]{0,4}\d{1,3}[.)][ \t]{1,3}(?:which|what|how|who|when|where|why|in which)\b"
    r"|\n[ \t]{0,8}\n[ \t]{0,8}(?:the following (?:is|are)|answer the following"
    r"|read the following|which of the following)"
    r"|<\|(?:endoftext|im_end|im_start|eot_id|end|end_of_text|user)\|>|</s>|\[INST\]",
    re.IGNORECASE,
)


_LIST = re.compile(r"\n[ \t(]{0,4}A[.):,][^\n]{0,300}\n[ \t(]{0,4}B[.):,]")
_ASKS = re.compile(r"(?:\?|_{2,}|\( {0,8}\)|[是为])[:.]?$")
_QUESTION_ROOM = 600


def _own_questions(text: str) -> Iterator[int]:
    """Where a line that asks stands before a list of options, neither at the very beginning."""
    for found in _LIST.finditer(text):
        end = found.start()
        while end and text[end - 1].isspace():
            end -= 1
        line = text.rfind("\n", max(0, end - _QUESTION_ROOM), end)
        if line > 0 and _ASKS.search(text, max(line, end - 12), end):
            yield line


def segments(text: str) -> list[str]:
    """The reply cut where another question begins; each part keeps its place by blanks."""
    if "\n" not in text and "<" not in text and "[" not in text:
        return [text]
    cuts = sorted({*(found.start() for found in _NEXT.finditer(text)), *_own_questions(text)})
    if not cuts:
        return [text]
    edges = [0, *cuts[:8], len(text)]
    parts = []
    for start, end in itertools.pairwise(edges):
        if text[start:end].strip():
            parts.append(" " * start + text[start:end])
    return parts
