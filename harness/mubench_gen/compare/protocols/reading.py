"""A run, read under protocols; and what two of them give for its parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mubench_gen.compare.protocols.bootstrap import Bootstrapped, basic_bootstrap
from mubench_gen.compare.protocols.causes import Causes
from mubench_gen.runs.results import Run
from mubench_gen.scores.protocols.files import Protocol
from mubench_gen.scores.protocols.numbers import Valued
from mubench_gen.scores.protocols.tally import LikeItems, ProtocolTally, tally
from mubench_gen.tasks.task import load_tasks

PARTS: dict[str, Callable[[LikeItems], str]] = {
    "groups": lambda alike: alike.group,
    "tasks": lambda alike: alike.task,
    "datasets": lambda alike: alike.dataset,
}


@dataclass(frozen=True, slots=True)
class PartScore:
    """The shares of items that two protocols call right, of those that both count.

    half_width and ci95: of the first, by the basic bootstrap.
    """

    n: int
    first: float
    second: float
    half_width: float
    ci95: tuple[float, float]


def read_run(
    run: Run, protocols: Sequence[Protocol], causes: Causes | None = None
) -> ProtocolTally:
    """The counts of a run's items under these protocols."""
    return tally(run.records(), run.manifest, protocols, group_of(run.manifest), causes)


def group_of(manifest: Mapping[str, Any]) -> Callable[[str], str | None]:
    """A function from task to group, by the manifest; for older runs, by the shipped tasks."""
    tasks = manifest.get("tasks")
    groups = (
        {name: task["group"] for name, task in tasks.items()}
        if tasks is not None
        else {task.name: task.group for task in load_tasks()}
    )
    return groups.get


def part_scores(found: ProtocolTally, part: str | None, *, seed: int = 0) -> dict[str, PartScore]:
    """Both protocols' accuracies by group, task or data set; of all, under "", without a part."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for alike, n in found.items.items():
        name = PARTS[part](alike) if part else ""
        if any(alike.why_not) or (part and not name):
            continue
        first, second = alike.readings
        for place, more in enumerate((n, n * first.right, n * second.right)):
            counts[name][place] += more
    return {name: _scored(counts[name], seed) for name in sorted(counts)}


def _scored(counts: Sequence[int], seed: int) -> PartScore:
    n, first, second = counts
    interval = basic_bootstrap(first, n, seed=seed)
    return PartScore(n, first / n, second / n, interval.half_width, (interval.low, interval.high))


def interval_of(one: Valued, *, seed: int = 0) -> Bootstrapped | None:
    """The basic bootstrap's interval of a number that is a share of items; else None."""
    if one.definition.metric != "accuracy" or one.definition.over != "items" or not one.n:
        return None
    return basic_bootstrap(one.right, one.n, seed=seed)
