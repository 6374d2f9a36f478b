"""Joint tests of several differences: against brute force, scipy, statsmodels, and by chance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mubench_gen.scores.joint import (
    Floats,
    adjust,
    benjamini_hochberg,
    block_of,
    holm,
    in_blocks,
    max_t,
)
from mubench_gen.scores.wald import wald


@pytest.mark.first(1)
@pytest.mark.parametrize("seed", range(4))
def test_holm_and_benjamini_hochberg_are_those_of_statsmodels(seed: int) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    chances = (np.random.default_rng(seed).random(9) ** 3).tolist()
    assert holm(chances) == pytest.approx(multitest.multipletests(chances, method="holm")[1])
    theirs = multitest.multipletests(chances, method="fdr_bh")[1]
    assert benjamini_hochberg(chances) == pytest.approx(theirs)
    assert holm([]) == []
    assert holm([0.04]) == [0.04]


@pytest.mark.parametrize("seed", range(3))
def test_max_t_is_the_count_over_all_signs(seed: int) -> None:
    """Step-down, by the definition of Westfall and Young, over all 1,024 sets of signs."""
    totals = np.random.default_rng(seed).normal([0.9, 0.5, 0.0, -0.4], 1, size=(10, 4))
    units = totals / np.sqrt((totals**2).sum(axis=0))
    signs = np.array(list(itertools.product((-1, 1), repeat=10)))
    drawn, seen = np.abs(signs @ units), np.abs(units.sum(axis=0))
    theirs, left, highest = np.empty(4), list(range(4)), 0.0
    for place in np.argsort(-seen):
        highest = max(highest, float((drawn[:, left].max(axis=1) >= seen[place] - 1e-9).mean()))
        theirs[place] = highest
        left.remove(place)
    ours, critical = max_t(totals)
    assert ours == pytest.approx(theirs, abs=0.015)
    assert critical == pytest.approx(np.quantile(drawn.max(axis=1), 0.95), abs=0.05)
    assert max_t(totals)[0].tolist() == ours.tolist()


def test_near_copies_are_hardly_adjusted_and_unrelated_ones_are() -> None:
    drawn = np.random.default_rng(1)
    one = drawn.normal(0.25, 1, size=(120, 1))
    copies = one + 0.05 * drawn.normal(size=(120, 20))
    apart = np.hstack([one, drawn.normal(size=(120, 19))])
    p = 0.01
    assert adjust([p] * 20, copies).adjusted[0] < 0.03
    assert adjust([p] * 20, apart).adjusted[0] > 0.05
    assert adjust([p] * 20, copies, how="holm").adjusted[0] == pytest.approx(0.2)
    assert adjust([p] * 20, copies, how="bh").adjusted[0] == pytest.approx(p)
    assert adjust([p] * 20, copies, how="none").adjusted[0] == p
    assert 1.96 < adjust([p] * 20, copies).critical < adjust([p] * 20, apart).critical


def test_no_adjusted_p_is_below_its_own() -> None:
    totals = np.random.default_rng(3).normal(0.3, 1, size=(50, 5))
    chances = [0.9, 0.5, 0.04, 0.2, 1.0]
    told = adjust(chances, totals).adjusted
    assert all(ours >= p for ours, p in zip(told, chances, strict=True))
    assert adjust([0.03], totals[:, :1]).adjusted == (0.03,)
    assert adjust([], None).adjusted == ()


def rejected(totals: Floats, seed: int) -> np.ndarray:
    return max_t(totals, seed=seed, draws=299)[0] <= 0.05


def test_max_t_seldom_errs_whatever_else_is_true() -> None:
    """Strong control: true differences in half of the rows don't make the others be found."""
    wrong = {0.0: 0, 0.6: 0}
    for shift, seed in itertools.product(wrong, range(300)):
        drawn = np.random.default_rng([seed, int(10 * shift)])
        shared = drawn.normal(size=(60, 1))
        totals = 0.7 * shared + 0.7 * drawn.normal(size=(60, 8))
        totals[:, :4] += shift
        wrong[shift] += bool(rejected(totals, seed)[4 if shift else 0 :].any())
    assert all(0.01 <= count / 300 <= 0.085 for count in wrong.values())


def test_the_wald_test_is_hotellings_of_many_images() -> None:
    totals = np.random.default_rng(2).normal([0.05, 0.0], 1, size=(3_000, 2))
    ours = wald(totals[:1_500])
    mean, covariance = totals[:1_500].mean(axis=0), np.cov(totals[:1_500].T) / 1_500
    hotelling = float(mean @ np.linalg.solve(covariance, mean))
    assert ours.statistic == pytest.approx(hotelling, rel=0.02)
    chi2 = pytest.importorskip("scipy.stats").chi2
    assert ours.p == pytest.approx(chi2.sf(ours.statistic, 2))
    few = wald(totals[:200])
    assert few.p == pytest.approx(chi2.sf(few.statistic, 2), abs=0.02)


def test_the_wald_test_errs_about_as_often_as_it_says_with_near_copies() -> None:
    wrong = 0
    for seed in range(300):
        drawn = np.random.default_rng(seed)
        one, other = drawn.random((2, 100)) < drawn.random(100)
        copy = np.where(drawn.random(100) < 0.1, drawn.random(100) < 0.5, one)
        three = np.stack([one, copy, other], axis=1).astype(float)
        wrong += wald(three[:, 1:] - three[:, :1], seed=seed).p <= 0.05
    assert 0.01 <= wrong / 300 <= 0.085


def test_a_comparison_that_follows_from_others_counts_in_no_degree_of_freedom() -> None:
    totals = np.random.default_rng(5).normal(size=(80, 2))
    three = np.hstack([totals, totals[:, :1] - totals[:, 1:], np.zeros((80, 1))])
    assert wald(three).freedom == 2
    assert wald(three).p == pytest.approx(wald(totals).p, abs=1e-9)
    nothing = wald(np.zeros((80, 2)))
    assert (nothing.freedom, nothing.p) == (0, 1)


def test_many_images_are_joined_in_blocks_that_lose_nothing_of_the_sum() -> None:
    totals = np.random.default_rng(6).normal(size=(5_000, 3))
    blocks = in_blocks(totals, seed=4)
    assert len(blocks) == 2_000
    assert blocks.sum(axis=0) == pytest.approx(totals.sum(axis=0))
    assert np.bincount(block_of(5_000, seed=4)).max() == 3
    assert in_blocks(totals[:100]) == pytest.approx(totals[:100])
