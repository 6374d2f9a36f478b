"""Reads a run's records once, for its scores and the other statistics of the page."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from mubench_gen.runs.results import Run
from mubench_gen.scores.breakdown import BreakdownTally
from mubench_gen.scores.measured import NOTHING_MEASURED, Measured
from mubench_gen.scores.metadata import facts_of
from mubench_gen.scores.metrics import ChosenMetric
from mubench_gen.scores.open_answers import is_apart
from mubench_gen.scores.score import Scores
from mubench_gen.scores.tally import Score
from mubench_gen.storage.records import Record

_ALPHA = re.compile(r"@(?:base|(?:[a-z-]+ )?[-\d.e]+)$")  # sweeps name their models FINETUNED@α
NO_ANSWER = ""  # in a confusion matrix: no option has this text


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """A run with its statistics.

    number: its position on the page. confusions: by task, the count of each (right option,
    answer), with NO_ANSWER if unanswered. by: scores by the values of fields, from the tally
    `fields`. items: the ranks of its items. replies: the length of each distinct reply, by its
    hash.
    """

    number: int
    run: Run
    label: str
    scores: Scores
    confusions: dict[str, Counter[tuple[str, str]]]
    by: dict[str, dict[str, Score]]
    fields: BreakdownTally
    items: set[int]
    replies: dict[int, int]
    measured: Measured = NOTHING_MEASURED

    @property
    def manifest(self) -> dict[str, Any]:
        return self.run.manifest

    @property
    def colour(self) -> int:
        """The number of its colour in the style sheet, from 1 on; no two runs have the same."""
        return self.number + 1

    @property
    def shown(self) -> str:
        """The label, marked if the run is unfinished."""
        return self.label if self.finished else f"{self.label} (unfinished)"

    @property
    def facts(self) -> dict[str, str]:
        return facts_of(self.manifest)

    @property
    def control(self) -> str:
        return str(self.manifest["settings"]["control"])

    @property
    def family(self) -> str:
        """Runs of one model: of an interpolation, the fine-tune without its α."""
        plugin, model = self.manifest["plugin"]["name"], str(self.manifest["model"]["id"])
        return f"{plugin} {_ALPHA.sub('', model)}"

    @property
    def planned(self) -> int:
        return int(self.manifest["planned"])

    @property
    def recorded(self) -> int:
        return self.scores.n + self.scores.n_errors

    @property
    def finished(self) -> bool:
        """Whether every item has been asked; some may have failed."""
        return self.recorded >= self.planned


def rank(item: str) -> int:
    """A hash of the item's id: the items with the smallest ones are a random sample."""
    return int.from_bytes(blake2b(item.encode("utf-8", "replace"), digest_size=8).digest(), "big")


@dataclass(slots=True)
class _Tally:
    by: BreakdownTally
    confusions: dict[str, Counter[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    items: set[int] = field(default_factory=set)
    replies: dict[int, int] = field(default_factory=dict)

    def watched(self, records: Iterator[Record]) -> Iterator[Record]:
        """Yield the records, and count them."""
        for record in records:
            self._add(record)
            yield record

    def _add(self, record: Record) -> None:
        self.items.add(rank(record["item"]))
        reply = record["reply"]
        if reply is not None:
            self.replies[hash(reply)] = len(reply)
        if is_apart(record):
            return
        self.by.add(record)
        if record["status"] != "error":
            options, choice = record["options"], record["choice"]
            answer = NO_ANSWER if choice is None else options[choice]
            self.confusions[record["task"]][options[record["gold"]], answer] += 1


def study_run(
    run: Run,
    *,
    number: int,
    label: str,
    by: Sequence[str] = (),
    metrics: Sequence[ChosenMetric] = (),
    records: Iterator[Record] | None = None,
) -> RunStatistics:
    """Read a run. Does not check that its records have the fields `by`. `records`: its own."""
    tally = _Tally(BreakdownTally(by, run.clustering))
    scores = run.score(tally.watched(run.records() if records is None else records))
    vars(run)["scores"] = scores  # so that whoever asks the run for them does not read it again
    return RunStatistics(
        number=number,
        run=run,
        label=label,
        scores=scores,
        confusions=dict(tally.confusions),
        by=tally.by.scores(),
        fields=tally.by,
        items=tally.items,
        replies=tally.replies,
        measured=run.measured(metrics, by),
    )
