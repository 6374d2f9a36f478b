"""Counts of a group of records → its score: accuracy with its interval, bounds and chance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mubench_gen.scores.clusters import (
    Clusters,
    counts_of,
    of_answered,
    of_items,
    share_of_kinds,
)
from mubench_gen.scores.headline import corrected_ends


@dataclass(frozen=True, slots=True)
class Score:
    """The scores of one group of items; shares are between 0 and 1, None if n is 0.

    n: items without errors. accuracy: unanswered counted as wrong. accuracy_answered: among
    the answered. bounds: unanswered all wrong, all right. chance: mean of 1 / options.
    chance_corrected: (accuracy − chance) / (1 − chance). ci95: of accuracy, clustered by
    image or what else was asked for. statuses: the share of each status among n. answered_ci95,
    corrected_ci95: of the two other accuracies. clusters: the images, or what else; worth: as
    many that weigh the same; size: as many independent items; cautions: why the intervals may
    not hold; chance_p: of the test that the accuracy is at chance. accuracy_strict and
    answered_strict: where only the rules of `parser.strictness` count, and what others read is
    unanswered.
    """

    n: int
    n_errors: int
    accuracy: float | None
    accuracy_answered: float | None
    bounds: tuple[float, float] | None
    chance: float | None
    chance_corrected: float | None
    ci95: tuple[float, float] | None
    statuses: Mapping[str, float]
    answered_ci95: tuple[float, float] | None = None
    corrected_ci95: tuple[float, float] | None = None
    clusters: int = 0
    worth: float | None = None
    size: float | None = None
    cautions: tuple[str, ...] = ()
    chance_p: float | None = None
    accuracy_strict: float | None = None
    answered_strict: float | None = None


class Counted(NamedTuple):
    """A record as tallies count it: (status, right, options, strict), what it adds to the counts
    of its clusters (0 for an error), and their hashes (`Clustering`)."""

    kind: tuple[str, bool, int, bool]
    counts: int
    clusters: Sequence[int]


def counted(
    status: str, right: bool, options: int, clusters: Sequence[int], *, strict: bool = True
) -> Counted:
    """A record as tallies count it. strict: whether its rule is one of `parser.strictness`."""
    counts = 0 if status == "error" else counts_of(right=right, answered=status == "answered")
    return Counted((status, right, options, strict), counts, clusters)


class ScoreTally:
    """Counts of one group of records, in memory that grows neither with them nor the images.

    The score is bitwise the same for any order of the records.
    """

    __slots__ = ("clusters", "kinds")

    def __init__(self, ways: int = 1) -> None:
        self.kinds: Counter[tuple[str, bool, int, bool]] = Counter()
        self.clusters = [Clusters() for _ in range(ways)]

    def add(self, record: Counted) -> None:
        kind, counts, clusters = record
        self.kinds[kind] += 1
        if counts:
            for way, cluster in enumerate(clusters):
                self.clusters[way].put(cluster, counts)

    def score(self, noun: str = "image") -> Score:
        """The score; `noun` is what a cluster is called."""
        statuses, options, errors, right = Counter[str](), Counter[int](), 0, 0
        firm = firm_right = 0
        for (status, is_right, count, strict), k in self.kinds.items():
            if status == "error":
                errors += k
                continue
            statuses[status] += k
            options[count] += k
            right += is_right * k
            firm += strict * (status == "answered") * k
            firm_right += strict * is_right * k
        n, answered = statuses.total(), statuses["answered"]
        if not n:
            return Score(0, errors, None, None, None, None, None, None, {})
        accuracy, chance = right / n, math.fsum(k / c for c, k in options.items()) / n
        kinds = [table.kinds() for table in self.clusters]
        whole = share_of_kinds(list(map(of_items, kinds)), noun)
        told = None
        if answered:
            told = whole if answered == n else share_of_kinds(list(map(of_answered, kinds)), noun)
        return Score(
            n=n,
            n_errors=errors,
            accuracy=accuracy,
            accuracy_answered=right / answered if answered else None,
            bounds=(accuracy, (right + n - answered) / n),
            chance=chance,
            chance_corrected=(accuracy - chance) / (1 - chance) if chance < 1 else None,
            ci95=whole.ci95,
            statuses={status: k / n for status, k in sorted(statuses.items()) if k},
            answered_ci95=None if told is None else told.ci95,
            corrected_ci95=corrected_ends(whole.ci95, chance),
            clusters=whole.clusters,
            worth=whole.worth,
            size=whole.size,
            cautions=whole.cautions,
            chance_p=whole.differs_from(chance),
            accuracy_strict=firm_right / n,
            answered_strict=firm / n,
        )
