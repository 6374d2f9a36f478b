"""How many images a wanted interval or difference needs, and where repeats would help."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mubench_gen.scores.estimand import estimand_of_sums
from mubench_gen.scores.estimate import share_estimate
from mubench_gen.scores.sample_size import (
    images_for_difference,
    images_for_width,
    items_an_image,
    width_with,
)
from mubench_gen.scores.variance_split import variance_split

from .conftest import Here
from .spine import evaluate


def test_the_images_of_a_width_have_it_and_one_fewer_has_not() -> None:
    needed = images_for_width(0.7, 2.0, 0.05)
    assert needed is not None
    assert width_with(0.7, needed, 2.0) <= 0.05 < width_with(0.7, needed - 1, 2.0)


def test_the_expected_width_is_that_of_samples() -> None:
    drawn = np.random.default_rng(2)
    each = items_an_image(5, 0.3)
    widths = []
    for _ in range(100):
        right = drawn.binomial(5, drawn.beta(0.6 / 0.3 * 0.7, 0.4 / 0.3 * 0.7, 150))
        found = share_estimate(estimand_of_sums(np.full(150, 5), right, right))
        widths.append(found.ci95[1] - found.ci95[0])
    assert np.mean(widths) == pytest.approx(width_with(0.6, 150, each), rel=0.05)


def test_the_images_of_a_difference_are_connors() -> None:
    items = (1.959964 * 0.2**0.5 + 0.841621 * (0.2 - 0.03**2) ** 0.5) ** 2 / 0.03**2
    assert images_for_difference(0.2, 1.0, 0.03) == pytest.approx(items, rel=0.003)
    assert images_for_difference(0.2, 2.0, 0.03) == pytest.approx(items / 2, rel=0.004)


def answers(items: float, prompts: float, sampling: float) -> Iterator[dict[str, Any]]:
    """Records whose answers depend on the item, the prompt, and chance to these degrees."""
    drawn = np.random.default_rng(4)
    ease, hint = drawn.normal(0, items, 150), drawn.normal(0, prompts, 8)
    for item in range(150):
        for prompt in range(8):
            for repeat in range(4):
                chance = ease[item] + hint[prompt] + drawn.normal(0, sampling)
                name = f"{item}/{prompt}/parse/given/{repeat}"
                yield {"id": name, "item": str(item), "prompt": str(prompt),
                       "status": "answered", "correct": chance > 0}  # fmt: skip


def test_repeats_help_where_replies_are_drawn_and_not_where_they_are_not() -> None:
    noisy = variance_split(answers(0.1, 0.0, 3.0))
    firm = variance_split(answers(3.0, 0.0, 0.01))
    swayed = variance_split(answers(1.0, 2.0, 0.5))
    assert noisy is not None
    assert firm is not None
    assert swayed is not None
    assert (noisy.of_sampling or 0) > 0.5 > noisy.of_items
    assert firm.of_items > 0.95
    assert noisy.more_repeats < 0.85 < 0.99 < firm.more_repeats
    assert swayed.more_prompts < 0.8 < swayed.more_items
    parts = (swayed.of_items, swayed.of_prompts, swayed.of_mixed, swayed.of_sampling)
    assert sum(part or 0 for part in parts) == pytest.approx(1)


def test_one_answer_an_item_tells_nothing_of_repeats() -> None:
    once = [r for r in answers(1, 1, 1) if r["id"].endswith("/0") and r["prompt"] == "0"]
    assert variance_split(once) is None


def test_eval_and_compare_plan_from_a_pilot_and_from_assumptions(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    one = evaluate("echo", tmp_path / "one", data=cells)
    two = evaluate("echo", tmp_path / "two", data=cells, seed=5, orders="shuffled")
    plan = ("eval", "--plugin", "echo", "--data", cells, "--plan", "--json")
    assumed = json.loads(here(*plan, "--width", "4", "--accuracy", "80").out)["sample"]
    assert assumed["accuracy"] == 0.8
    needed = {need["name"]: need["needed"] for need in assumed["needs"]}
    assert needed["a task with one item an image"] == images_for_width(0.8, 1.0, 0.04)
    piloted = json.loads(here(*plan, "--pilot", one.dir).out)["sample"]
    assert {need["part"] for need in piloted["needs"]} >= {"pooled", "tasks"}
    assert "images needed" in here(*plan[:-1], "--pilot", one.dir).out
    refused = here(*plan, "--pilot", one.dir, "--accuracy", "50")
    assert refused.code == 2
    assert "--accuracy" in refused.err
    assert here("eval", "--plugin", "echo", "--width", "4").code == 2
    compared = json.loads(
        here("compare", one.dir, two.dir, "--intersection", "--plan", "--json").out
    )
    assert compared["plans"][0]["needs"][0]["wanted"] == 0.02
    alone = json.loads(here("compare", "--plan", "--difference", "3", "--json").out)
    assert alone["needs"][0]["needed"] == images_for_difference(0.2, 1.0, 0.03)
    assert here("compare", one.dir, two.dir, "--difference", "3").code == 2
    assert here("compare", one.dir, two.dir, "--plan", "--correlation", "0.1").code == 2
