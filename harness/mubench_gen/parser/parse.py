"""`parse_answer`: a reply read by the rules, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mubench_gen.parser.choices import Choices, choices_for
from mubench_gen.parser.declarations import (
    answer_tag,
    boxed,
    declared_answer,
    declared_cjk,
    json_answer,
)
from mubench_gen.parser.leading import final_line, leading_label, leading_text, sole_text
from mubench_gen.parser.reading import Reading, Verdict
from mubench_gen.parser.text import fold, hide_thinking, strip_special
from mubench_gen.types import Answer

Rule = Callable[[Reading], Iterator[Verdict]]
TIERS: tuple[tuple[Rule, ...], ...] = (
    (sole_text,),
    (json_answer, answer_tag, boxed, declared_answer, declared_cjk),
    (leading_label,),
    (final_line,),
    (leading_text,),
)
_AROUND = " \t\r\n.()[]*"


def parse_answer(reply: str, options: Sequence[str], labels: Sequence[str] | None = None) -> Answer:
    """Which option a reply names, or why none can be read. Pure; never raises on a reply.

    ValueError where the options or labels cannot be used: none, an empty one, labels that
    collide or differ from the options in number.
    """
    choices = choices_for(options, labels)
    sole = reply.strip(_AROUND)
    index = (
        choices.labels.index_of.get(sole.lower()) if len(sole) <= choices.labels.longest else None
    )
    if index is not None:
        start = reply.find(sole)
        return Answer("answered", index, "sole_label", (start, start + len(sole)))
    return _read(reply, choices)


def _read(reply: str, choices: Choices) -> Answer:
    visible, cut = hide_thinking(strip_special(fold(reply)))
    if not visible.strip():
        return Answer("truncated" if cut else "empty")
    answer = _apply(Reading(visible, choices))
    if cut and answer.status == "none":
        return Answer("truncated")
    return answer


def _apply(reading: Reading) -> Answer:
    for tier in TIERS:
        found = [(v.start, v, rule.__name__) for rule in tier for v in rule(reading)]
        if found:
            _, verdict, name = max(found, key=lambda entry: entry[0])
            if verdict.status == "answered":
                return Answer("answered", verdict.index, name, (verdict.start, verdict.end))
            return Answer(verdict.status)
    return Answer("none")
