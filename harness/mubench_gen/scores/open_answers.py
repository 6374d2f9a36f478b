"""Items with open answers: reads what replies say, and judges it.

Their records have the field `open` (form, gold, found, and how near it is), `correct`, but no
choice and no `gold`. They count in no accuracy of single choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mubench_gen.parser.finish_reason import is_complete, refused_by
from mubench_gen.parser.vocabulary import aliases_for
from mubench_gen.plugins.extension import Unread
from mubench_gen.scores.localization import is_box_record
from mubench_gen.storage.records import Record
from mubench_gen.types import (
    Answer,
    Form,
    Question,
    RenderedPrompt,
    Response,
    RightNumber,
    RightSet,
    RightText,
)

Vocabulary = tuple[tuple[str, tuple[str, ...]], ...]
_EXACT = 1e-9  # relative: what rounding in the last digits may add to a tolerance


def is_open_record(record: Mapping[str, Any]) -> bool:
    """Whether a record's item asked for several options, a number or a text."""
    return record.get("open") is not None


def is_apart(record: Mapping[str, Any]) -> bool:
    """Whether a record's item asked for something else than one option: it is counted apart."""
    return is_box_record(record) or is_open_record(record)


def asked_form(record: Mapping[str, Any]) -> Form:
    """What a record's item asked for."""
    if is_open_record(record):
        form: Form = record["open"]["form"]
        return form
    return "boxes" if is_box_record(record) else "option"


def asks_open(rendered: RenderedPrompt) -> bool:
    """Whether an item asks for several options, a number or a text."""
    return rendered.sample.question.right is not None


def unread_open(rendered: RenderedPrompt) -> dict[str, Any]:
    """The record's field `open` before there is a reply; options by their places as shown."""
    question = rendered.sample.question
    return {"form": question.form, **_right(question, rendered.order), "found": None}


def _right(question: Question, order: Sequence[int]) -> dict[str, Any]:
    right = question.right
    if isinstance(right, RightSet):
        return {"gold": sorted(order.index(index) for index in right.indices)}
    if isinstance(right, RightNumber):
        return {
            "gold": right.value,
            "tolerance": right.tolerance,
            "relative": right.relative,
            "unit": right.unit,
        }
    assert isinstance(right, RightText)
    return {"gold": list(right.accepted)}


@dataclass(frozen=True, slots=True)
class OpenReading:
    """A reply as it was read and judged: `fields` is the record's `open`."""

    answer: Answer
    fields: dict[str, Any]
    correct: bool


def read_open(response: Response, rendered: RenderedPrompt) -> OpenReading:
    """A reply to an open question, read and judged."""
    return _read(
        response.reply,
        response.finish_reason,
        unread_open(rendered),
        rendered.options,
        rendered.labels,
        rendered.sample.task.aliases,
    )


def reread_open(record: Record, vocabulary: Vocabulary = ()) -> OpenReading:
    """Like `read_open`, for a stored record."""
    return _read(
        record["reply"],
        record["finish_reason"],
        record["open"],
        record["options"],
        record["labels"],
        vocabulary,
    )


def _read(
    reply: str | None,
    finish_reason: str | None,
    fields: Mapping[str, Any],
    options: Sequence[str],
    labels: Sequence[str],
    vocabulary: Vocabulary,
) -> OpenReading:
    # Their patterns take time to compile, which listings of runs need not wait for.
    from mubench_gen.parser.open import read_number, read_set, read_text

    if (refused := refused_by(finish_reason)) is not None:
        return judged(Answer("refused", rule=refused), fields, None)
    text, complete, found = reply or "", is_complete(finish_reason), None
    if fields["form"] == "several":
        aliases = aliases_for(vocabulary, tuple(options)) if vocabulary else None
        named = read_set(text, options, labels, aliases=aliases, complete=complete)
        answer = Answer(named.status, rule=named.rule, span=named.span)
        found = list(named.indices) if named.status == "answered" else None
        return judged(answer, fields, found)
    if fields["form"] == "number":
        number = read_number(text, fields["unit"], complete=complete)
        return judged(
            Answer(number.status, rule=number.rule, span=number.span), fields, number.value
        )
    words = read_text(text, complete=complete)
    return judged(Answer(words.status, rule=words.rule, span=words.span), fields, words.text)


def judged(answer: Answer, fields: Mapping[str, Any], found: Any) -> OpenReading:
    """The reading of an answer, and whether it is right: the one place that knows both."""
    from mubench_gen.parser.open.texts import is_accepted

    kept = {**fields, "found": found}
    if fields["form"] == "several":
        near = overlap(found or (), fields["gold"])
        return OpenReading(answer, {**kept, **near}, found is not None and near["jaccard"] == 1.0)
    if fields["form"] == "number":
        off = None if found is None else abs(found - fields["gold"])
        return OpenReading(answer, {**kept, "off": off}, off is not None and _within(off, fields))
    return OpenReading(answer, kept, found is not None and is_accepted(found, fields["gold"]))


_OTHER = "something else"


def is_unmatched(reading: OpenReading, reply: str | None) -> bool:
    """Whether a judge may read the reply: a text that the rules do not find to be right."""
    statuses = ("answered", "none", "ambiguous")
    is_text = reading.fields["form"] == "text"
    return is_text and bool(reply) and not reading.correct and reading.answer.status in statuses


def unmatched(unread: Unread, reading: OpenReading) -> Unread:
    """What the judge is asked: whether the reply means the accepted texts, or something else."""
    accepted = " / ".join(reading.fields["gold"])
    return replace(unread, options=(accepted, _OTHER), labels=("A", "B"))


def by_judge(reading: OpenReading, told: Answer) -> OpenReading:
    """The reading as the judge decided: its first option is that the reply means what is right."""
    found = reading.fields["found"]
    fields = {**reading.fields, "found": found or ""}
    return OpenReading(Answer("answered", rule=told.rule), fields, told.index == 0)


def overlap(found: Sequence[int], gold: Sequence[int]) -> dict[str, float]:
    """Precision, recall, F1 and the Jaccard index of two sets of options; all 0 for no answer."""
    shared = len({*found} & {*gold})
    return {
        "precision": shared / len(found) if found else 0.0,
        "recall": shared / len(gold),
        "f1": 2 * shared / (len(found) + len(gold)),
        "jaccard": shared / len({*found, *gold}),
    }


def _within(off: float, fields: Mapping[str, Any]) -> bool:
    gold: float = fields["gold"]
    room: float = fields["tolerance"] * (abs(gold) if fields["relative"] else 1.0)
    return off <= room + _EXACT * max(abs(gold), room)


def right_in_words(record: Record) -> str:
    """What is right of a record with an open answer, for people."""
    told = record["open"]
    if told["form"] == "several":
        return " + ".join(str(record["options"][place]) for place in told["gold"])
    if told["form"] == "text":
        return " | ".join(told["gold"])
    right = RightNumber(told["gold"], told["tolerance"], told["relative"], told["unit"])
    return right.words


def found_in_words(record: Record) -> str:
    """What a reply was read as, for people; empty where it was not read."""
    told = record["open"]
    if told["found"] is None:
        return ""
    if told["form"] == "several":
        return " + ".join(str(record["options"][place]) for place in told["found"])
    if told["form"] == "number":
        return RightNumber(told["found"], unit=told["unit"]).words
    return str(told["found"])
