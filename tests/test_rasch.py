"""A part of a grid: how it is drawn, and whether the estimate of the whole holds the truth."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mubench_gen.ablation.budget import by_item, draw
from mubench_gen.scores.posterior import GridEstimate, estimate
from mubench_gen.scores.rasch import Responses, responses_of

from .conftest import Here
from .spine import make_row, write_data

Floats = npt.NDArray[np.float64]
LEVELS = np.array(list(itertools.product(range(5), range(3), range(2))))  # 30 cells


@dataclass(frozen=True)
class World:
    """All answers of a grid, (items, cells), with the items' tasks."""

    right: Floats
    task: npt.NDArray[np.int64]


def world(seed: int, *, items: int = 300, kind: str = "rasch") -> World:
    """`kind`: rasch; tasks (cells differ by task, too); steep (items tell cells apart more or
    less); guess (a quarter right by chance); two (items are either easy or hard); alike (cells
    hardly differ)."""
    drawn = np.random.default_rng(seed)
    task = drawn.integers(0, 4, items)
    ability = sum(
        drawn.normal(0, spread, 1 + LEVELS[:, n].max())[LEVELS[:, n]]
        for n, spread in enumerate((0.6, 0.3, 0.1))
    ) + drawn.normal(0, 0.2, len(LEVELS))
    if kind == "alike":
        ability = 0.05 * ability
    abilities = ability[:, None] + drawn.normal(0.3, 1, 4)
    if kind == "tasks":
        abilities = abilities + drawn.normal(0, 0.4, abilities.shape)
    hard = drawn.normal(0, 1.3, items)
    if kind == "two":
        hard = np.where(drawn.random(items) < 0.5, -2.5, 1.5) + drawn.normal(0, 0.4, items)
    steep = np.exp(drawn.normal(0, 0.4, items)) if kind == "steep" else 1.0
    chances = 1 / (1 + np.exp(-steep * (abilities[:, task] - hard)))
    if kind == "guess":
        chances = 0.25 + 0.75 * chances
    return World((drawn.random(chances.shape) < chances).T.astype(float), task)


def estimated(there: World, budget: int, seed: int, draws: int = 200) -> GridEstimate:
    chosen = draw(len(there.task), len(LEVELS), budget, seed=seed)
    seen = np.full_like(there.right, np.nan)
    for item, cells in enumerate(chosen):
        seen[item, cells] = there.right[item, cells]
    return estimate(responses_of(seen, LEVELS, there.task), seed=seed, draws=draws)


def ends_held(found: GridEstimate, truth: Floats) -> list[bool]:
    """Whether the intervals of the minimum, the median and the maximum hold the true ones."""
    held = []
    for end in (np.min, np.median, np.max):
        low, high = found.interval(lambda cells, end=end: end(cells, axis=1))
        held.append(bool(low - 1e-9 <= end(truth) <= high + 1e-9))
    return held


@pytest.mark.parametrize(("items", "cells", "budget"), [(50, 12, 240), (50, 7, 333), (9, 4, 36)])
def test_a_budget_is_spent_to_the_last_pair_and_balanced_both_ways(
    items: int, cells: int, budget: int
) -> None:
    chosen = draw(items, cells, budget, seed=3)
    each = [len(places) for places in chosen]
    assert sum(each) == budget
    assert max(each) - min(each) <= 1
    assert all(len(set(places.tolist())) == len(places) for places in chosen)
    used = np.bincount(np.concatenate(chosen), minlength=cells)
    assert used.max() - used.min() <= 1


def test_a_small_budget_asks_fewer_items_in_two_cells_each() -> None:
    chosen = draw(100, 10, 60, seed=0)
    assert sorted({len(places) for places in chosen}) == [0, 2]
    assert sum(len(places) for places in chosen) == 60
    assert [p.tolist() for p in chosen] == [p.tolist() for p in draw(100, 10, 60, seed=0)]
    assert [p.tolist() for p in chosen] != [p.tolist() for p in draw(100, 10, 60, seed=1)]
    named = by_item([f"i{n}" for n in range(100)], [(f"p{n}", "parse") for n in range(10)], chosen)
    assert len(named) == 30
    assert all(len(cells) == 2 for cells in named.values())
    assert sum(len(places) for places in draw(3, 1, 2, seed=0)) == 2
    assert sum(len(places) for places in draw(3, 2, 1, seed=0)) == 1


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["rasch", "tasks", "steep", "guess", "two"])
def test_the_estimate_is_near_the_truth_and_its_error_says_how_near(kind: str) -> None:
    """Also where the model is not the truth."""
    held, off, naive, told, replicates = [], [], [], [], 8
    ends: list[bool] = []
    for seed in range(replicates):
        there = world(seed, kind=kind)
        truth = there.right.mean(axis=0)
        found = estimated(there, 1_500, seed, draws=120)
        low, high = found.interval(lambda cells: cells)
        held.append(((low <= truth) & (truth <= high)).mean())
        off.append(((found.means - truth) ** 2).mean())
        told.append((found.errors**2).mean())
        chosen = draw(300, len(LEVELS), 1_500, seed=seed)
        sums = np.zeros(len(LEVELS))
        for item, cells in enumerate(chosen):
            sums[cells] += there.right[item, cells]
        naive.append(((sums / found.answered - truth) ** 2).mean())
        ends += ends_held(found, truth)
    assert 0.89 <= np.mean(held) <= 0.985
    assert np.mean(ends) >= 0.85
    assert np.mean(off) < 0.6 * np.mean(naive)
    assert np.sqrt(np.mean(told)) == pytest.approx(np.sqrt(np.mean(off)), rel=0.2)


@pytest.mark.exhaustive
@pytest.mark.parametrize("budget", [900, 3_000])
def test_where_cells_are_as_good_as_alike_the_extremes_are_not_thought_far_apart(
    budget: int,
) -> None:
    """A prior that takes differences for granted held six of ten at a tenth of such a grid."""
    ends = []
    for seed in range(12):
        there = world(seed, kind="alike")
        ends.append(ends_held(estimated(there, budget, seed, draws=120), there.right.mean(axis=0)))
    assert np.mean(ends) >= 0.89


@pytest.mark.exhaustive
def test_more_budget_errs_less_and_all_of_it_not_at_all() -> None:
    there = world(1)
    errors = [
        estimated(there, budget, 0, draws=60).errors.mean() for budget in (600, 1_500, 4_500, 9_000)
    ]
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[3] < 1e-9
    assert estimated(there, 9_000, 0).means == pytest.approx(there.right.mean(axis=0))


def test_the_fit_is_where_the_likelihood_is_highest() -> None:
    """By finite differences of the integrated likelihood, worked out anew."""
    there = world(2, items=120)
    chosen = draw(120, len(LEVELS), 900, seed=2)
    item = np.repeat(np.arange(120), [len(places) for places in chosen])
    cell = np.concatenate(chosen)
    one_task = replace(there, task=np.zeros(120, np.int64))
    asked = Responses(item, cell, there.right[item, cell], LEVELS[:, :1], one_task.task)
    fit = estimate(asked, seed=0, draws=2).fit
    assert len(fit.effects) == 6  # the mean, and the levels of one factor
    nodes, weights = np.polynomial.hermite_e.hermegauss(21)

    def likelihood(effects: Floats, difficulty: float) -> float:
        ability = effects[0] + effects[1:][LEVELS[cell, 0]]
        logits = ability[:, None] - difficulty * nodes
        each = there.right[item, cell][:, None] * logits - np.log1p(np.exp(logits))
        total = np.zeros((120, 21))
        np.add.at(total, item, each)
        whole = float(np.log(np.exp(total) @ (weights / weights.sum())).sum())
        return whole - 0.5 * float(
            (effects[1:] ** 2).sum() / fit.variances[0] + effects[0] ** 2 / 25
        )

    step = 1e-4
    for place in range(6):
        moved = step * np.eye(6)[place]
        up, down = (likelihood(fit.effects + s * moved, fit.difficulty) for s in (1, -1))
        assert abs(up - down) / (2 * step) < 0.5
        assert likelihood(fit.effects, fit.difficulty) > likelihood(
            fit.effects + 0.3 * np.eye(6)[place], fit.difficulty
        )
    up, down = (likelihood(fit.effects, fit.difficulty + s * step) for s in (1, -1))
    assert abs(up - down) / (2 * step) < 0.5


def test_the_same_seed_gives_the_same_estimate() -> None:
    there = world(4)
    one, again, other = (estimated(there, 300, seed, draws=20).drawn for seed in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).any()


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_answers_all_wrong_or_all_right_are_no_trouble(right: float) -> None:
    there = World(np.full((40, len(LEVELS)), right), np.zeros(40, np.int64))
    found = estimated(there, 300, 0)
    assert np.isfinite(found.drawn).all()
    assert found.means == pytest.approx(np.full(30, right), abs=0.1)


def test_no_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="no answers"):
        estimate(responses_of(np.full((3, 30), np.nan), LEVELS, np.zeros(3, np.int64)), seed=0)


def test_a_budget_asks_so_much_and_estimates_the_rest(here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "slides", [make_row(i) for i in range(20)])
    common = ["ablate", "--plugin", "echo", "--data", data, "--prompt", "letter,plain,cot",
              "--labels", "A),1."]  # fmt: skip
    part = here(*common, "--budget", "300", "--run-dir", "part", "--json").document
    whole = here(*common, "--run-dir", "whole", "--json").document
    assert part["surveys"][0]["pairs"] == 300
    (found,), (truth,) = part["results"]["models"], whole["results"]["models"]
    assert sum(cell["tally"]["records"] for cell in found["cells"]) == 300
    estimate = found["estimated"]
    assert (estimate["asked"], estimate["pairs"]) == (300, 600)
    held = [
        number["ci95"][0] <= cell["tally"]["accuracy"] <= number["ci95"][1]
        for number, cell in zip(estimate["accuracies"], truth["cells"], strict=True)
    ]
    assert sum(held) >= 5
    assert sum(estimate["best"]) == pytest.approx(1, abs=0.05)
    enough = here(*common, "--budget", "600", "--run-dir", "enough", "--json")
    assert "covers all" in enough.err
    assert enough.document["results"] == whole["results"]
    refused = here(*common, "--budget", "200", "--run-dir", "part")
    assert (refused.code, "budget" in refused.err) == (2, True)
