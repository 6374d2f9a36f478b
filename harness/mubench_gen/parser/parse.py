"""`parse_answer`: reads a reply by the rules, in their order."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.parser.choices import Choices, choices_for
from mubench_gen.parser.refusals import refuses
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.rules import STRONG, WEAK, Tiers
from mubench_gen.parser.segments import segments
from mubench_gen.parser.text import fold, hide_thinking, strip_special
from mubench_gen.types import Answer

_AROUND = " \t\r\n.,:;!?()[]*"


def parse_answer(reply: str, options: Sequence[str], labels: Sequence[str] | None = None) -> Answer:
    """Which option a reply names, or why none can be read. Pure; never raises on a reply.

    ValueError where the options or labels cannot be used: none, an empty one, labels that
    collide or differ from the options in number.
    """
    choices = choices_for(options, labels)
    sole = reply.strip(_AROUND)
    if len(sole) <= choices.labels.longest:
        index = choices.labels.index_of.get(sole.lower())
        if index is not None:
            start = reply.find(sole)
            return Answer("answered", index, "sole_label", (start, start + len(sole)))
    return _read(reply, choices)


def _read(reply: str, choices: Choices) -> Answer:
    visible, cut = hide_thinking(fold(reply))
    parts = [strip_special(part) for part in segments(visible, choices)]
    texts = [ReplyText(part, choices) for part in parts if part.strip()]
    if not texts:
        return Answer("truncated" if cut else "empty")
    out_of_range = False
    for tiers in (STRONG, WEAK):
        for text in texts:
            answer = _decide(text, tiers)
            if answer is not None and answer.status != "out_of_range":
                return answer
            if answer is not None:
                out_of_range = True
        if out_of_range:
            return Answer("out_of_range")
    if cut:
        return Answer("truncated")
    return Answer("refused" if any(map(refuses, texts)) else "none")


def _decide(text: ReplyText, tiers: Tiers) -> Answer | None:
    """The answer of the first tier that finds anything."""
    for tier in tiers:
        text.floor = 0
        best: tuple[Verdict, str] | None = None
        for rule in tier:
            for verdict in rule(text):
                if best is None or _overrules(verdict, best[0]):
                    best = verdict, rule.__name__
                    text.floor = verdict.start if verdict.status != "out_of_range" else 0
        if best is not None:
            verdict, name = best
            if verdict.status == "answered":
                return Answer("answered", verdict.option, name, (verdict.start, verdict.end))
            return Answer(verdict.status)
    return None


def _overrules(later: Verdict, verdict: Verdict) -> bool:
    """Whether a later verdict replaces one; a label that is not offered never does."""
    if (later.status == "out_of_range") != (verdict.status == "out_of_range"):
        return verdict.status == "out_of_range"
    return later.start > verdict.start
