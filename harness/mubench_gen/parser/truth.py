"""Yes and no, true and false as answers: "So the statement is false.", "Correct.", "It holds"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mubench_gen.parser.cues import cues
from mubench_gen.parser.option_text import COMMON, said_at_start
from mubench_gen.parser.reply_text import MANY, ReplyText, Verdict
from mubench_gen.parser.stances import stance

_TRUTH = re.compile(
    r"(?:\b(?:is|be|answer:?|so[,:]?|thus|hence|therefore|holds|(?:that|it)'s) |[>:] "
    r"|(?<!yes)(?<!no)(?<!true)(?<!false), )"
    r"(yes|no|true|false)(?=[.!\"')]*\s*(?:\n|$)|; |, (?:although|though|but|because|since|as)\b)"
)
_NOT_SO = re.compile(
    r"\W*(?:i (?:don't|do not) (?:think|believe) so|it (?:does not|doesn't) (?:appear|seem|look)"
    r" (?:so|like it)|i (?:disagree|do not agree|don't agree))\b"
)
_CALLED = re.compile(
    r"(?:\A\W*(?:(?:no|yes),? )?(?:it|this|that)"
    r"|(?:\A\W*|[.!?;:,\n] {0,2}|\b(?:so|thus|hence|therefore|and|but|that|makes) )"
    r"(?:(?:no|yes),? )?(?:the|this|that|your) (?:statement|claim|assertion|description|caption)"
    r"|[.;,] ?(?:so|thus|hence|therefore),? (?:it|this|that))"
    r"(?: ?(?:is|'s|appears(?: to be)?|seems(?: to be)?| )(?P<nots> not|n't)?"
    r"(?: (?:(?!part)\w+ly|indeed|also|thus|quite))?"
    r" (?:(?P<right>correct|right|accurate|valid|true|supported|so)"
    r"|incorrect|wrong|inaccurate|invalid|untrue|false|unsupported)"
    r"(?=[.!]?\s*$|[,;:.!\n)]| because| since| as\b| and\b| for\b| given\b)"
    r"| (?P<holds>holds)(?! (?:if|only|for some)\b)| (?:does not|doesn't) hold)"
)
_OPENS = re.compile(
    r"\W*\b(?:(?:that is |that's )?(correct|accurate|agreed|i agree|affirmative)"
    r"|incorrect|wrong|inaccurate|untrue|not (?:correct|true|accurate))(?=[.,;!]|\s*$| with\b| - )"
)
TRUTHS = cues(
    "yes no true false so like statement claim disagree agree agreed hold holds correct right"
    " accurate valid supported incorrect wrong inaccurate invalid untrue unsupported affirmative",
    _TRUTH,
    _NOT_SO,
    _CALLED,
    _OPENS,
)
_PARTLY = re.compile(r"\b(?:parts?|partly|partially|half|some)\b[^.;\n]*$")


def true_or_false(reply: ReplyText) -> Iterator[Verdict]:
    """An everyday word that is an option ends a sentence, or the reply says as much of what it
    was asked: "So the statement is false.", "That holds."
    """
    texts = _meant(reply)
    if not texts:
        return
    for found, right in _called(reply):
        option = texts.get(" true " if right else " false ", -1)
        if option >= 0:
            yield Verdict.of(option, *found.span())
    not_so, no = _NOT_SO.match(reply.low), texts.get(" no ", -1)
    if not_so and no >= 0:
        yield Verdict.of(no, *not_so.span())
    for found in reversed(list(_TRUTH.finditer(reply.low))[-MANY:]):
        if _is_partly(reply, found):
            return
        option = texts.get(f" {found[1]} ", -1)
        if option >= 0 and stance(reply, *found.span(1)) == "asserted":
            yield Verdict.of(option, found.start(1), found.end(1))
            return


def _meant(reply: ReplyText) -> Mapping[str, int]:
    """The everyday words that are options, or that options begin with: "No, it is not"."""
    texts = reply.choices.texts
    if not COMMON.isdisjoint(texts):
        return texts
    return {f" {word} ": k for word, k in said_at_start(reply.choices.options).items()}


def _called(reply: ReplyText) -> Iterator[tuple[re.Match[str], bool]]:
    """What the statement is called, and whether that is right."""
    opening = _OPENS.match(reply.low)
    if opening:
        yield opening, opening[1] is not None
    for found in list(_CALLED.finditer(reply.low))[-MANY:]:
        right = found["holds"] is not None or (found["right"] is not None) != bool(found["nots"])
        if not _is_partly(reply, found):
            yield found, right


def _is_partly(reply: ReplyText, found: re.Match[str]) -> bool:
    """Whether only a part of the statement is spoken of."""
    return _PARTLY.search(reply.low, max(0, found.start() - 80), found.start()) is not None
