"""`parse_answer`: reads a reply by the rules, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mubench_gen.parser.choices import Choices, choices_for
from mubench_gen.parser.claims import claims
from mubench_gen.parser.plain import read_plainly
from mubench_gen.parser.refusals import refuses
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.rules import BEHIND, OF_WHOLE, Rule, Tiers, strong, unneeded_behind, weak
from mubench_gen.parser.segments import segments
from mubench_gen.parser.text import fold, hide_thinking, strip_special
from mubench_gen.parser.withdrawn import reconsidered, taken_back
from mubench_gen.types import Answer

_THOUGHTS = 4  # times that a reply thinks again; one that does so more often may be a loop


def parse_answer(
    reply: str,
    options: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    aliases: Sequence[Sequence[str]] | None = None,
    complete: bool | None = None,
) -> Answer:
    """Which option a reply names, or why none can be read. Pure; never raises on a reply.

    `aliases`: for each option further texts that mean it. `complete`: False if the reply was
    cut off, so that only what it says outright counts; None if that is not known.

    ValueError where the options, labels or aliases cannot be used: none, an empty one, labels
    that collide, or another number of labels or aliases than of options.
    """
    choices = choices_for(options, labels, aliases)
    answer = read_plainly(reply, choices) or _read(reply, choices, complete)
    if aliases is not None and answer.span is not None and answer.index is not None:
        alias = choices.alias_in(reply[slice(*answer.span)], answer.index)
        return answer if alias is None else replace(answer, alias=alias)
    if complete is False and answer.status in ("none", "empty"):
        return replace(answer, status="truncated")
    return answer


def _read(reply: str, choices: Choices, complete: bool | None) -> Answer:
    visible, unclosed = hide_thinking(fold(reply))
    parts = [part for part in map(strip_special, segments(visible, choices)) if part.strip()]
    if not parts:
        return Answer("truncated" if unclosed else "empty")
    texts = [ReplyText(part, choices) for part in parts]
    texts[-1].complete = complete
    out_of_range = False
    for tiers in (strong, weak):
        for text in texts:
            answer = _decide(text, tiers(text))
            if answer is not None and answer.status != "out_of_range":
                return answer
            if answer is not None:
                out_of_range = True
        if out_of_range:
            return Answer("out_of_range")
    if unclosed:
        return Answer("truncated")
    for text in texts:
        again = reconsidered(text, 0)
        later = _decide_from(_from(text, again[0]), again[0]) if again else None
        if later is not None and later.status == "answered":
            return later
    return Answer("refused" if any(map(refuses, texts)) else "none")


def _decide(text: ReplyText, tiers: Tiers, thoughts: int = _THOUGHTS) -> Answer | None:
    """The answer of the first tier that finds anything; behind it the reply may think again."""
    for tier in tiers:
        text.floor = 0
        best: tuple[Verdict, str] | None = None
        left_out: frozenset[Rule] = frozenset()
        for rule in tier:
            if rule in left_out:
                continue
            before = best
            for verdict in rule(text):
                if rule in OF_WHOLE and text.cut:
                    break
                if best is None or _overrules(verdict, best[0]):
                    best = verdict, rule.__name__
                    text.floor = verdict.start if verdict.status != "out_of_range" else 0
            if best is not before:
                left_out = unneeded_behind(text)
        if best is not None and not taken_back(text, best[0].start):
            verdict, name = best
            if verdict.status != "answered":
                return Answer(verdict.status)
            answer = Answer("answered", verdict.option, name, (verdict.start, verdict.end))
            again = reconsidered(text, verdict.end) if thoughts else None
            standing = _rethought(text, answer, *again, thoughts - 1) if again else answer
            if standing is not None:
                return standing
    return None


def _rethought(
    text: ReplyText, answer: Answer, at: int, wrong: bool, thoughts: int
) -> Answer | None:
    """What a reply concludes from a place on; the answer before, if nothing speaks against it."""
    behind = _from(text, at)
    later = _decide_from(behind, at, thoughts)
    if later is not None and later.status == "answered":
        return later
    said = [one.stance for one in behind.kept(claims) if one.option == answer.index]
    return None if wrong or said[-1:] == ["denied"] else answer


def _decide_from(behind: ReplyText, at: int, thoughts: int = _THOUGHTS) -> Answer | None:
    """What the part of a reply from a place on concludes."""
    later = _decide(behind, BEHIND, thoughts)
    if later is None or later.span is None:
        return later
    start, end = later.span
    return replace(later, span=(start + at, end + at))


def _from(text: ReplyText, at: int) -> ReplyText:
    """The reply from a place on."""
    behind = ReplyText(text.marked[at:], text.choices)
    behind.complete = text.complete
    return behind


def _overrules(later: Verdict, verdict: Verdict) -> bool:
    """Whether a later verdict replaces one; a label that is not offered never does."""
    if (later.status == "out_of_range") != (verdict.status == "out_of_range"):
        return verdict.status == "out_of_range"
    return later.start > verdict.start
