"""Yes or no by a closing sentence that restates the reply's own question: "Is the nucleus
fragmented? … The nucleus is fragmented."
"""

from __future__ import annotations

import re

from mubench_gen.parser.other_forms import is_of_stem
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.stance_words import DENIAL
from mubench_gen.parser.truths import meant

_QUESTION = re.compile(
    r"\bquestion (?:is|asks|was)(?: \w+)? (?:whether|if) ([^.?!;:\n]{4,160})[.?\n]"
    r"|(?:\A|[.!\n:] ?)(?:\w+,? )?(?:is|are|was|were|does|do|did|has|have|can)"
    r" ((?:there|the|this|these|it|any|they|we)\b[^.?!\n]{4,160})\?"
)
_WORD = re.compile(r"[^\W\d_]{4,}|\d+")
# Words that a question and its answer need not share.
_PASSING = set(
    _WORD.findall(
        "image picture micrograph region field marked shown this that these those there them they"
        " with have does cell cells visible present seen anything here into from question whether"
    )
)
_CLAUSE_END = re.compile(r"[,;:.!?]| (?:because|since|although|though|while|whereas|but)\b|$")
_UNSURE = re.compile(r"\b(?:if|whether|might|may|could|would|perhaps|maybe|unclear|hard to)\b")
_TURNS = re.compile(r",? (?:but|though|although|while|whereas|only|yet|however)\b")
_DOUBTLESS = re.compile(r"\b(?:there is |there's )?(?:no|without|not any) doubt\b")
_NONE = re.compile(r"\b(?:no|none|without|absen\w+|free of|devoid)\b")
_BACK = 200


def restated(reply: ReplyText, start: int, end: int) -> Verdict | None:
    """Yes or no, if the sentence at a place says or denies what the reply asked."""
    texts = meant(reply)
    if not {" yes ", " no "} <= texts.keys():
        return None
    asked = list(_QUESTION.finditer(reply.low, 0, start))
    if len(asked) != 1 or reply.low.count("?") > 1:
        return None
    words = set(_WORD.findall(asked[0][1] or asked[0][2])) - _PASSING
    if not words or " or " in asked[0][0] or DENIAL.search(asked[0][0]):
        return None
    said = _DOUBTLESS.sub(lambda found: " " * len(found[0]), reply.low[start:end])
    left = 0
    for stop in _CLAUSE_END.finditer(said):
        clause = said[left : stop.start()]
        has = _WORD.findall(clause)
        if all(any(is_of_stem(one, word) for one in has) for word in words):
            if _UNSURE.search(clause) or "?" in said or _TURNS.match(said, stop.start()):
                return None
            key = " no " if DENIAL.search(clause) or _NONE.search(clause) else " yes "
            return Verdict.of(texts[key], start + left, start + stop.start())
        left = stop.end()
    return None
