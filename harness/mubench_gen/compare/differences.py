"""Rows of a comparison: differences of two sides and tests of all, adjusted by family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from mubench_gen.compare.answer_matrix import Codes, Reading, Values
from mubench_gen.scores.crossing import ways_of
from mubench_gen.scores.joint import Adjust, Floats, adjust, block_of
from mubench_gen.scores.measured import difference_of
from mubench_gen.scores.paired import PairedDifference, Verdict, verdict, weights_of
from mubench_gen.scores.pooling import PooledDifference, pooled
from mubench_gen.scores.wald import Wald, wald

_PARTS = {"task": "tasks", "dataset": "datasets"}
MACRO = "macro"


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference `first` − `second` (labels of sides) on one group of items.

    part: "pooled", "macro" (the mean over tasks, or over data sets, each counting the same),
    "tasks", "datasets" or the field that groups them; name: of the group. n_excluded: items of
    both sides that failed on one. p_adjusted: p adjusted for the `family` differences of this
    part that answer one question. bounds: of the difference in accuracy, if all unread replies
    of one side were right and all of the other wrong; None of other metrics. verdict: of the
    first by the margin, None without one. shrunken: of a task, the estimate from all tasks
    together; None of other parts, metrics, and of fewer than three tasks.
    """

    part: str
    name: str
    first: str
    second: str
    n_excluded: int
    paired: PairedDifference
    p_adjusted: float
    family: int
    bounds: tuple[float, float] | None = None
    verdict: Verdict | None = None
    shrunken: PooledDifference | None = None

    @property
    def may_turn(self) -> bool:
        """Whether unread replies could make the difference one of the other sign."""
        low, high = self.bounds or (0.0, 0.0)
        return low < 0 < high or (low < high and self.paired.difference == 0)


@dataclass(frozen=True, slots=True)
class Omnibus:
    """Whether three or more sides differ at all: a Wald test with clustered covariance."""

    n: int
    images: int
    statistic: float
    freedom: int
    p: float


@dataclass(frozen=True, slots=True)
class Overall:
    """An omnibus test on one group of items; fields as in Difference."""

    part: str
    name: str
    omnibus: Omnibus
    p_adjusted: float
    family: int


@dataclass(frozen=True, slots=True)
class ComparedItems:
    """Items that are compared together; `strata`: their parts, where each counts the same."""

    part: str
    name: str
    items: Codes
    strata: Codes | None = None

    def among(self, there: npt.NDArray[np.bool_]) -> ComparedItems:
        """Without the items that have no value."""
        kept = there[self.items]
        strata = None if self.strata is None else self.strata[kept]
        return replace(self, items=self.items[kept], strata=strata)

    @property
    def weights(self) -> Floats:
        """Each item's weight in the mean; they sum to 1."""
        return weights_of(len(self.items), self.strata)


@dataclass(frozen=True, slots=True)
class UnadjustedDifference:
    """A difference before it is adjusted: what each block of images adds to it, by each way of
    clustering, and its family."""

    difference: Difference
    totals: tuple[Floats, ...]
    family: tuple[str, bool]


def groups_of(reading: Reading, wanted: npt.NDArray[np.bool_]) -> Iterator[ComparedItems]:
    """Pooled, macro over tasks and data sets where there are several, and each value of a field."""
    shared = np.flatnonzero(wanted)
    yield ComparedItems("pooled", "pooled", shared)
    for column, part in _PARTS.items():
        if column in reading.groups and len(np.unique(reading.groups[column][shared])) > 1:
            yield ComparedItems(
                MACRO, f"mean of {_plain(part)}", shared, reading.groups[column][shared]
            )
    for column, codes in reading.groups.items():
        here = codes[shared]
        names = reading.values[column]
        for code in sorted(np.unique(here).tolist(), key=lambda code: names[code]):
            yield ComparedItems(_PARTS.get(column, column), names[code], shared[here == code])


def _plain(part: str) -> str:
    return {"datasets": "data sets"}.get(part, part)


def row_of(
    group: ComparedItems,
    values: Values,
    images: Codes,
    labels: tuple[str, str],
    *,
    bounds: tuple[float, float] = (0.0, 1.0),
    asked: bool = True,
    excluded: int = 0,
    reach: tuple[float, float] | None = None,
    seed: int = 0,
    noun: str = "image",
) -> UnadjustedDifference:
    """Compare two columns of `values` (items, 2) on a group's items, each in its image or
    cluster, or in two: `images` as in `crossing.ways_of`.

    asked: whether this answers the question that was asked, or one beside it.
    """
    both = values[group.items]
    paired = difference_of(
        both[:, 0],
        both[:, 1],
        images[group.items],
        bounds=bounds,
        strata=group.strata,
        noun=noun,
    )
    each = (both[:, 0] - both[:, 1])[:, None]
    totals = tuple(one[:, 0] for one in totals_of(group, each, images, seed=seed))
    found = Difference(group.part, group.name, *labels, excluded, paired, 1.0, 1, reach)
    return UnadjustedDifference(found, totals, (group.part, asked))


def totals_of(group: ComparedItems, each: Values, images: Codes, *, seed: int) -> list[Floats]:
    """What each block of images adds to the means of `each` (items, columns), by each way of
    clustering."""
    weighted = each * group.weights[:, None]
    found = []
    for codes in ways_of(images):
        of_image = block_of(int(codes.max()) + 1, seed=seed)
        blocks, length = of_image[codes[group.items]], int(of_image.max()) + 1
        columns = [np.bincount(blocks, weights=column, minlength=length) for column in weighted.T]
        found.append(np.stack(columns, axis=1).astype(np.float64))
    return found


def adjusted(
    rows: Sequence[UnadjustedDifference], *, how: Adjust, seed: int
) -> tuple[Difference, ...]:
    """Adjust the rows' p, and what is detectable, family by family; ordered by part."""
    found: dict[int, Difference] = {}
    for family in dict.fromkeys(row.family for row in rows):
        places = [place for place, row in enumerate(rows) if row.family == family]
        each = zip(*(rows[place].totals for place in places), strict=True)
        totals, *also = (np.stack(way, axis=1) for way in each)
        differences = [rows[place].difference for place in places]
        chances = [one.paired.p for one in differences]
        told = adjust(chances, totals, also=also, how=how, seed=seed)
        level = 2 * NormalDist().cdf(-told.critical)
        for place, one, p in zip(places, differences, told.adjusted, strict=True):
            paired = one.paired.at_level(level)
            found[place] = replace(one, paired=paired, p_adjusted=p, family=len(places))
    parts = list(dict.fromkeys(row.difference.part for row in rows))
    order = sorted(found, key=lambda place: (parts.index(found[place].part), place))
    return tuple(found[place] for place in order)


def overall_of(
    groups: Sequence[ComparedItems], values: Values, images: Codes, *, how: Adjust, seed: int
) -> tuple[Overall, ...]:
    """Test each group of three sides or more, adjusted over the groups of a part."""
    found = [_overall(one, values, images, seed=seed) for one in groups]
    adjusted_rows: list[Overall] = []
    for part in dict.fromkeys(one.part for one in found):
        some = [one for one in found if one.part == part]
        told = adjust([one.omnibus.p for one in some], None, how=how, seed=seed)
        adjusted_rows += [
            replace(one, p_adjusted=p, family=len(some))
            for one, p in zip(some, told.adjusted, strict=True)
        ]
    return tuple(adjusted_rows)


def _overall(group: ComparedItems, values: Values, images: Codes, *, seed: int) -> Overall:
    some = values[group.items]
    count = len(np.unique(ways_of(images)[0][group.items]))
    totals, *also = totals_of(group, some[:, 1:] - some[:, :1], images, seed=seed)
    tested: Wald = wald(totals, also=also, seed=seed, clusters=count)
    omnibus = Omnibus(len(some), count, tested.statistic, tested.freedom, tested.p)
    return Overall(group.part, group.name, omnibus, 1.0, 1)


def judged(rows: Sequence[Difference], margin: float | None) -> tuple[Difference, ...]:
    """The rows with what each says by the margin."""
    if margin is None:
        return tuple(rows)
    return tuple(replace(one, verdict=verdict(one.paired.ci95, margin)) for one in rows)


def shrunk(
    rows: Sequence[Difference],
    values: Values,
    reading: Reading,
    labels: Sequence[str],
    *,
    seed: int,
) -> tuple[Difference, ...]:
    """The rows of tasks with their shrunken estimates; `values` (items, sides) with `labels`."""
    items = np.flatnonzero(~np.isnan(values).any(axis=1))
    codes, task = np.unique(reading.groups["task"][items], return_inverse=True)
    found = pooled(values[items], task, seed=seed)
    if found is None:
        return tuple(rows)
    place = {reading.values["task"][code]: number for number, code in enumerate(codes)}
    return tuple(
        replace(
            one,
            shrunken=found.difference(
                labels.index(one.first), labels.index(one.second), place[one.name]
            ),
        )
        if one.part == "tasks" and one.name in place
        else one
        for one in rows
    )


def flat(one: Any, nested: str) -> Mapping[str, Any]:
    """A row as a flat mapping, with the fields of `nested` before its adjusted p."""
    plain = asdict(one)
    inner = plain.pop(nested)
    last = {name: plain.pop(name) for name in ("p_adjusted", "family")}
    for name in ("verdict", "shrunken"):
        if plain.get(name, "") is None:
            del plain[name]
    return {**plain, **inner, **last}
