"""Intervals that hold at every look: how often they are wrong, and what they find."""

from __future__ import annotations

import numpy as np
import pytest

from mubench_gen.scores.anytime import anytime_interval, images_to_decide


def drawn(generator: np.random.Generator, n: int, apart: float, difference: float) -> list[float]:
    """Differences −1, 0 and 1; `apart`: the share that is not 0."""
    shares = [(apart - difference) / 2, 1 - apart, (apart + difference) / 2]
    return list(generator.choice([-1.0, 0.0, 1.0], size=n, p=shares))


@pytest.mark.parametrize("apart", [0.1, 0.4, 0.9])
def test_equal_models_are_told_apart_at_no_look_of_all_in_more_than_five_of_a_hundred(
    monkeypatch: pytest.MonkeyPatch, apart: float
) -> None:
    """The interval is of the greatest evidence so far: one at the end stands for every look."""
    monkeypatch.setattr("mubench_gen.scores.anytime._STEPS", 8)
    generator = np.random.default_rng(1)
    wrong = 0
    for _ in range(300):
        low, high = anytime_interval(drawn(generator, 300, apart, 0.0), error=0.05)
        wrong += low >= 0 or high <= 0
    assert wrong <= 15


def test_the_true_difference_is_within_the_interval_at_every_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mubench_gen.scores.anytime._STEPS", 20)
    generator = np.random.default_rng(2)
    outside = 0
    for _ in range(300):
        low, high = anytime_interval(drawn(generator, 200, 0.5, 0.3), error=0.05)
        outside += not low < 0.3 < high
    assert outside <= 15


def test_evidence_is_never_lost() -> None:
    values = drawn(np.random.default_rng(3), 400, 0.4, 0.2)
    wide = anytime_interval(values[:100], error=0.05)
    narrow = anytime_interval(values, error=0.05)
    assert wide[0] <= narrow[0] < narrow[1] <= wide[1]


def test_nothing_is_known_of_nothing() -> None:
    assert anytime_interval([], error=0.05) == (-1.0, 1.0)
    assert images_to_decide([], error=0.05) is None
    assert images_to_decide([1.0, -1.0, 0.0], error=0.05) is None


def test_a_long_series_is_read_in_blocks_as_if_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = drawn(np.random.default_rng(4), 300, 0.5, 0.1)
    whole = anytime_interval(values, error=0.05)
    monkeypatch.setattr("mubench_gen.scores.anytime._BLOCK", 7)
    assert anytime_interval(values, error=0.05) == whole


def test_the_images_that_are_needed_are_about_those_that_decide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mubench_gen.scores.anytime._STEPS", 8)
    generator = np.random.default_rng(5)
    needed = images_to_decide(drawn(generator, 5_000, 0.3, 0.2), error=0.05)
    assert needed is not None
    decided = [
        anytime_interval(drawn(generator, needed, 0.3, 0.2), error=0.05)[0] >= 0 for _ in range(100)
    ]
    assert 40 <= sum(decided) <= 90
