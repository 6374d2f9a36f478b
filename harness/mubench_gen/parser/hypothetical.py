"""Declarations that are none: for another picture, of somebody else, or of how to answer."""

from __future__ import annotations

import re

from mubench_gen.parser.cues import cues
from mubench_gen.parser.reply_text import Stance
from mubench_gen.parser.text import any_in

_WOULD = re.compile(
    r"s?(?: (?:choice|option))?(?P<other> for an? (?!\w+ like)[^.;,\n]{1,40})?"
    r" would (?:be|have been)\b"
)
_IF = re.compile(
    r"\bif (?!(?:i|we|you) (?:had|have|must|were|need|assume|consider|take|look|go|rely)|forced"
    r"|pressed|pushed|anything)[^.;\n]{1,160}$|(?:\A|[.;\n] ?)for an? (?!\w+ like)[^.;\n]{1,120}$"
)
# "If the bar is 10 µm, then the answer is A", "Suppose it were a TEM image. Then the answer is A".
_CASE = re.compile(
    r"\bif (?!(?:i|we|you|one)\b|forced|pressed|pushed|anything|not\b|so\b)[^.;,\n]{3,120}, then"
    r" (?:the |my )?$"
    r"|(?:\A|[.;\n] ?)(?:now |so |but )?(?:suppose|imagine|assume|pretend|let's (?:say|assume))\b"
    r"[^.;\n]{1,120}[.;,] (?:then|in that case),? (?:the |my )?$"
)
# "Whoever looks at the colour could say 'the answer is A'".
_REPORTED = re.compile(
    r"\b(?:some(?:one|body)|any(?:one|body)|who(?:ever)?|(?:an?|the) (?:\w+ )?(?:reader|student"
    r"|observer|person|novice|beginner|colleague|reviewer|viewer|layman|classifier|model)"
    r"|(?:my|the|most|some|many|several|other|few) (?:\w+ )?(?:colleagues|readers|people|students"
    r"|observers|reviewers|experts|textbooks))\b"
    r"(?:(?!\bi\b)[^.;\n]){0,100}? (?:could|might|may|would|will) (?:\w+ )?"
    r"(?:say|answer|claim|argue|conclude|think|reply|object|write)(?: that)?"
    r"(?: (?:this|it|that)(?:'s| is) (?:an? )?)?[,:]? ?[\"']?(?:the )?$"
)
# "Your last line should be of the form: Answer: A".
_FORM = re.compile(
    r"\b(?:should|must|needs? to|ought to|shall|please)\b[^\n]{0,80}"
    r" (?:form|format|like|as|template|pattern|with)(?: [^\n.;]{0,16})?:\s{1,2}[\"'(]?(?:the )?$"
)
# "Your answer should look like this: …".
_TEMPLATE = re.compile(
    r" (?:should|must|needs to|ought to) (?:look|be|read|end|appear|have|come)(?: \w+){0,2}"
    r" (?:like|as|in|of|with) (?:this|follows|the (?:\w+ )?(?:form|format))\b"
)
HYPOTHESES = cues(
    "if suppose imagine assume pretend let's could might may would will should must need needs"
    " ought shall please",
    _CASE,
    _REPORTED,
    _FORM,
    _TEMPLATE,
)
_SAYS = ("say", "answer", "claim", "argue", "conclu", "think", "reply", "object", "write")
_REACH = 200  # characters before the noun
_NEAR = 24  # characters before the noun, in which the last words of these patterns stand
_BEHIND = 40  # characters from the noun to the option


def is_hypothetical(low: str, start: int, end: int) -> bool:
    """Whether the declaration whose noun is at a place is not this reply's answer."""
    return is_of_a_case(low, start, end) or _is_not_its_own(low, start, end)


def is_of_a_case(low: str, start: int, end: int) -> bool:
    """Whether it is for a case, or another picture: "if it had a tail, the answer would be"."""
    left, near = max(0, start - _REACH), low[max(0, start - _NEAR) : start]
    if ("then" in near or "case" in near) and _CASE.search(low[left:start]):
        return True
    would = _WOULD.match(low, end)
    return would is not None and bool(would["other"] or _IF.search(low[left:start]))


def _is_not_its_own(low: str, start: int, end: int) -> bool:
    """Whether it is what somebody else would say, or shows how to answer."""
    left, near = max(0, start - _REACH), low[max(0, start - _NEAR) : start]
    return (
        (any_in(_SAYS, near) and _REPORTED.search(low[left:start]) is not None)
        or (":" in near and _FORM.search(low[left:start]) is not None)
        or _TEMPLATE.match(low, end) is not None
    )


def is_reported(low: str, end: int) -> bool:
    """Whether the verb that ends at a place tells what somebody else would say."""
    return _REPORTED.search(low, max(0, end - _REACH), end) is not None


def declared_otherwise(low: str, start: int) -> Stance | None:
    """What such a declaration of the option at a place makes of it; None if there is none."""
    if any_in(_SAYS, low[max(0, start - _BEHIND) : start]) and is_reported(low, start):
        return "contrasted"
    noun = low.rfind("answer", max(0, start - _BEHIND), start)
    if noun < 0 or any(stop in low[noun:start] for stop in ".;\n"):
        return None
    end = noun + len("answer")
    if is_of_a_case(low, noun, end):
        return "supposed"
    return "contrasted" if _is_not_its_own(low, noun, end) else None
