"""The items that two runs share, and the values of each on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mubench_gen.compare.answer_matrix import UNREAD, Reading, Values
from mubench_gen.compare.differences import (
    ComparedItems,
    Difference,
    Overall,
    UnadjustedDifference,
    adjusted,
    groups_of,
    judged,
    overall_of,
    row_of,
)
from mubench_gen.compare.groups import Side, side_values
from mubench_gen.compare.preconditions import Comparability
from mubench_gen.scores.crossing import ways_of
from mubench_gen.scores.joint import Adjust
from mubench_gen.scores.metrics import ChosenMetric


@dataclass(frozen=True, slots=True)
class Pairing:
    """The sides, the indices of their runs, and the pairs of sides to compare."""

    reading: Reading
    found: Comparability
    sides: Sequence[Side]
    members: Sequence[Sequence[int]]
    pairs: Sequence[tuple[int, int]]
    adjust: Adjust
    margin: float | None
    asked: frozenset[int]
    seed: int
    noun: str

    def values(self, places: Sequence[int], metric: str | None) -> Values:
        """Values of shape (items, sides); an item is NaN in all if one of the runs has none."""
        members = [self.members[place] for place in places]
        wanted, by_id = self.found.wanted, self.found.by_id
        return side_values(self.reading, members, wanted, by_id=by_id, metric=metric)


def compared(
    pairing: Pairing, chosen: ChosenMetric | None = None
) -> tuple[tuple[Difference, ...], tuple[Overall, ...], tuple[str, ...]]:
    """The differences in accuracy, or in that metric, and the groups too small for one."""
    groups = list(groups_of(pairing.reading, pairing.found.wanted))
    clusters, seed, how = pairing.reading.clusters.codes, pairing.seed, pairing.adjust
    images = ways_of(clusters)[0]
    bounds = (0.0, 1.0) if chosen is None else chosen.metric.bounds
    metric = None if chosen is None else chosen.key
    least = 1 if bounds == (0.0, 1.0) else 2  # images
    rows: list[UnadjustedDifference] = []
    left_out: dict[str, None] = {}
    for first, second in pairing.pairs:
        both = pairing.values((first, second), metric)
        unread = None if metric else pairing.values((first, second), UNREAD)
        labels = pairing.sides[first].label, pairing.sides[second].label
        there = ~np.isnan(both[:, 0])
        for group in groups:
            one = group.among(there)
            if len(np.unique(images[one.items])) < least:
                left_out[one.name] = None
                continue
            rows.append(
                row_of(
                    one, both, clusters, labels,
                    bounds=bounds,
                    asked=not pairing.asked or second in pairing.asked,
                    excluded=len(group.items) - len(one.items),
                    reach=None if unread is None else _bounds(one, both, unread),
                    seed=seed,
                    noun=pairing.noun,
                )
            )  # fmt: skip
    overall: tuple[Overall, ...] = ()
    if len(pairing.sides) > 2:
        every = pairing.values(range(len(pairing.sides)), metric)
        several = [one.among(~np.isnan(every[:, 0])) for one in groups]
        several = [one for one in several if len(one.items)]
        overall = overall_of(several, every, clusters, how=how, seed=seed)
    differences = judged(adjusted(rows, how=how, seed=seed), pairing.margin)
    return differences, overall, tuple(left_out)


def _bounds(group: ComparedItems, right: Values, unread: Values) -> tuple[float, float]:
    """The least and greatest difference of two sides; (items, sides), unread ones as shares."""
    right, unread = right[group.items], unread[group.items]
    difference = right[:, 0] - right[:, 1]
    low, high = difference - unread[:, 1], difference + unread[:, 0]
    return float(low @ group.weights), float(high @ group.weights)
