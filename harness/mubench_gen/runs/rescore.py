"""Reads stored replies again with today's parser, without a model, and tells what changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.parser.answer import answer_of
from mubench_gen.parser.judge import is_judged
from mubench_gen.runs.results import Run
from mubench_gen.scores.localization import is_box_record, reread_boxes
from mubench_gen.scores.measured import Measured
from mubench_gen.scores.metrics import ChosenMetric
from mubench_gen.scores.score import Scores, score
from mubench_gen.storage.records import Record, RecordFile
from mubench_gen.storage.run_folder import RECORDS, locked
from mubench_gen.types import Answer

_ANSWER_FIELDS = ("status", "choice", "rule", "span", "tied", "correct")


@dataclass(frozen=True, slots=True)
class ChangedAnswer:
    """A record whose answer is read differently now; `after` is the whole record as read now."""

    before: Record
    after: Record

    @property
    def matters(self) -> bool:
        """Whether the answer itself changed, not the rule or place that it was found by."""
        return any(self.before[f] != self.after[f] for f in ("status", "choice"))


@dataclass(frozen=True, slots=True)
class Rescored:
    """The scores of today's parser, and every record whose answer is not the stored one."""

    scores: Scores
    changes: list[ChangedAnswer]


def rescore(run: Run) -> Rescored:
    """Read all the replies of a run again."""
    changes: list[ChangedAnswer] = []
    return Rescored(score(_read_again(run, changes)), changes)


def measured(
    run: Run, changes: Sequence[ChangedAnswer], metrics: Sequence[ChosenMetric] = ()
) -> Measured:
    """`Run.measured` with the answers of today's parser."""
    return run.measured(metrics, instead={change.after["id"]: change.after for change in changes})


def save(run: Run, changes: list[ChangedAnswer], metrics: Sequence[ChosenMetric] = ()) -> None:
    """Append the changed records (readers take the last of an id) and rewrite the scores."""
    with locked(run.dir):
        records = RecordFile(run.dir / RECORDS)
        try:
            if changes:
                records.append([change.after for change in changes])
        finally:
            records.close()
        Run(Path(run.dir)).write_scores(metrics)


def _read_again(run: Run, changes: list[ChangedAnswer]) -> Iterator[Record]:
    for record in run.records():
        if record["status"] == "error":
            yield record
            continue
        again = _again(record)
        if any(again.get(f) != record.get(f) for f in (*_ANSWER_FIELDS, "boxes")):
            changes.append(ChangedAnswer(record, again))
        yield again


def _again(record: Record) -> Record:
    if is_box_record(record):
        return _boxes(record)
    answer = _answer(record)
    if answer.status != "answered" and is_judged(record["rule"]):
        return record  # a judge read what the rules still cannot
    return _answered(record, answer)


def _answer(record: Record) -> Answer:
    scores = record["scores"]
    return answer_of(
        record["reply"],
        None if scores is None else tuple(scores),
        record["finish_reason"],
        readout=record["readout"],
        options=tuple(record["options"]),
        labels=tuple(record["labels"]),
    )


def _boxes(record: Record) -> Record:
    answer, boxes = reread_boxes(record)
    return {**record, "status": answer.status, "rule": answer.rule, "boxes": boxes}


def _answered(record: Record, answer: Answer) -> Record:
    return {
        **record,
        "tied": answer.tied,
        "status": answer.status,
        "choice": answer.index,
        "rule": answer.rule,
        "span": None if answer.span is None else list(answer.span),
        "correct": answer.index == record["gold"],
    }
