"""Yes or no, true or false: what a reply calls a statement, or ends a sentence with."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from mubench_gen.parser.cues import cues
from mubench_gen.parser.reply_text import MANY, ReplyText, Verdict
from mubench_gen.parser.stances import stance

_TRUTH = re.compile(
    r"(?:\b(?:is|be|answer:?|so[,:]?|thus|hence|therefore|holds|(?:that|it)'s) |[>:] "
    r"|(?<!yes)(?<!no)(?<!true)(?<!false), )"
    r"(yes|no|true|false)(?=[.!\"')]*\s*(?:\n|$)|; |, (?:although|though|but|because|since|as)\b)"
)
_ENDS = r"(?=[.!]?\s*$|[,;:.] | because| since| as\b)"
# The whole reply, or how it begins: "Definitely not.", "That's not the case: …".
_NOT_SO = re.compile(
    r"\W*(?:(?:definitely|absolutely|certainly|clearly|surely|probably|most likely|of course) not"
    r"[.!]?\s*$|i (?:don't|do not) (?:think|believe) so\b"
    r"|it (?:does not|doesn't) (?:appear|seem|look) (?:so|like it)\b"
    r"|(?:no, )?(?:(?:that|this|it) is ?n(?:o|')t|(?:that|it)'s not) (?:true|the case|so)"
    rf"{_ENDS})"
)
_SO = re.compile(
    rf"\W*(?:(?:indeed,? )?(?:that|this|it) is (?:indeed )?the case{_ENDS}|(?:absolutely|definitely"
    r"|certainly|of course|indeed)(?=[.!]?\s*$|, (?:there|it|they|the|this|these)\b))"
)
# "Incorrect. The cells are round."; "Correct me if …" says nothing.
_MARKED = re.compile(r"\W*\b(?:(correct)|incorrect|wrong)(?=[.!]|, |\s*$)")
_CALLED = re.compile(
    r"(?:\A\W*|[.!?;\n]\W{0,3})(?:(?:so|thus|hence|therefore),? )?"
    r"(?:the|this|that) (?:statement|claim|assertion) (?:is ?(?:therefore |thus |hence |clearly "
    r"|indeed |definitely )?(?:(correct|right)|incorrect|wrong|refuted|(?:not|n't) (?:true|so"
    rf"|correct|right|the case))|(holds)|(?:does not|doesn't) hold){_ENDS}"
)
TRUTHS = cues(
    "yes no true false so not like statement claim assertion case correct* incorrect*"
    " wrong* absolutely definitely certainly course indeed",
    _TRUTH,
    _NOT_SO,
    _SO,
    _MARKED,
    _CALLED,
)
_TRUE_OR_FALSE = frozenset(("yes", "no", "true", "false"))
_SHORT = 8  # characters
_PARTLY = re.compile(r"\b(?:parts?|partly|partially|half|some)\b[^.;\n]*$")


def true_or_false(reply: ReplyText) -> Iterator[Verdict]:
    """What the reply says of a statement: "Incorrect.", "So the statement is false."."""
    if not _ask_for_truth(reply.choices.options):
        return
    yield from _called(reply)
    for found in reversed(list(_TRUTH.finditer(reply.low))[-MANY:]):
        if _PARTLY.search(reply.low, max(0, found.start() - 80), found.start()):
            return
        option = reply.choices.texts.get(f" {found[1]} ", -1)
        if option >= 0 and stance(reply, *found.span(1)) == "asserted":
            yield Verdict.of(option, found.start(1), found.end(1))
            return


def _ask_for_truth(options: tuple[str, ...]) -> bool:
    short = (option for option in options if len(option) < _SHORT)
    return any(option.strip(" .").lower() in _TRUE_OR_FALSE for option in short)


def _called(reply: ReplyText) -> Iterator[Verdict]:
    """Yes or true, no or false in other words."""
    low = reply.low
    said = _NOT_SO.match(low)
    holds = said is None and (said := _SO.match(low)) is not None
    if said is None and (said := _MARKED.match(low) or _last_called(low)) is not None:
        holds = any(said.groups())
    if said is None:
        return
    for key in (" yes ", " true ") if holds else (" no ", " false "):
        option = reply.choices.texts.get(key, -1)
        if option >= 0:
            yield Verdict.of(option, *said.span())


def _last_called(low: str) -> re.Match[str] | None:
    """The last of the places where a statement is called right or wrong."""
    return next(iter(deque(_CALLED.finditer(low), maxlen=1)), None)
