"""Records of open answers → scores by form, each pooled and by task."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any

from mubench_gen.scores.clusters import Clustering
from mubench_gen.scores.tally import Counted, Score, ScoreTally, counted
from mubench_gen.storage.records import Record

SET_DETAILS = ("precision", "recall", "f1", "jaccard")


@dataclass(frozen=True, slots=True)
class OpenScore:
    """The scores of the items of one form, of a task or of all.

    `score`: as of single choice, with accuracy the share that is right as a whole; `chance` is
    that of a set drawn at random, 1 / (2^n − 1) for n options, None for numbers and texts.
    `details`: of several options the means of precision, recall, F1 and the Jaccard index, where
    an unread reply counts as 0; of numbers the median of the absolute error of those answered, in
    the unit, None where tasks have different units.
    """

    form: str
    score: Score
    details: Mapping[str, float | None]

    def as_dict(self) -> dict[str, Any]:
        """The contract's object of a group of items, with the details."""
        plain = {
            name: value
            for name, value in asdict(self.score).items()
            if name not in _UNTOLD and "strict" not in name
        }
        return {**plain, "details": dict(self.details)}


_UNTOLD = ("answered_ci95", "corrected_ci95", "clusters", "worth", "size", "cautions", "chance_p")


@dataclass(slots=True)
class _Tally:
    form: str
    tally: ScoreTally
    sums: Counter[str] = field(default_factory=Counter)
    off: list[float] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    n: int = 0

    def add(self, record: Record, one: Counted) -> None:
        self.tally.add(one)
        if record["status"] == "error":
            return
        self.n += 1
        open_ = record["open"]
        if self.form == "several":
            for name in SET_DETAILS:
                self.sums[name] += open_[name]
        elif self.form == "number":
            self.units.add(open_["unit"])
            if open_["off"] is not None:
                self.off.append(open_["off"])

    def score(self, noun: str) -> OpenScore:
        found = self.tally.score(noun)
        if self.form != "several":
            found = _without_chance(found)
        return OpenScore(self.form, found, self._details())

    def _details(self) -> dict[str, float | None]:
        if self.form == "several":
            return {name: self.sums[name] / self.n if self.n else None for name in SET_DETAILS}
        if self.form == "number":
            known = self.off if len(self.units) == 1 else []
            return {"median_error": median(known) if known else None}
        return {}


def _without_chance(score: Score) -> Score:
    return replace(score, chance=None, chance_corrected=None, corrected_ci95=None, chance_p=None)


class OpenTallies:
    """Counts records with open answers by form, each pooled and by task."""

    def __init__(self, clustering: Clustering) -> None:
        self._clustering = clustering
        self._tallies: dict[str, dict[str, _Tally]] = defaultdict(dict)

    def add(self, record: Record) -> None:
        form: str = record["open"]["form"]
        guesses = 2 ** len(record["options"]) - 1 if form == "several" else math.inf
        right = bool(record["correct"])
        one = counted(record["status"], right, guesses, self._clustering(record))  # type: ignore[arg-type]
        for name in ("pooled", record["task"]):
            of_form = self._tallies[form]
            if name not in of_form:
                of_form[name] = _Tally(form, ScoreTally(self._clustering.ways))
            of_form[name].add(record, one)

    def scores(self, noun: str) -> dict[str, dict[str, OpenScore]]:
        """By form, "pooled" first and then by task; empty without such records."""
        return {
            form: {name: one.score(noun) for name, one in self._tallies[form].items()}
            for form in sorted(self._tallies)
        }
