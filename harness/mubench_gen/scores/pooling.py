"""Partial pooling: the scores of tasks with few items, estimated from all tasks together.

A hierarchical logistic model (`rasch.py`): an answer is right with the probability σ(mean +
model + task + model × task − difficulty of the item). The effects of models, tasks and models on
tasks are normal with estimated variances, so that a task with few items is drawn towards the
others, and one with many stays where it is (Gelman & Hill 2007, chapter 12). All models answer
the same items, of which each has one difficulty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.scores.posterior import abilities, accuracies
from mubench_gen.scores.rasch import Responses

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

LEAST_TASKS = 3  # of which a variance can be estimated
_MOST_ANSWERS = 20_000  # of items that are not answered alike; more take too long
DRAWS = 400


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Draws of the true accuracies, of shape (draws, models, tasks)."""

    drawn: Floats

    @property
    def means(self) -> Floats:
        """The estimated accuracies, (models, tasks)."""
        found: Floats = self.drawn.mean(axis=0)
        return found

    def difference(self, first: int, second: int, task: int) -> PooledDifference:
        """How two models differ on a task."""
        one, other = self.drawn[:, first, task], self.drawn[:, second, task]
        low, high = np.quantile(one - other, [0.025, 0.975])
        return PooledDifference(
            first=float(one.mean()),
            second=float(other.mean()),
            difference=float((one - other).mean()),
            ci95=(float(low), float(high)),
            ahead=float((one > other).mean()),
        )


@dataclass(frozen=True, slots=True)
class PooledDifference:
    """Two models on one task, estimated from all tasks; ahead: P(the first is truly better)."""

    first: float
    second: float
    difference: float
    ci95: tuple[float, float]
    ahead: float


def pooled(values: Floats, task: Codes, *, seed: int = 0) -> Pooled | None:
    """Pool the values (items, models), from 0 to 1, of tasks 0, 1, …; `task`: of each item.

    None with fewer than three tasks, which say nothing of how tasks vary, or of too many items
    that are all answered differently.
    """
    models, tasks = values.shape[1], int(task.max(initial=-1)) + 1
    if tasks < LEAST_TASKS:
        return None
    kinds, times = np.unique(
        np.column_stack([task, np.round(values, 6)]), axis=0, return_counts=True
    )
    if len(kinds) * models > _MOST_ANSWERS:
        return None
    of_kind = kinds[:, 0].astype(np.int64)
    model = np.tile(np.arange(models), len(kinds))
    cells = np.array([(m, t) for m in range(models) for t in range(tasks)])
    asked = Responses(
        item=np.repeat(np.arange(len(kinds)), models),
        cell=model * tasks + np.repeat(of_kind, models),
        right=kinds[:, 1:].ravel(),
        levels=cells if models > 1 else cells[:, 1:],
        task=np.zeros(len(kinds), np.int64),
        times=times.astype(np.float64),
    )
    ability, difficulty = abilities(asked, seed=seed, draws=DRAWS)
    return Pooled(accuracies(ability, difficulty).reshape(-1, models, tasks))
