"""Cuts a reply where it stops answering: base models often continue with another question."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from mubench_gen.parser.choices import Choices
from mubench_gen.parser.text import lower
from mubench_gen.parser.tokens import tokenize

_NEXT = re.compile(
    r"\n(?:[ \t#*]*(?:(?:next )?question|q|problem|exercise|passage|context|human|user|instruction"
    r"|input|frage|pregunta|pergunta|问题|题目|下一题|例题|問題)[ \t]{0,2}\d{0,3}[ \t*]{0,4}[:.)]"
    r"|[ \t#*]*(?:question|problem|exercise|frage|问题|题目)[ \t]{0,2}\d{1,3}[ \t*]{0,4}(?=\n)"
    r"|[ \t]{0,4}\d{1,3}[.)][ \t]{1,3}(?:which|what|how|who|when|where|why|in which)\b"
    r"|[ \t]{0,8}\n[ \t]{0,8}(?:the following (?:is|are)|answer the following"
    r"|read the following|which of the following))",
    re.IGNORECASE,
)
_END = re.compile(
    r"<\|(?:endoftext|im_end|im_start|eot_id|end|end_of_text|user)\|>|</s>|\[INST\]",
    re.IGNORECASE,
)
_END_SIGNS = ("<|", "</", "[I", "[i")  # one is in every match


_LIST = re.compile(r"\n[ \t(]{0,4}A[.):,][^\n]{0,300}\n[ \t(]{0,4}B[.):,]")
_ASKS = re.compile(r"(?:\?|_{2,}|\( {0,8}\)|[是为])[:.]?$")
# A reply whose first line is its answer: a list of other texts is another question's.
_DIRECT = re.compile(
    r"\s{0,8}(?:(?:the )?(?:correct |final )?(?:answer|option)(?: is)?:?\s"
    r"|(?:正确)?答案[是为选:]{1,2}|[故应]?选)?\s{0,4}"
    r"[(\[]?(?-i:[A-Z])(?:[)\].,:][^\n]{0,300}|[ \t]{0,8})\n",
    re.IGNORECASE,
)
_QUESTION_ROOM = 600


def _own_questions(text: str, choices: Choices) -> Iterator[int]:
    """The starts of lines before a list of options that ask something, or follow an answer."""
    for found in _LIST.finditer(text):
        end = found.start()
        while end and text[end - 1].isspace():
            end -= 1
        line = text.rfind("\n", max(0, end - _QUESTION_ROOM), end)
        if line <= 0:
            continue
        asks = _ASKS.search(text, max(line, end - 12), end)
        if asks or (_DIRECT.match(text) and _foreign(found, choices)):
            yield line


def _foreign(items: re.Match[str], choices: Choices) -> bool:
    """Whether the first item of a list lacks the first option's text."""
    return choices.key(0) not in tokenize(lower(items[0])).joined


def segments(text: str, choices: Choices) -> list[str]:
    """The reply cut where another question begins; blanks keep each part's offset."""
    if "\n" not in text and "<" not in text and "[" not in text:
        return [text]
    signs = [at for at in map(text.find, _END_SIGNS) if at >= 0]
    cuts = {found.start() for found in _END.finditer(text, min(signs))} if signs else set()
    if "\n" in text:
        cuts.update(found.start() for found in _NEXT.finditer(text))
        if "\nA" in text or "\n(A" in text or "\n " in text:
            cuts.update(_own_questions(text, choices))
    if not cuts:
        return [text]
    edges = [0, *sorted(cuts)[:8], len(text)]
    parts = []
    for start, end in itertools.pairwise(edges):
        if text[start:end].strip():
            parts.append(" " * start + text[start:end])
    return parts
