"""runs → comparison: paired differences, tested and adjusted, pooled and by task and data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from mubench_gen.compare.answer_matrix import UNREAD, Codes, Reading, Values, read_outcomes
from mubench_gen.compare.groups import Pairs, Side, label_runs, pairs_of, side_values, sides_of
from mubench_gen.compare.preconditions import Comparability, comparability
from mubench_gen.errors import RunFolderError, SettingError
from mubench_gen.runs.results import Run
from mubench_gen.scores.measured import difference_of
from mubench_gen.scores.metadata import check_facts
from mubench_gen.scores.metrics import ChosenMetric
from mubench_gen.scores.paired import (
    DRAWS,
    Omnibus,
    PairedDifference,
    compare_all,
    holm,
)

_PARTS = {"task": "tasks", "dataset": "datasets"}
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference `first` − `second` (labels of sides) on one group of items.

    part: "pooled", "tasks", "datasets" or the field that groups them; name: of the group.
    n_excluded: items of both sides that failed on one. p_holm: p adjusted for the `family`
    differences of this part. bounds: of the difference in accuracy, if all unread replies of one
    side were right and all of the other wrong; None of other metrics.
    """

    part: str
    name: str
    first: str
    second: str
    n_excluded: int
    paired: PairedDifference
    p_holm: float
    family: int
    bounds: tuple[float, float] | None = None

    @property
    def may_turn(self) -> bool:
        """Whether unread replies could make the difference one of the other sign."""
        low, high = self.bounds or (0.0, 0.0)
        return low < 0 < high or (low < high and self.paired.difference == 0)


@dataclass(frozen=True, slots=True)
class Overall:
    """A test whether three or more sides differ at all on one group; fields as in Difference."""

    part: str
    name: str
    omnibus: Omnibus
    p_holm: float
    family: int


Row = TypeVar("Row", Difference, Overall)


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """The differences in one further metric, in its own unit; fields as in Comparison.

    left_out: groups with too few values to compare.
    """

    chosen: ChosenMetric
    differences: tuple[Difference, ...]
    overall: tuple[Overall, ...]
    left_out: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            **self.chosen.described(),
            "differences": [flat(one, "paired") for one in self.differences],
            "overall": [flat(one, "omnibus") for one in self.overall],
            "left_out": list(self.left_out),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison.

    items: the number of compared items; items_in_any: of items in any run. accepted: obstacles
    that the user chose to ignore. notes: what else differs. metrics: the comparisons in
    further metrics, by their keys.
    """

    sides: tuple[Side, ...]
    items: int
    items_in_any: int
    accepted: tuple[str, ...]
    notes: tuple[str, ...]
    differences: tuple[Difference, ...]
    overall: tuple[Overall, ...]
    seed: int
    draws: int = DRAWS
    metrics: Mapping[str, MetricComparison] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        from mubench_gen.report.notebook import comparison_html

        return comparison_html(self)

    def as_dict(self) -> dict[str, Any]:
        """What `compare --json` prints."""
        return {
            "sides": [asdict(side) for side in self.sides],
            "items": self.items,
            "items_in_any": self.items_in_any,
            "accepted": list(self.accepted),
            "notes": list(self.notes),
            "differences": [flat(one, "paired") for one in self.differences],
            "overall": [flat(one, "omnibus") for one in self.overall],
            "seed": self.seed,
            "draws": self.draws,
            "confidence": 0.95,
            "power": 0.8,
            **(
                {"metrics": {k: m.as_dict() for k, m in self.metrics.items()}}
                if self.metrics
                else {}
            ),
        }


@dataclass(frozen=True, slots=True)
class _Group:
    part: str
    name: str
    items: Codes


def compare(
    runs: Sequence[Run],
    *,
    pairs: Pairs = "first",
    intersection: bool = False,
    unfinished: bool = False,
    by: Sequence[str] = (),
    group: str | None = None,
    metrics: Sequence[ChosenMetric] = (),
    seed: int = 0,
) -> Comparison:
    """Compare two runs or more on the items that they share.

    `pairs`: each run against the first, all pairs, or each model against the one that it is
    based on. `by`: further fields whose values group the items. `group`: a fact of the models
    ("scope", "domain") whose groups are compared instead of the runs. `metrics`: compared
    on the same items, besides the accuracy. Raises RunFolderError if the runs are not
    comparable, unless `intersection` (or, if they are only unfinished, `unfinished`) is set:
    then the items that they share are compared.
    """
    if len(runs) < 2:
        raise SettingError("A comparison needs two runs or more: mubench-gen compare A B.")
    folders = [run.dir.resolve() for run in runs]
    if twice := [run.dir for run in runs if folders.count(run.dir.resolve()) > 1]:
        raise SettingError(f"{twice[0]} is given twice: name different runs.")
    labels = label_runs(runs)
    fields = tuple(dict.fromkeys(("task", "dataset", *by)))
    if group is not None:
        check_facts([group], [run.manifest for run in runs])
    reading = read_outcomes(runs, fields, metrics)
    found = comparability(reading, labels)
    accepted = _accepted(found, reading, intersection=intersection, unfinished=unfinished)
    sides, members = sides_of(reading, labels, group)
    chosen = pairs_of(sides, reading, pairs, group)
    pairing = _Pairing(reading, found, sides, members, chosen, seed)
    differences, overall, _ = _compared(pairing)
    if not differences:
        raise RunFolderError(
            "No item has an answer in both runs: all items that they share failed."
        )
    return Comparison(
        sides=sides,
        items=int(found.wanted.sum()),
        items_in_any=len(reading.items),
        accepted=accepted,
        notes=found.notes,
        differences=differences,
        overall=overall,
        seed=seed,
        metrics={one.key: MetricComparison(one, *_compared(pairing, one)) for one in metrics},
    )


def _accepted(
    found: Comparability, reading: Reading, *, intersection: bool, unfinished: bool
) -> tuple[str, ...]:
    """The obstacles to ignore. Raises RunFolderError for others, or if no item is shared."""
    if not found.wanted.any():
        raise RunFolderError(
            "The runs share no item: "
            + "; ".join(
                f"{run.run.dir} has {len(np.unique(run.item)):,}"
                + (f" ({reading.items[int(run.item[0])]} …)" if len(run.item) else "")
                for run in reading.runs
            )
            + ". Compare runs of the same data and tasks."
        )
    refused = () if intersection else found.obstacles
    late = () if intersection or unfinished else found.unfinished
    if refused or late:
        shown = [*refused, *late]
        more = [f"… and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
        flag = "--intersection" if refused else "--unfinished"
        raise RunFolderError(
            "The runs are not comparable as they are:\n  "
            + "\n  ".join([*shown[:_SHOWN], *more])
            + f"\nThey share {int(found.wanted.sum()):,} of {len(reading.items):,} items; {flag} "
            "compares only those."
        )
    return found.obstacles + found.unfinished


@dataclass(frozen=True, slots=True)
class _Pairing:
    """The sides, the indices of their runs, and the pairs of sides to compare."""

    reading: Reading
    found: Comparability
    sides: Sequence[Side]
    members: Sequence[Sequence[int]]
    pairs: Sequence[tuple[int, int]]
    seed: int

    def values(self, places: Sequence[int], metric: str | None) -> Values:
        """Values of shape (items, sides); an item is NaN in all if one of the runs has none."""
        members = [self.members[place] for place in places]
        wanted, by_id = self.found.wanted, self.found.by_id
        return side_values(self.reading, members, wanted, by_id=by_id, metric=metric)


def _compared(
    pairing: _Pairing, chosen: ChosenMetric | None = None
) -> tuple[tuple[Difference, ...], tuple[Overall, ...], tuple[str, ...]]:
    """The differences in accuracy, or in that metric, and the groups too small for one."""
    groups, images = list(_groups(pairing.reading, pairing.found)), pairing.reading.images()
    bounds = (0.0, 1.0) if chosen is None else chosen.metric.bounds
    metric, seed = None if chosen is None else chosen.key, pairing.seed
    least = 1 if bounds == (0.0, 1.0) else 2  # images
    differences: list[Difference] = []
    left_out: dict[str, None] = {}
    for first, second in pairing.pairs:
        both = pairing.values((first, second), metric)
        unread = None if metric else pairing.values((first, second), UNREAD)
        for one, items in _with_values(groups, both):
            if len(np.unique(images[items])) < least:
                left_out[one.name] = None
                continue
            paired = difference_of(
                both[items, 0], both[items, 1], images[items], bounds=bounds, seed=seed
            )
            labels = pairing.sides[first].label, pairing.sides[second].label
            excluded = len(one.items) - len(items)
            reach = None if unread is None else _bounds(both[items], unread[items])
            differences.append(
                Difference(one.part, one.name, *labels, excluded, paired, 1, 1, reach)
            )
    overall: list[Overall] = []
    if len(pairing.sides) > 2:
        every = pairing.values(range(len(pairing.sides)), metric)
        for one, items in _with_values(groups, every):
            if len(items):
                omnibus = compare_all(
                    every[items], images[items], seed=seed, shares=bounds == (0.0, 1.0)
                )
                overall.append(Overall(one.part, one.name, omnibus, 1, 1))
    return (
        adjusted(differences, lambda one: one.paired.p),
        adjusted(overall, lambda one: one.omnibus.p),
        tuple(left_out),
    )


def _bounds(right: Values, unread: Values) -> tuple[float, float]:
    """The least and greatest difference of two sides; (items, sides), unread ones as shares."""
    difference = right[:, 0] - right[:, 1]
    low, high = difference - unread[:, 1], difference + unread[:, 0]
    return float(low.mean()), float(high.mean())


def _with_values(groups: Sequence[_Group], values: Values) -> Iterator[tuple[_Group, Codes]]:
    """Yield each group with its items that have values on all sides."""
    there = ~np.isnan(values[:, 0])
    for one in groups:
        yield one, one.items[there[one.items]]


def _groups(reading: Reading, found: Comparability) -> Iterator[_Group]:
    shared = np.flatnonzero(found.wanted)
    yield _Group("pooled", "pooled", shared)
    for column, codes in reading.groups.items():
        here = codes[shared]
        names = reading.values[column]
        for code in sorted(np.unique(here).tolist(), key=lambda code: names[code]):
            yield _Group(_PARTS.get(column, column), names[code], shared[here == code])


def adjusted(rows: Sequence[Row], chance: Callable[[Row], float]) -> tuple[Row, ...]:
    """Adjust p by Holm; each part of the table, over all pairs, is one family."""
    found: list[Row] = []
    for part in dict.fromkeys(one.part for one in rows):
        family = [one for one in rows if one.part == part]
        chances = holm([chance(one) for one in family])
        found += [
            replace(one, p_holm=p, family=len(family))
            for one, p in zip(family, chances, strict=True)
        ]
    return tuple(found)


def flat(one: Any, nested: str) -> dict[str, Any]:
    """A row as a flat mapping, with the fields of `nested` before its adjusted p."""
    plain = asdict(one)
    inner = plain.pop(nested)
    adjusted = {name: plain.pop(name) for name in ("p_holm", "family")}
    return {**plain, **inner, **adjusted}
