"""What a clause says of all other options, and so of one: "can't be anything other than"."""

from __future__ import annotations

import re

from mubench_gen.parser.cues import cues
from mubench_gen.parser.reply_text import Stance
from mubench_gen.parser.stance_words import BACK, DENIAL

# What denies all others asserts: "can't be anything other than the nucleus".
_ONLY = re.compile(
    r"(?:(?:n't|not|nothing|none|unlikely|hardly|never) (?:[\w']+ ){0,5}(?:other than|but"
    r"|else (?:than|but))"
    r"|\bno (?:\w+ ){0,4}(?:than|but|except))"
    r"(?: (?:the|an?))? [\"'(]?$"
)
# "Everything except C is excluded" asserts C; "all but C fit" denies it.
_ALL_BUT = re.compile(
    r"\b(?:all|every\w*|any(?:thing)?)(?: \w+){0,4} (?:but|except(?: for)?)"
    r"(?: (?:option|the|an?))? [\"'(]?$"
)
# "I'd be surprised if this weren't H&E", "if that isn't a phage, I don't know what is".
_NO_OTHER = re.compile(
    r"\bif (?:this|that|it) (?:isn't|weren't|wasn't|ain't) (?:an? |the )?[\"'(]?$"
)
_NO_OTHERS = cues("'t", _NO_OTHER)
# "Only D cannot be excluded", "D is the only one that can't be ruled out".
_ONLY_BEFORE = re.compile(r"\bonly (?:option |an? |the )?[\"'(]?$")
_ONLY_LEFT = re.compile(
    r"(?P<only>[^.;\n]{1,20}\bonly (?:one|option) (?:that|which))?[^.;\n]{0,60}\b(?:can(?:no|')t"
    r"|could(?: not|n't)) be (?:excluded|ruled out|eliminated|dismissed|discarded|rejected)\b"
)
# "Apart from B, no option fits."
_APART_FROM = re.compile(
    r"\b(?:apart from|aside from|except(?: for)?|other than|besides) (?:option |an? |the )?[\"'(]?$"
)
_NONE_ELSE = re.compile(r"[)\]\"']{0,2}, (?:no|none|nothing)\b")
_RULES_OUT = re.compile(r"\b(?:rul\w{1,3} out|exclud\w{1,3}|eliminat\w{1,3}) (?:all|every|any)")
_LESS_THAN = re.compile(
    r"\bless (?:likely|plausible|probable|fitting) than (?:option |an? |the )?[\"'(]?$"
)
# "The only one I didn't reject is B."
_NOT_REJECTED = re.compile(
    r"\b(?:only|sole|the one|the option) [^.;,\n]{0,40}(?:n't|not|never)(?: (?:be|been|\w+ly))?"
    r" (?:exclud|rule|ruling|eliminat|dismiss|discard|reject)\w{0,3}(?: (?:out|so far|yet)){0,2}"
    r" (?:is|was|remains) (?:option |the |an? )?[\"'(]?$"
)
_OTHERS = cues(
    "but than except apart aside besides exclud* rule* ruling eliminat* dismiss* discard* reject*",
    *(_ONLY, _ALL_BUT, _LESS_THAN, _ONLY_LEFT, _APART_FROM, _NOT_REJECTED),
)
ALL_BUT_ONE = _OTHERS | _NO_OTHERS


def all_but(low: str, said: int, start: int, end: int) -> Stance | None:
    """What is said of all other options says the contrary of this one."""
    before = low[max(0, start - BACK) : start]
    if said & _NO_OTHERS and _NO_OTHER.search(before):
        return "asserted"
    if not said & _OTHERS:
        return None
    if _LESS_THAN.search(before) or _ONLY.search(before) or _NOT_REJECTED.search(before):
        return "asserted"
    if _NONE_ELSE.match(low, end) and _APART_FROM.search(before):
        return "asserted"
    left = _ONLY_LEFT.match(low, end)
    if left and (left["only"] or _ONLY_BEFORE.search(before)):
        return "asserted"
    if _ALL_BUT.search(before):
        excluded = _RULES_OUT.search(before) or DENIAL.search(low, end, end + BACK)
        return "asserted" if excluded else "denied"
    return None
