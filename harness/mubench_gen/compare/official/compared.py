"""stored records → the numbers of both scorers, and their difference by cause."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from mubench_gen.compare.official.bootstrap import basic_bootstrap
from mubench_gen.compare.official.causes import CAUSES, Cause, cause_of
from mubench_gen.compare.official.rule import paper_compat
from mubench_gen.scores.localization import is_box_record
from mubench_gen.storage.records import Record
from mubench_gen.types import Answer

_EXAMPLES = 3


@dataclass(slots=True)
class Count:
    """Counts of items, and of those right by the official rule and by ours."""

    n: int = 0
    right: int = 0
    ours: int = 0

    def add(self, right: bool, ours: bool) -> None:
        self.n += 1
        self.right += right
        self.ours += ours


@dataclass(frozen=True, slots=True)
class OfficialScore:
    """The scores of one group of items by the official scorer and by ours; None if n is 0.

    accuracy: the share right by the official rule (micro); half_width and ci95: its basic
    bootstrap interval. ours: the share right by our reading of the same replies.
    """

    n: int
    accuracy: float | None
    half_width: float | None
    ci95: tuple[float, float] | None
    ours: float | None


@dataclass(frozen=True, slots=True)
class CauseDifference:
    """The points (in %) that one cause adds to the official accuracy, or takes away."""

    cause: Cause
    n: int
    points: float
    examples: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """Both scorers on the same replies.

    macro: the unweighted mean over data sets of the official accuracy; macro_ours: of ours.
    cells: counts by group and data set.
    differences: largest first; their points sum to the pooled difference.
    scored: items with option scores instead of a reply, where both take the highest.
    n_boxes: items that asked for boxes, which are counted nowhere else.
    """

    pooled: OfficialScore
    groups: Mapping[str, OfficialScore]
    cells: Mapping[tuple[str, str], Count]
    tasks: Mapping[str, OfficialScore]
    datasets: Mapping[str, OfficialScore]
    macro: float | None
    macro_ours: float | None
    differences: tuple[CauseDifference, ...]
    n_errors: int
    scored: int
    n_boxes: int

    @property
    def asked(self) -> int:
        """The number of all records."""
        return self.pooled.n + self.n_errors + self.n_boxes


@dataclass(slots=True)
class _Parting:
    """The replies on which the scorers differ for one cause."""

    n: int = 0
    examples: list[Mapping[str, Any]] = field(default_factory=list)


def compare_scorers(
    records: Iterable[Record],
    group_of: Callable[[str], str | None] = lambda task: None,
    *,
    seed: int = 0,
) -> Compared:
    """Apply both scorers to records. `group_of` maps a task to "coarse", "fine", … or None."""
    pooled = Count()
    tasks, datasets = defaultdict[str, Count](Count), defaultdict[str, Count](Count)
    groups, cells = defaultdict[str, Count](Count), defaultdict[tuple[str, str], Count](Count)
    partings = defaultdict[str, _Parting](_Parting)
    counts: Counter[str] = Counter()
    for record in records:
        if is_box_record(record):
            counts["boxes"] += 1
            continue
        if record["status"] == "error":
            counts["errors"] += 1
            continue
        counts["scored"] += record["reply"] is None
        right, ours = official_right(record), bool(record["correct"])
        group = group_of(record["task"])
        for count in (pooled, tasks[record["task"]], datasets[record["dataset"]]):
            count.add(right, ours)
        if group is not None:
            groups[group].add(right, ours)
            cells[group, record["dataset"]].add(right, ours)
        if right != ours:
            _note(partings, record)
    return Compared(
        pooled=_score(pooled, seed),
        groups=_scores(groups, seed),
        cells=dict(sorted(cells.items())),
        tasks=_scores(tasks, seed),
        datasets=_scores(datasets, seed),
        macro=_mean(c.right / c.n for c in datasets.values()),
        macro_ours=_mean(c.ours / c.n for c in datasets.values()),
        differences=_differences(partings, pooled.n),
        n_errors=counts["errors"],
        scored=counts["scored"],
        n_boxes=counts["boxes"],
    )


def official_right(record: Record) -> bool:
    """Whether the official rule calls a record right; option scores: the first highest wins."""
    if record["reply"] is None:
        scores = record["scores"]
        return bool(scores.index(max(scores)) == record["gold"])
    return paper_compat(record["reply"], record["options"], record["gold"])


def _note(partings: dict[str, _Parting], record: Record) -> None:
    answer = Answer(
        status=record["status"],
        index=record["choice"],
        rule=record["rule"],
        span=None if record["span"] is None else tuple(record["span"]),
    )
    options, gold = record["options"], record["gold"]
    cause = cause_of(record["reply"] or "", options, gold, answer, record["labels"])
    if cause is None:  # a stored `correct` that its own answer contradicts
        return
    parting = partings[cause.name]
    parting.n += 1
    if len(parting.examples) < _EXAMPLES:
        shown = {"id": record["id"], "reply": record["reply"], "options": options, "gold": gold}
        parting.examples.append(shown)


def _differences(partings: Mapping[str, _Parting], n: int) -> tuple[CauseDifference, ...]:
    found = []
    for name, parting in partings.items():
        sign = 1 if CAUSES[name].effect == "false hit" else -1
        points = sign * 100 * parting.n / n
        found.append(CauseDifference(CAUSES[name], parting.n, points, tuple(parting.examples)))
    return tuple(sorted(found, key=lambda d: (-d.n, d.cause.name)))


def _score(count: Count, seed: int) -> OfficialScore:
    if not count.n:
        return OfficialScore(0, None, None, None, None)
    interval = basic_bootstrap(count.right, count.n, seed=seed)
    return OfficialScore(
        n=count.n,
        accuracy=count.right / count.n,
        half_width=interval.half_width,
        ci95=(interval.low, interval.high),
        ours=count.ours / count.n,
    )


def _scores(counts: Mapping[str, Count], seed: int) -> dict[str, OfficialScore]:
    return {name: _score(counts[name], seed) for name in sorted(counts)}


def _mean(shares: Iterable[float]) -> float | None:
    found = list(shares)
    return fmean(found) if found else None
