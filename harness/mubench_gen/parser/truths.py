"""Yes or no, true or false: what a reply calls a statement, or ends a sentence with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from mubench_gen.parser.cues import cues
from mubench_gen.parser.option_text import said_at_start
from mubench_gen.parser.reply_text import MANY, ReplyText, Verdict
from mubench_gen.parser.stances import stance

_TRUTH = re.compile(
    r"(?:\b(?:is|be|answer:?|so[,:]?|thus|hence|therefore|holds|(?:that|it)'s) |[>:] "
    r"|(?<!yes)(?<!no)(?<!true)(?<!false), )"
    r"(yes|no|true|false)(?=[.!\"')]*\s*(?:\n|$)|; |, (?:although|though|but|because|since|as)\b)"
    # "So yes, there is more than one."
    r"|(?:\A|[.!?;\n] ?)(?:so|thus|hence|therefore|overall|all in all"
    r"|in (?:conclusion|sum|summary|short)|taken together|conclusion)[,:]? (?:then )?"
    r"(?P<drawn>yes|no)(?=, (?:there|it|this|that|these|they|the|in|i|we|he|she)\b)"
)
# How a reply begins, or all of it: "Definitely not.", "I disagree".
_NOT_SO = re.compile(
    r"\W*(?:(?:definitely|absolutely|certainly|clearly|surely|probably|most likely|of course) not"
    r"[.!]?\s*$|i (?:(?:don't|do not) (?:think|believe) so|disagree|(?:do not|don't) agree)\b"
    r"|it (?:does not|doesn't) (?:appear|seem|look) (?:so|like it)\b"
    r"|(?:i(?:'d| would)? (?:say|think|believe) (?:that )?)?it(?:(?:'s| is)"
    r"(?: (?:simply|just|clearly))? not| isn't)(?: (?:really|actually|quite))?"
    r" (?:true|the case|correct|accurate) that\b|it(?:'s| is) (?:false|untrue|wrong) that\b)"
)
_SO = re.compile(
    r"\W*\b(?:absolutely|definitely|certainly|of course|indeed)"
    r"(?=[.!]?\s*$|, (?:there|it|they|the|this|these)\b)"
)
# "Incorrect. The cells are round."; "Correct me if …" says nothing.
_OPENS = re.compile(
    r"\W*\b(?:(?:that is |that's )?(correct|accurate|agreed|i agree|affirmative)"
    r"|incorrect|wrong|inaccurate|untrue|not (?:correct|true|accurate))"
    r"(?=[.!;]|, |\s*$| with\b| - )"
)
_CALLED = re.compile(
    r"(?:\A\W*(?:(?:no|yes|indeed),? )?(?:it|this|that)"
    r"|(?:\A\W*|[.!?;:,\n] {0,2}|\b(?:so|thus|hence|therefore|and|but|that|makes|mark"
    r"|rate|call|judge|deem|consider|label) )"
    r"(?:(?:no|yes),? )?(?:the|this|that|your) (?:statement|claim|assertion|description|caption)"
    r"|[.;,] ?(?:so|thus|hence|therefore),? (?:it|this|that))"
    r"(?: ?(?:is|'s|appears(?: to be)?|seems(?: to be)?| as| )(?P<nots> not|n't)?"
    r"(?: (?:(?!part)\w+ly|indeed|also|thus|therefore|hence|quite))?"
    r" (?:(?P<right>correct|right|accurate|valid|true|supported|so|the case)"
    r"|incorrect|wrong|inaccurate|invalid|untrue|false|unsupported|refuted)"
    r"(?=[.!]?\s*$|[,;:.!\n)]| because| since| as\b| and\b| for\b| given\b)"
    r"| (?P<holds>holds|stands)(?! (?:if|only|for some)\b)| (?:does not|doesn't) (?:hold|stand))"
)
TRUTHS = cues(
    "yes no true false so not like statement claim disagree agree agreed hold holds right case"
    " stand stands untrue"
    " correct* incorrect* wrong* accurate valid supported inaccurate invalid untrue unsupported"
    " refuted affirmative absolutely definitely certainly course indeed",
    _TRUTH,
    _NOT_SO,
    _SO,
    _OPENS,
    _CALLED,
)
# "It does.", "There is none.", as the whole reply
_VERB_ALONE = re.compile(
    r"\W*(?:indeed,? )?(?:(?:it|they|this|that|there|these)"
    r" (?:is|are|does|do|has|have|can)(?: indeed)?(?P<nots>n't| not| none)?"
    r"|(?P<none>not at all|no such thing))[.!]?\s*"
)
_VERB_ROOM = 32
_TRUE_OR_FALSE = frozenset(("yes", "no", "true", "false"))
_SHORT = 8  # characters
_PARTLY = re.compile(r"\b(?:parts?|partly|partially|half|some)\b[^.;\n]*$")


def true_or_false(reply: ReplyText) -> Iterator[Verdict]:
    """What the reply says of a statement: "Incorrect.", "So the statement is false."."""
    texts = meant(reply)
    if not texts:
        return
    for found, right in _called(reply.low):
        if _is_partly(reply, found):
            continue
        for key in (" yes ", " true ") if right else (" no ", " false "):
            if key in texts:
                yield Verdict.of(texts[key], *found.span())
    for found in reversed(list(_TRUTH.finditer(reply.low))[-MANY:]):
        if _is_partly(reply, found):
            return
        group = "drawn" if found["drawn"] else 1
        option = texts.get(f" {found[group]} ", -1)
        if option >= 0 and (found["drawn"] or stance(reply, *found.span(1)) == "asserted"):
            yield Verdict.of(option, *found.span(group))
            return


def verb_alone(reply: ReplyText) -> Iterator[Verdict]:
    """Yes or no by a verb, as the whole reply: "It does.", "There is none."."""
    if len(reply.low) > _VERB_ROOM:
        return
    said = _VERB_ALONE.fullmatch(reply.low)
    if said is None:
        return
    texts = meant(reply)
    denied = said["nots"] or said["none"]
    for key in (" no ", " false ") if denied else (" yes ", " true "):
        if key in texts:
            yield Verdict.of(texts[key], *said.span())
            return


def meant(reply: ReplyText) -> Mapping[str, int]:
    """The words of truth that are options, or that options begin with: "No, it is not"."""
    begun = _begun(reply.choices.options)
    return reply.choices.texts if begun is None else begun


@lru_cache(maxsize=4096)
def _begun(options: tuple[str, ...]) -> Mapping[str, int] | None:
    """The options that begin with yes and no; None if one is a word of truth."""
    short = (option for option in options if len(option) < _SHORT)
    if any(option.strip(" .").lower() in _TRUE_OR_FALSE for option in short):
        return None
    return {f" {word} ": k for word, k in said_at_start(options).items()}


def _called(low: str) -> Iterator[tuple[re.Match[str], bool]]:
    """What the statement is called, and whether that is right."""
    for said, right in ((_NOT_SO.match(low), False), (_SO.match(low), True)):
        if said:
            yield said, right
    opening = _OPENS.match(low)
    if opening:
        yield opening, opening[1] is not None
    for found in list(_CALLED.finditer(low))[-MANY:]:
        yield found, found["holds"] is not None or bool(found["right"]) != bool(found["nots"])


def _is_partly(reply: ReplyText, found: re.Match[str]) -> bool:
    """Whether only a part of the statement is spoken of."""
    return _PARTLY.search(reply.low, max(0, found.start() - 80), found.start()) is not None
