"""The interval beside a score: Wilson's where images are single, honest where they are not."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from mubench_gen.scores.interval import clustered_interval
from mubench_gen.scores.quantile import student

# Two-sided 95 % quantiles of Student's t, as any table prints them.
TABLE = {
    1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 5: 2.5706, 6: 2.4469, 7: 2.3646, 8: 2.3060,
    10: 2.2281, 15: 2.1314, 20: 2.0860, 30: 2.0423, 60: 2.0003, 120: 1.9799, 100_000: 1.9600,
}  # fmt: skip


def wilson(right: int, n: int, quantile: float) -> tuple[float, float]:
    """The formula as Wilson gives it, solved for the roots of the score equation."""
    share, z2 = right / n, quantile**2
    a, b, c = 1 + z2 / n, -(2 * share + z2 / n), share**2
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


@pytest.mark.parametrize("freedom", TABLE)
def test_the_quantile_is_that_of_the_table(freedom: int) -> None:
    assert student(0.95, freedom) == pytest.approx(TABLE[freedom], rel=0.008)
    if freedom >= 6 or freedom <= 2:
        assert student(0.95, freedom) == pytest.approx(TABLE[freedom], rel=0.001)


@pytest.mark.parametrize(("right", "n"), [(1, 2), (1, 10), (7, 20), (50, 100), (99, 100), (3, 900)])
def test_it_is_wilsons_where_each_image_has_one_item(right: int, n: int) -> None:
    clusters = [(1, 1)] * right + [(1, 0)] * (n - right)
    found = clustered_interval(clusters)
    assert found == pytest.approx(wilson(right, n, student(0.95, n - 1)), abs=1e-12)


@pytest.mark.parametrize("n", [1, 5, 50, 5_000])
def test_it_is_wilsons_over_the_images_at_nothing_and_at_all(n: int) -> None:
    none = clustered_interval([(3, 0)] * n)
    every = clustered_interval([(3, 3)] * n)
    low, high = wilson(0, n, student(0.95, n - 1))
    assert none is not None
    assert every is not None
    assert none == (0.0, pytest.approx(high, abs=1e-12))
    assert every == (pytest.approx(1 - high, abs=1e-12), 1.0)
    assert low == pytest.approx(0, abs=1e-12)
    assert high > 1 / (n + 4)


def test_it_agrees_with_statsmodels_on_single_items() -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    theirs = proportion.proportion_confint(1_300, 5_000, method="wilson")
    assert clustered_interval([(1, 1)] * 1_300 + [(1, 0)] * 3_700) == pytest.approx(
        theirs, abs=1e-5
    )


def test_no_item_has_no_interval() -> None:
    assert clustered_interval([]) is None


@pytest.mark.parametrize("right", [0, 2, 5])
def test_one_image_tells_next_to_nothing(right: int) -> None:
    found = clustered_interval([(5, right)])
    assert found is not None
    low, high = found
    assert low <= right / 5 <= high
    assert high - low > 0.95


def test_equal_answers_to_each_image_count_as_one_item_an_image() -> None:
    single = clustered_interval([(1, 1)] * 30 + [(1, 0)] * 70)
    eightfold = clustered_interval([(8, 8)] * 30 + [(8, 0)] * 70)
    assert eightfold == pytest.approx(single, abs=0.002)


def test_answers_more_even_than_chance_gain_nothing() -> None:
    """Each image has one of two right: less spread than a coin's, never a shorter interval."""
    even = clustered_interval([(2, 1)] * 100)
    assert even == pytest.approx(wilson(100, 200, student(0.95, 199)), abs=1e-12)


def test_the_interval_holds_the_share_and_stays_within_0_and_1() -> None:
    drawn = np.random.default_rng(4)
    for _ in range(500):
        sizes = drawn.integers(1, 9, size=drawn.integers(1, 30))
        clusters = [(int(n), int(drawn.integers(0, n + 1))) for n in sizes]
        found = clustered_interval(clusters)
        assert found is not None
        share = sum(r for _, r in clusters) / sum(n for n, _ in clusters)
        assert 0 <= found[0] <= share <= found[1] <= 1


def coverage(
    share: float, correlation: float, *, images: int, replicates: int, seed: int
) -> tuple[float, float]:
    """How often the interval holds the true share, and how often the one without clusters does.

    Beta-binomial answers: `correlation` is that of two items of an image; images have from
    1 to 12 items.
    """
    drawn = np.random.default_rng(seed)
    spread = 1 / correlation - 1
    held = naive = 0
    for _ in range(replicates):
        sizes = drawn.integers(1, 13, size=images)
        chances = drawn.beta(share * spread, (1 - share) * spread, size=images)
        right = drawn.binomial(sizes, chances)
        held += _holds(
            clustered_interval(list(zip(sizes.tolist(), right.tolist(), strict=True))), share
        )
        n, total = int(sizes.sum()), int(right.sum())
        naive += _holds(wilson(total, n, 1.96), share)
    return held / replicates, naive / replicates


def _holds(interval: Sequence[float] | None, share: float) -> bool:
    assert interval is not None
    return interval[0] <= share <= interval[1]


@pytest.mark.exhaustive
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_it_covers_the_truth_95_times_in_100_where_the_plain_interval_does_not(
    share: float,
) -> None:
    clustered, plain = coverage(share, 0.3, images=200, replicates=2_000, seed=11)
    assert 0.93 <= clustered <= 0.97
    assert plain < 0.85


@pytest.mark.first(1)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_it_covers_the_truth_where_items_of_an_image_are_independent(share: float) -> None:
    clustered, _ = coverage(share, 1e-6, images=200, replicates=2_000, seed=12)
    assert 0.93 <= clustered <= 0.97


def test_it_covers_the_truth_with_few_images() -> None:
    clustered, plain = coverage(0.5, 0.3, images=20, replicates=2_000, seed=13)
    assert 0.93 <= clustered <= 0.98
    assert plain < 0.85
