"""Where a reply stops answering: base models go on, often with a question of their own."""

from __future__ import annotations

import itertools
import re

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


def segments(text: str) -> list[str]:
    """The reply cut where another question begins; each part keeps its place by blanks."""
    cuts = [found.start() for found in _NEXT.finditer(text)]
    if not cuts:
        return [text]
    edges = [0, *cuts[:8], len(text)]
    parts = []
    for start, end in itertools.pairwise(edges):
        if text[start:end].strip():
            parts.append(" " * start + text[start:end])
    return parts
