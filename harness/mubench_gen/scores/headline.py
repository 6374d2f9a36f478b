"""records → the headline: micro and macro accuracy with intervals, and against baselines."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from mubench_gen.scores.cells import MOST_STRATA, CellTable
from mubench_gen.storage.records import Record

if TYPE_CHECKING:
    from mubench_gen.scores.estimate import Estimate

Says = Literal["above", "at the level of", "below"]
_LEVEL = 0.05
_ITEMS, _RIGHT = range(2)

Key = tuple[str, str, str | None]  # task, data set, text of the right option
Kinds = list[tuple[tuple[tuple[int, tuple[int, ...]], ...], int]]  # ((code, numbers), …), clusters


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
        return asdict(self)


class HeadlineTally:
    """Counts records by cluster, task, data set and text of the right option."""

    def __init__(self, ways: int = 1) -> None:
        self._ways = [CellTable(2) for _ in range(ways)]
        self._codes: dict[Key, int] = {}

    def add(self, record: Record, clusters: Sequence[int], *, right: bool) -> None:
        """Count a record without an error."""
        code = self._code(record["task"], record["dataset"], record["options"][record["gold"]])
        for table, cluster in zip(self._ways, clusters, strict=True):
            table.add(cluster, code, (1, int(right)))

    def _code(self, task: str, dataset: str, text: str) -> int:
        key: Key = (task, dataset, text)
        if key not in self._codes and len(self._codes) >= MOST_STRATA // 2:
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
        ways = [_kinds(table, ranks) for table in self._ways]
        codes = {key: ranks[code] for key, code in sorted_codes}
        tasks, datasets = _numbered(codes, 0), _numbered(codes, 1)
        everything = dict.fromkeys(codes.values(), 0)
        micro = _share(ways, tasks if sampled_by_task else everything, noun)
        by_task = _share(ways, tasks, noun, equal=True) if len({*tasks.values()}) > 1 else None
        by_data = (
            _share(ways, datasets, noun, equal=True) if len({*datasets.values()}) > 1 else None
        )
        return Headline(
            micro=micro,
            macro_tasks=by_task,
            macro_datasets=by_data,
            macro_corrected=None if by_task is None else _corrected(by_task, chances),
            chance={},
            majority=_majorities(codes, ways),
        )


def _numbered(codes: Mapping[Key, int], part: int) -> dict[int, int]:
    names = sorted({key[part] or "" for key in codes})
    numbers = {name: number for number, name in enumerate(names)}
    return {code: numbers[key[part] or ""] for key, code in codes.items()}


def _majorities(codes: Mapping[Key, int], ways: Sequence[Kinds]) -> dict[str, Against]:
    """Against the answer that is right most often in each task."""
    often: dict[tuple[str, str], int] = defaultdict(int)
    texts = {code: (key[0], key[2]) for key, code in codes.items()}
    for cells, count in ways[0]:
        for code, (items, _) in cells:
            task, text = texts[code]
            if text is not None:
                often[task, text] += items * count
    best: dict[str, str] = {}
    for (task, text), n in sorted(often.items()):
        if n > often.get((task, best.get(task, "")), 0):
            best[task] = text
    is_best = {code for code, (task, text) in texts.items() if best.get(task) == text}
    tasks = {code: task for code, (task, _) in texts.items()}
    by_task = [_by_task(kinds, tasks) for kinds in ways]
    return {
        "pooled": _against_answer(ways, is_best),
        **{
            task: _against_answer([way[task] for way in by_task], is_best)
            for task in sorted(by_task[0])
        },
    }


def _kinds(table: CellTable, ranks: Mapping[int, int]) -> Kinds:
    """How many clusters have the same cells; sorted, so that sums are bitwise the same whatever
    the order of the records. `ranks`: the codes by which the cells are sorted."""
    counts: dict[tuple[tuple[int, tuple[int, ...]], ...], int] = defaultdict(int)
    for cells in table.clusters():
        counts[tuple(sorted((ranks[code], numbers) for code, numbers in cells))] += 1
    return sorted(counts.items())


def _by_task(kinds: Kinds, tasks: Mapping[int, str]) -> dict[str, Kinds]:
    """The same of each task's cells alone."""
    found: dict[str, dict[Any, int]] = defaultdict(lambda: defaultdict(int))
    for cells, count in kinds:
        parts: dict[str, list[tuple[int, tuple[int, ...]]]] = defaultdict(list)
        for cell in cells:
            parts[tasks[cell[0]]].append(cell)
        for task, part in parts.items():
            found[task][tuple(part)] += count
    return {task: sorted(of.items()) for task, of in found.items()}


def _share(
    ways: Sequence[Kinds], stratum: Mapping[int, int], noun: str, *, equal: bool = False
) -> Estimate:
    from mubench_gen.scores.estimand import estimand_of_kinds
    from mubench_gen.scores.estimate import share_estimate

    found = [
        estimand_of_kinds(
            (
                (tuple((c, n[_ITEMS], n[_RIGHT], n[_RIGHT]) for c, n in cells), count)
                for cells, count in kinds
            ),
            stratum,
            equal=equal,
        )
        for kinds in ways
    ]
    return share_estimate(found[0], also=found[1:], noun=noun)


def _corrected(
    macro: Estimate, chances: Mapping[str, float]
) -> tuple[float, tuple[float, float]] | None:
    """The macro accuracy over tasks corrected by the mean chance level, with its interval."""
    chance = math.fsum(chances.values()) / len(chances)
    if chance >= 1:
        return None
    low, high = ((end - chance) / (1 - chance) for end in macro.ci95)
    return (macro.value - chance) / (1 - chance), (low, high)


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


def _against_answer(ways: Sequence[Kinds], best: Collection[int]) -> Against:
    """Against giving the same answer always: a paired comparison on the same items."""
    from mubench_gen.scores.estimand import estimand_of_kinds
    from mubench_gen.scores.estimate import crossed
    from mubench_gen.scores.interval import student, student_p
    from mubench_gen.scores.paired import score_interval

    ahead = behind = share = n = 0
    for cells, count in ways[0]:
        for code, (items, right) in cells:
            n += items * count
            if code in best:
                share += items * count
                behind += (items - right) * count
            else:
                ahead += right * count
    found = [
        estimand_of_kinds(
            (
                (tuple(_apart(*numbers, always=c in best) for c, numbers in cells), count)
                for cells, count in kinds
            ),
        )
        for kinds in ways
    ]
    known, more, less = crossed(found[0], found[1:]), ahead / n, behind / n
    size = known.size(more + less - (more - less) ** 2)
    ci95 = score_interval(more, less, size=size, quantile=student(0.95, known.freedom))
    statistic = (more - less) * math.sqrt(size / (more + less)) if ahead + behind else 0.0
    return _against(share / n, more - less, ci95, student_p(statistic, known.freedom))


def _apart(items: int, right: int, *, always: bool) -> tuple[int, int, float, float]:
    """The cell of right − (whether the baseline is right), and of its square."""
    if always:
        return 0, items, right - items, items - right
    return 0, items, right, right


def _against(baseline: float, difference: float, ci95: tuple[float, float], p: float) -> Against:
    says: Says = "at the level of"
    if p < _LEVEL:
        says = "above" if difference > 0 else "below"
    return Against(baseline, difference, ci95, p, says)
