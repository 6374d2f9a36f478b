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
from mubench_gen.scores.estimand import Estimand, estimand
from mubench_gen.scores.estimate import share_estimate
from mubench_gen.scores.localization import is_box_record

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
    """The items of a run without errors: codes of cluster and task, and what was right."""

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
    clusters, tasks = dict[int, int](), dict[str, int]()
    cluster, task, right = array("q"), array("q"), array("d")
    clustering = run.clustering
    for record in run.outcomes():
        if record["status"] != "error" and not is_box_record(record):
            number = clustering(record)[0]
            cluster.append(clusters.setdefault(number, len(clusters)))
            task.append(tasks.setdefault(record["task"], len(tasks)))
            right.append(bool(record["correct"]))
    clustering.check.done()
    limited = run.manifest["settings"].get("limit") is not None
    return _Design(
        np.array(cluster, np.int64),
        np.array(task, np.int64),
        tuple(tasks),
        np.array(right, np.float64),
        limited,
    )


Mean = Callable[[Floats, Integers, Integers, bool], Estimand]


def _plain(right: Floats, cluster: Integers, _task: Integers, _sampled: bool) -> Estimand:
    return estimand(right, cluster)


def _pooled(right: Floats, cluster: Integers, task: Integers, sampled: bool) -> Estimand:
    return estimand(right, cluster, strata=task if sampled else None)


def _macro(right: Floats, cluster: Integers, task: Integers, _sampled: bool) -> Estimand:
    return estimand(right, cluster, weights=1 / np.bincount(task)[task], strata=task)


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
    then their answers have that correlation, where their tasks are as hard."""
    task, cluster, right = design.task[here], design.cluster[here], design.right[here]
    found = mean(right, cluster, task, design.sampled_by_task)
    correlation = 0.0 if found.variance < 1e-12 else found.correlation
    sums, counts = np.bincount(task, weights=right), np.bincount(task)
    # A task that is all right or all wrong need not be so for other images.
    chance = ((sums + 0.5) / (counts + 1))[task]
    truth = mean(chance, cluster, task, design.sampled_by_task).value
    width, together = int(cluster.max()) + 1, np.sqrt(correlation)
    held = warned = 0
    for _ in range(repeats):
        shared = rng.random(len(task)) < together
        ease = np.where(shared, rng.random(width)[cluster], rng.random(len(task)))
        drawn = (ease < chance).astype(np.float64)
        one = share_estimate(mean(drawn, cluster, task, design.sampled_by_task))
        held += one.ci95[0] - 1e-12 <= truth <= one.ci95[1] + 1e-12
        warned += bool(one.cautions)
    return Held(
        part=part,
        name=name,
        clusters=found.clusters,
        worth=found.worth,
        truth=truth,
        correlation=correlation,
        held=held / repeats,
        error=1.96 * float(np.sqrt(0.05 * 0.95 / repeats)),
        warned=warned / repeats,
        repeats=repeats,
    )
