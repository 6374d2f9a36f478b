"""What the clause around a mention says about an option: asserted, denied, or left open."""

from __future__ import annotations

import re

from mubench_gen.parser.all_but_one import ALL_BUT_ONE, all_but
from mubench_gen.parser.asides import MAY_BE_ASIDE, TELLS, is_aside, is_told_apart
from mubench_gen.parser.cues import cues
from mubench_gen.parser.hypothetical import HYPOTHESES, declared_otherwise
from mubench_gen.parser.likened import LIKENED_BUT, LIKENS
from mubench_gen.parser.reply_text import ReplyText, Stance
from mubench_gen.parser.stance_words import (
    AHEAD,
    APPOSITION,
    BEGINS,
    BOUNDARY,
    BOUNDS,
    BUT_IS,
    CONCEDES,
    CONTRAST,
    CONTRASTS,
    DASH,
    DENIAL,
    DENIED,
    DENIES,
    EQUAL,
    EQUALS,
    GENERAL,
    GENERALISES,
    GUESSED,
    HEADING,
    HEADS,
    IF_BEHIND,
    IF_SO,
    IFS,
    INTRODUCES,
    JOINED,
    JOINS,
    LACKS,
    LIKENED,
    NO,
    NO_BEHIND,
    NOS,
    NOT_BUT,
    OPEN,
    OPENS,
    QUOTE_END,
    REACH,
    SEEMING,
    SEEMS,
    SENTENCE_START,
    STOP,
    SUPPOSED,
    SUPPOSES,
    TELLING_BEFORE,
    TELLING_BEHIND,
    WOULD,
    WOULD_BE,
    WOULDS,
)

_LABEL = 2  # characters at most
# What the reply thought first, in German and French.
_AT_FIRST = re.compile(
    r"\b(?:(?:dachte|hielt|vermutete|tippte) (?:ich |es |das |sie |ihn )?"
    r"(?:(?:zu)?erst|zunächst|anfangs)"
    r"|(?:(?:zu)?erst|zunächst|anfangs|ursprünglich) (?:dachte|hielt|vermutete|tippte)"
    r"|auf den ersten blick|(?:j'ai|je) (?:d'abord|pensais|croyais|avais pensé)"
    r"|(?:au (?:début|départ|premier abord)|à première vue|d'abord|initialement),? (?:j'ai|je"
    r"|j'avais|c'est|on))\b"
)
# "I can't exclude a neutrophil", "not enough to call it a neutrophil", "may not be a neutrophil"
_NOT_DENIED = re.compile(
    r"(?:\b(?:can ?not|can't|could ?n[o']t"
    r"|(?:unable|hard|difficult|impossible|not (?:able|possible)) to)"
    r" (?:\w+ )?(?:exclude|rule out|eliminate|dismiss|discard|reject)"
    r"|\bnot enough (?:\w+ ){0,3}?to (?:call|say|conclude|confirm|claim)"
    r"(?: (?:it|this|that|is)){0,2}"
    r"|\b(?:may|might) not be) (?:an? |the |option )?[\"'(]?$"
)
# "…, even though it looks stratified"
_EVEN_THOUGH = re.compile(
    r"even though (?:\w+ ){1,4}(?:looks?|seems?|appears?|resembles?|mimics?)"
    r"(?: (?:like|to be|rather|somewhat|quite|a bit))?(?: an?)? $"
)
_AT_FIRSTS = cues(
    "dachte hielt vermutete tippte blick abord pensais croyais initialement", _AT_FIRST
)
_BEFORE = TELLING_BEFORE | _AT_FIRSTS
_TELLING = _BEFORE | TELLING_BEHIND | ALL_BUT_ONE | IFS | MAY_BE_ASIDE | HYPOTHESES


def stance(reply: ReplyText, start: int, end: int, floor: int = 0) -> Stance:
    """What the clause around a mention, from `floor` on, says about the option."""
    joined = reply.low[max(0, start - 4) : start].endswith(JOINS)
    if not joined and not reply.cues & _TELLING:
        return "asserted"
    return reply.kept_at(_stance, start, end, floor)


def _stance(reply: ReplyText, start: int, end: int, floor: int) -> Stance:
    said = reply.cues_about(max(0, start - REACH), end + AHEAD)
    low, at, end = reply.near(start, end)
    floor, start = floor and max(0, floor - start + at), at
    left = max(floor, start - REACH)
    joined = low[max(0, start - 4) : start].endswith(JOINS)
    if not (joined or said & _TELLING):
        return "asserted"
    last = None
    if joined or said & _BEFORE:
        for last in (BOUNDARY if said & BOUNDS else STOP).finditer(low, left, start):
            left = last.end()
        left = _past_dash(low, _past_colon(low, left, start), start)
    return (
        (all_but(low, said, start, end) if said & ALL_BUT_ONE else None)
        or _supposed(low, said, left, start, end)
        or ("contrasted" if said & TELLS and is_told_apart(low, start, end) else None)
        or _said_before(low, said, left, start, last)
        or ("contrasted" if said & MAY_BE_ASIDE and is_aside(low, said, left, start, end) else None)
        or (_said_behind(low, said, start, end) if said & TELLING_BEHIND else None)
        or ("open" if _is_open(low, said, left, start, end) else "asserted")
    )


def _is_open(low: str, said: int, left: int, start: int, end: int) -> bool:
    """Whether the mention is one of several, or no likelier than others."""
    if low.endswith(JOINS, left, start) and JOINED.search(low, left, start):
        return True
    if said & OPENS and OPEN.search(low, left, start):
        return GUESSED.search(low, max(0, start - REACH), start) is None
    return bool(said & EQUALS) and EQUAL.match(low, end) is not None


def _past_colon(low: str, left: int, start: int) -> int:
    """Where what a colon introduces begins: "not yet aligned: prometaphase" denies no prometaphase.

    The few words of a heading ("excluded: A"), and a verb before the colon, apply to it. A dash
    right before the mention is read alike: "hardly any septa - Mucor".
    """
    near = max(left, start - 9)
    dash = INTRODUCES.search(low, near, start) if low.find("- ", near, start) >= 0 else None
    at = dash.start() if dash else low.rfind(": ", left, start)
    if at < 0:
        return left
    said = low[left:at]
    if said.count(" ") < HEADING or HEADS.search(said):
        return left
    return dash.end() if dash else at + 1


def _past_dash(low: str, left: int, start: int) -> int:
    """Where a new sentence begins behind a dash."""
    at = low.rfind(" - ", left, start)
    dash = DASH.match(low, at) if at >= 0 else None
    return dash.end() if dash else left


def _supposed(low: str, said: int, left: int, start: int, end: int) -> Stance | None:
    if said & SUPPOSES and SUPPOSED.search(low, left, start):
        return "supposed"
    declared = declared_otherwise(low, start) if said & HYPOTHESES else None
    if declared:
        return declared
    if not said & IFS:
        return None
    before = IF_SO.search(low, max(0, start - REACH), start)
    return "supposed" if before or IF_BEHIND.match(low, end) else None


def _said_before(
    low: str, said: int, left: int, start: int, last: re.Match[str] | None
) -> Stance | None:
    """What the words between the clause's beginning (`last`) and the mention make of it."""
    if (
        last
        and last[0] in CONCEDES
        and (
            SENTENCE_START.search(low, max(0, last.start() - 8), last.start())
            or _EVEN_THOUGH.search(low, max(0, last.start() - 5), start)
        )
    ):
        return "contrasted"
    if said & DENIES and DENIAL.search(low, left, start):
        return "contrasted" if _NOT_DENIED.search(low, left, start) else "denied"
    if said & LACKS and NO.search(low, max(left, start - 40), start):
        return "denied"
    if said & _AT_FIRSTS and _AT_FIRST.search(low, left, start):
        return "contrasted"
    return "contrasted" if said & CONTRASTS and CONTRAST.search(low, left, start) else None


def _said_behind(low: str, said: int, start: int, end: int) -> Stance | None:
    """What the words behind the mention make of it."""
    after = _past_apposition(low, _past_mark(low, start, end))
    if said & WOULDS:
        likened = LIKENED.search(low, max(0, start - 6), start)
        if WOULD.match(low, after) or (likened and WOULD_BE.match(low, after)):
            return "contrasted"
    if said & SEEMS and BUT_IS.match(low, end) and SEEMING.search(low, max(0, start - 40), start):
        return "contrasted"
    if said & NOS and NO_BEHIND.match(low, end):
        return "denied"
    general = said & GENERALISES and GENERAL.match(low, after)
    general = general or (said & LIKENS and LIKENED_BUT.match(low, after))
    if general and BEGINS.search(low, max(0, start - 24), start):
        return "contrasted"
    return "denied" if said & DENIES and _is_denied_behind(low, said, after) else None


def _is_denied_behind(low: str, said: int, after: int) -> bool:
    """Whether the clause that goes on at a place denies what stands before it."""
    stop = (BOUNDARY if said & BOUNDS else STOP).search(low, after, after + REACH)
    right = stop.start() if stop else min(len(low), after + REACH)
    if stop and stop[0] in NOT_BUT:
        right = stop.end()
    contrast = CONTRAST.search(low, after, right) if said & CONTRASTS else None
    return DENIAL.search(low, after, contrast.start() if contrast else right) is not None


def _past_mark(low: str, start: int, end: int) -> int:
    """Skip a label's own mark, which does not end a clause: ")", or "." and ":" on a new line.

    The full stop behind a text ends it: "False. The cell is not dividing."
    """
    if low[end : end + 1] == ")":
        return end + 1
    line = low.rfind("\n", max(0, start - 8), start) + 1
    at_line = (line > 0 or start <= 8) and not low[line:start].strip(" (*-\"'")
    marks = (".", ":") if end - start <= _LABEL else (":",)
    return end + 1 if at_line and low[end : end + 1] in marks else end


def _past_apposition(low: str, end: int) -> int:
    """Skip what is said between an option and its verb, and closing quotes."""
    apposition = APPOSITION.match(low, end)
    closing = apposition or QUOTE_END.match(low, end)
    return closing.end() if closing else end


def denied_behind(reply: ReplyText, end: int) -> bool:
    """Whether the verb behind an option denies it: "B is not", "B, the nucleus, cannot be"."""
    return DENIED.match(reply.low, _past_apposition(reply.low, end)) is not None


def denied_on_line(reply: ReplyText, at: int) -> bool:
    """Whether the rest of the line says that something is not so."""
    line = reply.low.find("\n", at)
    return DENIAL.search(reply.low, at, line if line >= 0 else len(reply.low)) is not None
