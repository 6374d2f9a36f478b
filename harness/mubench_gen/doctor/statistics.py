"""A self-test of the intervals: how often they hold the truth for a run's own design.

Answers are simulated with the run's images, tasks, clusters and strata, its accuracies as the
truth, and its correlation within clusters; each interval is made of them as it is for the run.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.errors import SettingError
from mubench_gen.runs.results import Run
from mubench_gen.scores.crossing import ways_of
from mubench_gen.scores.estimand import Estimand, estimands
from mubench_gen.scores.estimate import share_estimate, weightiest
from mubench_gen.scores.open_answers import is_apart

REPEATS = 400
LEAST, MOST = 0.93, 0.975  # of the intervals that should hold the truth
_MOST_ITEMS = 4_000_000  # simulated in all
_LEAST_REPEATS = 100

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Held:
    """How often the interval of one mean held the truth: a share of `repeats`.

    warned: the share of the intervals that carried a caution. error: half the width of the 95 %
    interval of `held` itself. verdict: "ok", "cautioned" (off, and mostly with a caution), or
    "off".
    """

    part: str
    name: str
    clusters: int
    worth: float
    truth: float
    correlation: float
    held: float
    error: float
    warned: float
    repeats: int

    @property
    def verdict(self) -> str:
        if LEAST - self.error <= self.held <= MOST + self.error:
            return "ok"
        return "cautioned" if self.warned > 0.5 else "off"


@dataclass(frozen=True, slots=True)
class _Design:
    """The items of a run without errors: codes of clusters (as in `crossing.ways_of`) and tasks,
    and what was right."""

    cluster: Integers
    task: Integers
    tasks: tuple[str, ...]
    right: Floats
    sampled_by_task: bool


def self_test(run: Run, *, repeats: int = REPEATS, seed: int = 0) -> Iterator[Held]:
    """Simulate each mean of the run. SettingError for a run without answers."""
    design = _design(run)
    if not len(design.right):
        raise SettingError(f"{run.dir} has no answer yet: there is no design to simulate.")
    repeats = max(_LEAST_REPEATS, min(repeats, _MOST_ITEMS // len(design.right)))
    rng = np.random.default_rng(seed)
    everything = np.ones(len(design.right), bool)
    yield _held("pooled", "pooled", design, everything, _pooled, repeats, rng)
    if len(design.tasks) > 1:
        yield _held("macro", "mean of the tasks", design, everything, _macro, repeats, rng)
        for code, name in enumerate(design.tasks):
            yield _held("tasks", name, design, design.task == code, _plain, repeats, rng)


def _design(run: Run) -> _Design:
    tasks, clusters = dict[str, int](), array("Q")
    task, right = array("q"), array("d")
    clustering = run.clustering
    for record in run.outcomes():
        if record["status"] != "error" and not is_apart(record):
            clusters.extend(clustering(record))
            task.append(tasks.setdefault(record["task"], len(tasks)))
            right.append(bool(record["correct"]))
    clustering.check.done()
    limited = run.manifest["settings"].get("limit") is not None
    columns = np.array(clusters, np.uint64).reshape(-1, clustering.ways).T
    numbers = [np.unique(column, return_inverse=True)[1] for column in columns]
    return _Design(
        np.stack(numbers, axis=1) if clustering.ways > 1 else numbers[0],
        np.array(task, np.int64),
        tuple(tasks),
        np.array(right, np.float64),
        limited,
    )


Mean = Callable[[Floats, Integers, Integers, bool], list[Estimand]]


def _plain(right: Floats, cluster: Integers, _task: Integers, _sampled: bool) -> list[Estimand]:
    return estimands(right, cluster)


def _pooled(right: Floats, cluster: Integers, task: Integers, sampled: bool) -> list[Estimand]:
    return estimands(right, cluster, strata=task if sampled else None)


def _macro(right: Floats, cluster: Integers, task: Integers, _sampled: bool) -> list[Estimand]:
    return estimands(right, cluster, weights=1 / np.bincount(task)[task], strata=task)


def _held(
    part: str,
    name: str,
    design: _Design,
    here: npt.NDArray[np.bool_],
    mean: Mean,
    repeats: int,
    rng: np.random.Generator,
) -> Held:
    """Two items of a cluster share one random number with the probability √correlation each:
    then their answers have that correlation, where their tasks are as hard. Of two clusterings an
    item shares that of one cluster or of the other."""
    task, cluster, right = design.task[here], design.cluster[here], design.right[here]
    first, *also = mean(right, cluster, task, design.sampled_by_task)
    ways = (first, *also[:1])
    sharing = [np.sqrt(0 if way.variance < 1e-12 else way.correlation) for way in ways]
    sharing = [share / max(1.0, sum(sharing)) for share in sharing]
    sums, counts = np.bincount(task, weights=right), np.bincount(task)
    # A task that is all right or all wrong need not be so for other images.
    chance = ((sums + 0.5) / (counts + 1))[task]
    truth = mean(chance, cluster, task, design.sampled_by_task)[0].value
    held = warned = 0
    for _ in range(repeats):
        shared, ease, below = rng.random(len(task)), rng.random(len(task)), 0.0
        for codes, share in zip(ways_of(cluster), sharing, strict=False):
            of_cluster = rng.random(int(codes.max()) + 1)[codes]
            ease = np.where((shared >= below) & (shared < below + share), of_cluster, ease)
            below += share
        drawn, *others = mean(
            (ease < chance).astype(np.float64), cluster, task, design.sampled_by_task
        )
        one = share_estimate(drawn, also=others)
        held += one.ci95[0] - 1e-12 <= truth <= one.ci95[1] + 1e-12
        warned += bool(one.cautions)
    return Held(
        part=part,
        name=name,
        clusters=first.clusters,
        worth=weightiest(first, also)[1],
        truth=truth,
        correlation=float(max(sharing) ** 2),
        held=held / repeats,
        error=1.96 * float(np.sqrt(0.05 * 0.95 / repeats)),
        warned=warned / repeats,
        repeats=repeats,
    )
