"""What is counted while the records are read: by group, and by the answers' positions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from mubench_gen.scores.clusters import Clusters
from mubench_gen.scores.tally import Counted, Score, ScoreTally
from mubench_gen.storage.records import Record


@dataclass(frozen=True, slots=True)
class Controls:
    """A baseline without the images, and the positions of the answers.

    majority: the majority-class baseline, the task's most frequent right option every time.
    answered_at and gold_at: the share of the answers, and of the right options, at each
    position in the list of options.
    """

    majority: float | None
    answered_at: tuple[float, ...]
    gold_at: tuple[float, ...]


class GroupTallies:
    """Tallies of all records, and by task, data set, prompt and read-out.

    Kinds of records are counted once for each combination of these, and added up at the end.
    """

    def __init__(self, ways: int = 1) -> None:
        new = partial(ScoreTally, ways)
        self._pooled = new()
        self._by: list[defaultdict[str, ScoreTally]] = [defaultdict(new) for _ in range(4)]
        self._combinations: dict[tuple[str, str, str, str], _Combination] = {}

    def add(self, record: Record, one: Counted) -> None:
        names = record["task"], record["dataset"], record["prompt"], record["readout"]
        found = self._combinations.get(names)
        if found is None:
            found = self._combinations[names] = self._combination(names)
        kind, counts, clusters = one
        found.kinds[kind] += 1
        if counts:
            for table, way in found.tables:
                table.put(clusters[way], counts)

    def scores(self, noun: str) -> tuple[Score, list[dict[str, Score]]]:
        """Of all records, and of each field by value."""
        for one in self._combinations.values():
            for tally in one.tallies:
                tally.kinds.update(one.kinds)
        by = [{name: of[name].score(noun) for name in sorted(of)} for of in self._by]
        return self._pooled.score(noun), by

    def _combination(self, names: Sequence[str]) -> _Combination:
        tallies = [self._pooled, *(of[name] for of, name in zip(self._by, names, strict=True))]
        tables = [(table, way) for tally in tallies for way, table in enumerate(tally.clusters)]
        return _Combination(tallies, tables, Counter())


class _Combination(NamedTuple):
    """The tallies that count the records of one task, data set, prompt and read-out, and their
    tables of clusters, with which of the clusterings each is of."""

    tallies: Sequence[ScoreTally]
    tables: Sequence[tuple[Clusters, int]]
    kinds: Counter[tuple[str, bool, int, bool]]


class AnswerPositions:
    """Counts positions of answers and right options, and right options' texts, by task."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, int, str, int | None]] = Counter()

    def add(self, task: str, gold: int, gold_text: str, choice: int | None) -> None:
        self._counts[task, gold, gold_text, choice] += 1

    def controls(self) -> dict[str, Controls]:
        """The controls, "pooled" first and then by task."""
        tasks = sorted({task for task, *_ in self._counts})
        return {"pooled": self._controls(None), **{task: self._controls(task) for task in tasks}}

    def _controls(self, wanted: str | None) -> Controls:
        answered, golds = Counter[int](), Counter[int]()
        texts: dict[str, Counter[str]] = defaultdict(Counter)
        for (task, gold, text, choice), k in self._counts.items():
            if wanted in (None, task):
                golds[gold] += k
                texts[task][text] += k
                if choice is not None:
                    answered[choice] += k
        n = golds.total()
        best = sum(max(counts.values()) for counts in texts.values())
        width = max((*golds, *answered), default=-1) + 1
        return Controls(
            majority=best / n if n else None,
            answered_at=_shares(answered, width),
            gold_at=_shares(golds, width),
        )


def _shares(counts: Counter[int], width: int) -> tuple[float, ...]:
    total = counts.total()
    return tuple(counts[i] / total if total else 0.0 for i in range(width))
