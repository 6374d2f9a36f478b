"""records → the headline: micro and macro accuracy with intervals, and against baselines."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from mubench_gen.scores.cluster_sums import MOST_STRATA, CellTable, pack
from mubench_gen.storage.records import Record

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mubench_gen.scores.estimate import Estimate

    Integers = npt.NDArray[np.int64]

Says = Literal["above", "at the level of", "below"]
_LEVEL = 0.05
_PACKED = pack((1, 0)), pack((1, 1))  # an item, and how many of it are right

Key = tuple[str, str, str | None]  # task, data set, text of the right option


@dataclass(frozen=True, slots=True)
class Against:
    """An accuracy against a baseline on the same items: difference, 95 % interval, two-sided p.

    says: "above" or "below" where p is under 5 %, else "at the level of".
    """

    baseline: float
    difference: float
    ci95: tuple[float, float]
    p: float
    says: Says


@dataclass(frozen=True, slots=True)
class Headline:
    """The accuracy of a run with intervals. micro: all items alike; macro_tasks and
    macro_datasets: the mean over tasks, data sets, all alike, with their chance levels; None
    where there is but one. chance, majority: against both baselines, by task and "pooled".
    """

    micro: Estimate
    macro_tasks: Estimate | None
    macro_datasets: Estimate | None
    macro_corrected: tuple[float, tuple[float, float]] | None
    chance: Mapping[str, Against]
    majority: Mapping[str, Against]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class HeadlineTally:
    """Counts records by cluster, task, data set and text of the right option."""

    def __init__(self, ways: int = 1) -> None:
        self._ways = [CellTable(2) for _ in range(ways)]
        self._codes: dict[Key, int] = {}

    def add(self, record: Record, clusters: Sequence[int], *, right: bool) -> None:
        """Count a record without an error."""
        code = self._code(record["task"], record["dataset"], record["options"][record["gold"]])
        for way, cluster in enumerate(clusters):
            self._ways[way].add(cluster, code, _PACKED[right])

    def _code(self, task: str, dataset: str, text: str) -> int:
        key: Key = (task, dataset, text)
        code = self._codes.get(key)
        if code is not None:
            return code
        if len(self._codes) >= MOST_STRATA // 2:
            key = (task, dataset, None)  # so many texts: none of the later ones is a majority
        return self._codes.setdefault(key, len(self._codes))

    def headline(
        self, chances: Mapping[str, float], *, sampled_by_task: bool, noun: str = "image"
    ) -> Headline | None:
        """The result; None without records. `chances`: the chance level of each task.

        `sampled_by_task`: each task's number of items was fixed before they were drawn
        (`--limit`), which the pooled interval then knows.
        """
        if not self._codes:
            return None
        sorted_codes = sorted(self._codes.items(), key=lambda entry: tuple(map(str, entry[0])))
        ranks = {code: rank for rank, (_, code) in enumerate(sorted_codes)}
        ways = [_cells(table, ranks) for table in self._ways]
        codes = {key: ranks[code] for key, code in sorted_codes}
        tasks, datasets = _by_code(codes, 0), _by_code(codes, 1)
        micro = _share(ways, tasks if sampled_by_task else 0 * tasks, noun)
        by_task = _share(ways, tasks, noun, equal=True) if tasks.any() else None
        by_data = _share(ways, datasets, noun, equal=True) if datasets.any() else None
        return Headline(
            micro=micro,
            macro_tasks=by_task,
            macro_datasets=by_data,
            macro_corrected=None if by_task is None else _corrected(by_task, chances),
            chance={},
            majority=_majorities(codes, ways),
        )


class HeadlineCells(NamedTuple):
    """Arrays with an entry for each code of each kind of cluster: the kind, the code, items,
    how many of them are right, and how many clusters are of the kind."""

    kind: Integers
    code: Integers
    items: Integers
    right: Integers
    clusters: Integers

    def only(self, kept: npt.NDArray[np.bool_]) -> HeadlineCells:
        return HeadlineCells(*(column[kept] for column in self))


def _cells(table: CellTable, ranks: Mapping[int, int]) -> HeadlineCells:
    """How many clusters have the same cells; sorted, so that sums are bitwise the same whatever
    the order of the records. `ranks`: the codes by which the cells are sorted."""
    import numpy as np

    kinds: dict[tuple[tuple[int, tuple[int, ...]], ...], int] = defaultdict(int)
    for cells in table.clusters():
        kinds[tuple(sorted((ranks[code], numbers) for code, numbers in cells))] += 1
    rows = [
        (kind, code, *numbers, count)
        for kind, (cells, count) in enumerate(sorted(kinds.items()))
        for code, numbers in cells
    ]
    return HeadlineCells(*np.array(rows, np.int64).T)


def _majorities(codes: Mapping[Key, int], ways: Sequence[HeadlineCells]) -> dict[str, Against]:
    """Against the answer that is right most often in each task."""
    import numpy as np

    often: dict[tuple[str, str], int] = defaultdict(int)
    whole = ways[0]
    items = np.bincount(whole.code, weights=whole.items * whole.clusters, minlength=len(codes))
    for (task, _, text), code in codes.items():
        if text is not None:
            often[task, text] += int(items[code])
    best: dict[str, str] = {}
    for (task, text), n in sorted(often.items()):
        if n > often.get((task, best.get(task, "")), 0):
            best[task] = text
    keys = sorted(codes, key=codes.__getitem__)
    is_best = np.array([best.get(task) == text for task, _, text in keys])
    numbers, tasks = _by_code(codes, 0), sorted({task for task, _, _ in keys})
    return {
        "pooled": _against_answer(ways, is_best),
        **{
            task: _against_answer([way.only(numbers[way.code] == n) for way in ways], is_best)
            for n, task in enumerate(tasks)
        },
    }


def _by_code(codes: Mapping[Key, int], part: int) -> Integers:
    """The number of each code's task (part 0) or data set (1), in alphabetical order."""
    import numpy as np

    names = {name: n for n, name in enumerate(sorted({str(key[part]) for key in codes}))}
    found = np.zeros(len(codes), np.int64)
    for key, code in codes.items():
        found[code] = names[str(key[part])]
    return found


def _share(
    ways: Sequence[HeadlineCells], stratum: Integers, noun: str, *, equal: bool = False
) -> Estimate:
    from mubench_gen.scores.estimand import estimand_of_cells
    from mubench_gen.scores.estimate import share_estimate

    found = [
        estimand_of_cells(
            way.kind, stratum[way.code], way.items, way.right, way.right, way.clusters, equal=equal
        )
        for way in ways
    ]
    return share_estimate(found[0], also=found[1:], noun=noun)


def _corrected(
    macro: Estimate, chances: Mapping[str, float]
) -> tuple[float, tuple[float, float]] | None:
    """The macro accuracy over tasks corrected by the mean chance level, with its interval."""
    chance = math.fsum(chances.values()) / len(chances)
    ends = corrected_ends(macro.ci95, chance)
    return None if ends is None else ((macro.value - chance) / (1 - chance), ends)


def corrected_ends(ends: tuple[float, float], chance: float) -> tuple[float, float] | None:
    """An accuracy's interval as that of the chance-corrected accuracy."""
    if chance >= 1:
        return None
    low, high = ((end - chance) / (1 - chance) for end in ends)
    return low, high


def against_chance(
    accuracy: float | None,
    ci95: tuple[float, float] | None,
    chance: float | None,
    p: float | None,
) -> Against | None:
    """An accuracy against its chance level, which is fixed by the numbers of options; None
    where one of them is."""
    if accuracy is None or ci95 is None or chance is None or p is None:
        return None
    return _against(chance, accuracy - chance, (ci95[0] - chance, ci95[1] - chance), p)


def _against_answer(ways: Sequence[HeadlineCells], is_best: npt.NDArray[np.bool_]) -> Against:
    """Against giving the same answer always: a paired comparison on the same items.

    `is_best`: by code, whether that answer is right.
    """
    from mubench_gen.scores.estimand import estimand_of_cells
    from mubench_gen.scores.estimate import crossed
    from mubench_gen.scores.paired import score_interval, score_of_none
    from mubench_gen.scores.quantile import student, student_p

    found = []
    for way in ways:
        always = is_best[way.code]
        apart = way.right - way.items * always  # right − (whether the baseline is right)
        square = way.right + (way.items - 2 * way.right) * always
        found.append(estimand_of_cells(way.kind, 0 * way.kind, way.items, apart, square,
                                       way.clusters))  # fmt: skip
    first, always = ways[0], is_best[ways[0].code]
    n, share = (int(first.clusters @ (first.items * of)) for of in (1, always))
    ahead = int(first.clusters @ (first.right * ~always))
    behind = int(first.clusters @ ((first.items - first.right) * always))
    known, more, less = crossed(found[0], found[1:]), ahead / n, behind / n
    size = known.size(more + less - (more - less) ** 2)
    ci95 = score_interval(more, less, size=size, quantile=student(0.95, known.freedom))
    p = student_p(score_of_none(more, less, size=size), known.freedom)
    return _against(share / n, more - less, ci95, p)


def _against(baseline: float, difference: float, ci95: tuple[float, float], p: float) -> Against:
    return Against(baseline, difference, ci95, p, says_of(difference, p))


def says_of(difference: float, p: float) -> Says:
    """What a difference from a baseline says, by its two-sided p."""
    if p >= _LEVEL:
        return "at the level of"
    return "above" if difference > 0 else "below"
