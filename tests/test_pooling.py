"""Partial pooling over tasks: nearer to the truth than raw scores, and not too sure of itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit

from mubench_gen.scores.pooling import Pooled, pooled

Floats = npt.NDArray[np.float64]


def world(
    seed: int, *, tasks: int = 14, items: int = 8
) -> tuple[Floats, npt.NDArray[np.int64], Floats]:
    """Answers (items, 2), the items' tasks, and the true accuracies (2, tasks)."""
    drawn = np.random.default_rng(seed)
    task = np.repeat(np.arange(tasks), items)
    ability = drawn.normal(0.5, 0.8, tasks) + drawn.normal(0, 0.2, (2, tasks)) + [[0.3], [-0.3]]
    difficulty = drawn.normal(size=(len(task), 1))
    values = drawn.random((len(task), 2)) < expit(ability[:, task].T - difficulty)
    noise = np.random.default_rng(0).normal(size=2_000)
    return values.astype(float), task, expit(ability[:, :, None] - noise).mean(axis=2)


def raw(values: Floats, task: npt.NDArray[np.int64]) -> Floats:
    counts = np.bincount(task)
    return np.stack([np.bincount(task, values[:, n]) / counts for n in range(values.shape[1])])


def found_in(values: Floats, task: npt.NDArray[np.int64]) -> Pooled:
    found = pooled(values, task)
    assert found is not None
    return found


@pytest.mark.exhaustive
def test_shrunken_scores_are_nearer_to_the_truth() -> None:
    apart, together, ahead = [], [], []
    for seed in range(4):
        values, task, true = world(seed)
        found = found_in(values, task)
        apart.append(((raw(values, task) - true) ** 2).mean())
        together.append(((found.means - true) ** 2).mean())
        told = [found.difference(0, 1, t) for t in range(true.shape[1])]
        ahead += [one.ahead for one in told]
        assert all(one.ci95[0] <= one.difference <= one.ci95[1] for one in told)
    assert np.mean(together) < 0.6 * np.mean(apart)
    assert np.mean(ahead) > 0.7


def test_a_task_with_few_items_is_drawn_towards_the_others_and_one_with_many_stays() -> None:
    task = np.repeat(np.arange(6), [400, 400, 400, 400, 400, 4])
    values = np.zeros((len(task), 1))
    for number, share in enumerate((0.55, 0.6, 0.65, 0.7, 0.75, 0.0)):
        here = np.flatnonzero(task == number)
        values[here[: round(share * len(here))]] = 1
    found = found_in(values, task).means[0]
    assert found[:5] == pytest.approx([0.55, 0.6, 0.65, 0.7, 0.75], abs=0.02)
    assert 0.2 < found[5] < 0.6


def test_many_items_of_the_same_answers_are_worth_as_many() -> None:
    values, task, _ = world(3, tasks=4, items=20)
    once = found_in(values, task).difference(0, 1, 0)
    often = found_in(np.tile(values, (40, 1)), np.tile(task, 40)).difference(0, 1, 0)
    width = [one.ci95[1] - one.ci95[0] for one in (once, often)]
    assert width[1] < 0.4 * width[0]
    assert often.difference == pytest.approx(raw(values, task)[:, 0] @ [1, -1], abs=0.03)


def test_two_tasks_say_nothing_of_how_tasks_vary() -> None:
    values, task, _ = world(1, tasks=2)
    assert pooled(values, task) is None
    assert found_in(*world(1, tasks=3)[:2]).drawn.shape[1:] == (2, 3)
