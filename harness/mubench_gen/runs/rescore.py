"""Reads stored replies again with today's parser, without a model, and tells what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.errors import DefinitionError
from mubench_gen.parser.answer import answer_of
from mubench_gen.parser.judge import is_judged
from mubench_gen.parser.strictness import is_strict
from mubench_gen.runs.packs import refuse_pack
from mubench_gen.runs.results import Run
from mubench_gen.scores.localization import is_box_record, reread_boxes
from mubench_gen.scores.measured import Measured
from mubench_gen.scores.metrics import ChosenMetric
from mubench_gen.scores.open_answers import is_open_record, reread_open
from mubench_gen.scores.score import Scores
from mubench_gen.storage.record_file import RecordFile
from mubench_gen.storage.records import Record
from mubench_gen.storage.run_folder import RECORDS, locked
from mubench_gen.tasks.task import load_task
from mubench_gen.types import Answer, Task

_ANSWER_FIELDS = ("status", "choice", "rule", "span", "tied", "correct")
Vocabularies = Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]  # by task


@dataclass(frozen=True, slots=True)
class ChangedAnswer:
    """A record whose answer is read differently now; `after` is the whole record as read now."""

    before: Record
    after: Record

    @property
    def matters(self) -> bool:
        """Whether the answer itself changed, not the rule or place that it was found by."""
        fields = ("status", "choice", "open")
        return any(self.before.get(field) != self.after.get(field) for field in fields)


@dataclass(frozen=True, slots=True)
class Rescored:
    """The scores of today's parser, and every record whose answer is not the stored one."""

    scores: Scores
    changes: list[ChangedAnswer]


def rescore(
    run: Run, *, aliases: bool = True, strict: bool = False, tasks: Sequence[Task] = ()
) -> Rescored:
    """Read all the replies of a run again.

    aliases: whether the tasks' aliases count, those of `tasks` before today's of the same name.
    strict: whether only rules count that are hardly ever wrong (`parser.strictness`).
    """
    changes: list[ChangedAnswer] = []
    known = vocabularies(run, tasks) if aliases else {}
    return Rescored(run.score(_read_again(run, changes, known, strict=strict)), changes)


def vocabularies(run: Run, tasks: Sequence[Task] = ()) -> Vocabularies:
    """The aliases of a run's tasks: given ones, today's, or else those that it was read with."""
    found = {
        name: tuple((option, tuple(words)) for option, words in known.items())
        for name, known in run.manifest.get("aliases", {}).items()
    }
    for name in run.manifest.get("tasks") or {}:
        with suppress(DefinitionError):
            today = load_task(name)
            if today.sha256 == (run.manifest.get("content") or {}).get("tasks", {}).get(name):
                found[name] = today.aliases
    return found | {task.name: task.aliases for task in tasks}


def measured(
    run: Run, changes: Sequence[ChangedAnswer], metrics: Sequence[ChosenMetric] = ()
) -> Measured:
    """`Run.measured` with the answers of today's parser."""
    return run.measured(metrics, instead={change.after["id"]: change.after for change in changes})


def save(run: Run, changes: list[ChangedAnswer], metrics: Sequence[ChosenMetric] = ()) -> None:
    """Append the changed records (readers take the last of an id) and rewrite the scores."""
    refuse_pack(run.dir)
    with locked(run.dir):
        records = RecordFile(run.dir / RECORDS)
        try:
            if changes:
                records.append([change.after for change in changes])
        finally:
            records.close()
        Run(Path(run.dir)).write_scores(metrics)


def _read_again(
    run: Run, changes: list[ChangedAnswer], known: Vocabularies, *, strict: bool
) -> Iterator[Record]:
    for record in run.records():
        if record["status"] == "error":
            yield record
            continue
        again = _again(record, known, strict=strict)
        if any(again.get(f) != record.get(f) for f in (*_ANSWER_FIELDS, "alias", "boxes", "open")):
            changes.append(ChangedAnswer(record, again))
        yield again


def _again(record: Record, known: Vocabularies, *, strict: bool) -> Record:
    if is_box_record(record):
        return _boxes(record)
    if is_open_record(record):
        return _open(record, known)
    answer = _answer(record, known)
    if strict and not is_strict(answer.rule):
        answer = Answer("none" if answer.status == "answered" else answer.status)
        return _answered(record, answer)
    if answer.status != "answered" and is_judged(record["rule"]):
        return record  # a judge read what the rules still cannot
    return _answered(record, answer)


def _answer(record: Record, known: Vocabularies) -> Answer:
    scores = record["scores"]
    return answer_of(
        record["reply"],
        None if scores is None else tuple(scores),
        record["finish_reason"],
        readout=record["readout"],
        options=tuple(record["options"]),
        labels=tuple(record["labels"]),
        vocabulary=known.get(record["task"], ()),
    )


def _boxes(record: Record) -> Record:
    answer, boxes = reread_boxes(record)
    return {**record, "status": answer.status, "rule": answer.rule, "boxes": boxes}


def _open(record: Record, known: Vocabularies) -> Record:
    found = reread_open(record, known.get(record["task"], ()))
    if is_judged(record["rule"]) and not found.correct:
        return record  # a judge read what the rules still do not match
    answer = found.answer
    return {
        **record,
        "status": answer.status,
        "rule": answer.rule,
        "span": None if answer.span is None else list(answer.span),
        "correct": found.correct,
        "open": found.fields,
    }


def _answered(record: Record, answer: Answer) -> Record:
    kept = {name: value for name, value in record.items() if name != "alias"}
    return {
        **kept,
        **({} if answer.alias is None else {"alias": answer.alias}),
        "tied": answer.tied,
        "status": answer.status,
        "choice": answer.index,
        "rule": answer.rule,
        "span": None if answer.span is None else list(answer.span),
        "correct": answer.index == record["gold"],
    }
