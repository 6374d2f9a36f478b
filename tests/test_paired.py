"""Paired statistics: against statsmodels, scipy and brute force, and how often they hold."""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mubench_gen.scores.estimand import estimand
from mubench_gen.scores.paired import (
    compare_means,
    compare_pair,
    detectable,
    score_interval,
    score_of_none,
    verdict,
)
from mubench_gen.scores.quantile import student, student_p, wilson

Floats = npt.NDArray[np.float64]


def answers(seed: int, *, n: int = 120, series: int = 2, right: float = 0.6) -> Floats:
    """Right and wrong answers that go together a little, of shape (n, series)."""
    drawn = np.random.default_rng(seed)
    ease = drawn.normal(size=(n, 1))
    return (ease + drawn.normal(size=(n, series)) < NormalDist().inv_cdf(right)).astype(float)


def one_sided_score_zero(ahead: int, behind: int, n: int, true: float) -> float:
    """Tango's score with the constrained maximum found by search, not by his formula."""
    optimize = pytest.importorskip("scipy.optimize")

    def likelihood(alone: float) -> float:
        other = alone + true
        rest = 1 - alone - other
        terms = ((behind, alone), (ahead, other), (n - ahead - behind, rest))
        return -sum(k * math.log(max(p, 1e-300)) for k, p in terms)

    found = optimize.minimize_scalar(
        likelihood,
        bounds=(max(0.0, -true), (1 - true) / 2),
        method="bounded",
        options={"xatol": 1e-14},
    )
    variance = 2 * found.x + true - true**2
    return float((ahead - behind - n * true) / math.sqrt(n * variance))


@pytest.mark.parametrize(("ahead", "behind"), [(3, 0), (0, 9), (5, 5), (31, 12), (400, 371)])
def test_the_score_of_no_difference_is_mcnemars_statistic(ahead: int, behind: int) -> None:
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    theirs = tables.mcnemar([[50, ahead], [behind, 40]], exact=False, correction=False)
    n = ahead + behind + 90
    ours = score_of_none(ahead / n, behind / n, size=n)
    assert ours**2 == pytest.approx(theirs.statistic)
    assert student_p(ours, 1e9) == pytest.approx(theirs.pvalue, rel=1e-4)


@pytest.mark.parametrize(
    ("ahead", "behind", "n"), [(12, 2, 50), (1, 0, 30), (9, 9, 40), (0, 7, 25), (60, 3, 500)]
)
def test_the_interval_ends_where_tangos_score_is_the_quantile(
    ahead: int, behind: int, n: int
) -> None:
    low, high = score_interval(ahead / n, behind / n, size=n, quantile=1.96)
    assert one_sided_score_zero(ahead, behind, n, low) == pytest.approx(1.96, abs=1e-3)
    assert one_sided_score_zero(ahead, behind, n, high) == pytest.approx(-1.96, abs=1e-3)


@pytest.mark.parametrize("n", [10, 200, 5_000])
def test_without_any_difference_the_interval_is_wide_as_the_number_of_items_allows(n: int) -> None:
    low, high = score_interval(0, 0, size=n, quantile=1.96)
    assert high == pytest.approx(1.96**2 / (n + 1.96**2), rel=1e-6)
    assert low == -high


def test_all_against_nothing_is_wilsons_interval_of_all() -> None:
    low, high = score_interval(1, 0, size=40, quantile=1.96)
    assert high == 1
    assert low == pytest.approx(2 * wilson(1, 40, 1.96)[0] - 1, abs=0.05)
    assert score_interval(0, 1, size=40, quantile=1.96) == (-1, pytest.approx(-low))


def test_the_interval_turns_round_with_the_pair() -> None:
    one, other = answers(3).T
    images = np.arange(len(one)) // 3
    there, back = compare_pair(one, other, images), compare_pair(other, one, images)
    assert there.ci95 == pytest.approx((-back.ci95[1], -back.ci95[0]))
    assert (there.difference, there.p) == (pytest.approx(-back.difference), back.p)


def test_the_interval_has_the_width_of_the_cluster_robust_one_where_there_is_much() -> None:
    """Against statsmodels' cluster-robust variance of a mean."""
    api = pytest.importorskip("statsmodels.api")
    one, other = answers(4, n=6_000).T
    images = np.repeat(np.arange(1_500), 4)
    flip = np.random.default_rng(0).random(1_500)[images] < 0.3
    other = np.where(flip, one, other)
    ours = compare_pair(one, other, images)
    fit = api.OLS(one - other, np.ones(len(one))).fit(
        cov_type="cluster", cov_kwds={"groups": images}
    )
    low, high = fit.conf_int()[0]
    assert ours.ci95 == pytest.approx((low, high), abs=0.001)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_equal_answers_leave_the_uncertainty_of_so_many_images(value: float) -> None:
    same = np.full(300, value)
    found = compare_pair(same, same, np.arange(300) // 3)
    z = student(0.95, 99)
    assert found.difference == 0
    assert found.p == 1
    assert found.ci95[1] == pytest.approx(z**2 / (100 + z**2), rel=1e-6)
    assert found.detectable is not None
    assert 0.05 < found.detectable < 0.1


def test_one_image_tells_next_to_nothing() -> None:
    found = compare_pair([1, 1, 1], [0, 0, 0], [7, 7, 7])
    assert (found.n, found.images) == (3, 1)
    assert found.p > 0.4
    assert found.ci95[0] < -0.9
    assert found.detectable is None


def test_no_items_are_refused() -> None:
    with pytest.raises(ValueError, match="no items"):
        compare_pair([], [], [])


def test_doubling_the_items_of_an_image_tells_nothing_new() -> None:
    one, other = answers(7).T
    single = compare_pair(one, other, np.arange(120))
    double = compare_pair(np.repeat(one, 2), np.repeat(other, 2), np.repeat(np.arange(120), 2))
    assert double.ci95 == pytest.approx(single.ci95, abs=0.002)
    assert double.p == pytest.approx(single.p, abs=0.002)
    assert double.detectable == pytest.approx(single.detectable, abs=0.002)


def test_asking_each_item_again_and_again_sharpens_it() -> None:
    drawn = np.random.default_rng(1)
    ease = drawn.random((400, 1))
    once = drawn.random((400, 2)) < ease
    tenfold = (drawn.random((10, 400, 2)) < ease).mean(axis=0)
    images = np.arange(400)
    wide = np.diff(compare_pair(*once.T.astype(float), images).ci95)
    narrow = np.diff(compare_pair(*tenfold.T, images).ci95)
    assert narrow < 0.5 * wide


def test_what_is_detectable_is_found_four_times_in_five() -> None:
    """By simulation: pairs of which 30 % differ, with the true difference that was named."""
    n, apart = 400, 0.3
    least = detectable(n, apart)
    assert least is not None
    drawn = np.random.default_rng(2)
    alone = np.array([(apart + least) / 2, (apart - least) / 2, 1 - apart])
    counts = drawn.multinomial(n, alone, size=2_000)
    found = np.mean([student_p(score_of_none(a / n, b / n, size=n), 1e9) < 0.05
                     for a, b, _ in counts])  # fmt: skip
    assert found == pytest.approx(0.8, abs=0.04)


def test_more_items_and_less_discordance_detect_less() -> None:
    assert detectable(100, 0.2) > detectable(1_000, 0.2) > detectable(1_000, 0.1)  # type: ignore[operator]
    assert detectable(1_000, 0) == pytest.approx(1 / 128, rel=0.1)  # some 8 items, all one way
    assert detectable(3, 0.5) is None


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 12)), min_size=1, max_size=60)
)
@settings(max_examples=200, deadline=None)
def test_whatever_the_answers_the_numbers_are_sound(rows: list[tuple[bool, bool, int]]) -> None:
    one, other, images = (np.array(column) for column in zip(*rows, strict=True))
    found = compare_pair(one.astype(float), other.astype(float), images)
    low, high = found.ci95
    assert -1 <= low <= found.difference + 1e-9
    assert found.difference - 1e-9 <= high <= 1
    assert high > low
    assert 0 < found.p <= 1
    assert found.detectable is None or 0 < found.detectable <= 1
    assert found.difference == pytest.approx(found.first - found.second)
    assert (found.p < 0.05) == (low > 0 or high < 0)


def test_few_discordant_items_never_contradict_their_interval() -> None:
    """100 images, where every fifth row did when p was exact and the interval was not."""
    for ahead, behind in itertools.product(range(12), repeat=2):
        one, other = np.zeros(100), np.zeros(100)
        one[:ahead] = 1
        other[ahead : ahead + behind] = 1
        found = compare_pair(one, other, np.arange(100))
        assert (found.p < 0.05) == (found.ci95[0] > 0 or found.ci95[1] < 0), (ahead, behind)


def test_the_p_of_means_is_below_a_twentieth_where_the_interval_excludes_zero() -> None:
    for seed in range(60):
        drawn = np.random.default_rng(seed)
        one, other = drawn.normal(0.3, 1, size=(2, 30)) + drawn.normal(size=30)
        images, strata = np.arange(30) // 2, np.arange(30) % 4
        found = compare_means(one, other, images)
        assert (found.p < 0.05) == (found.ci95[0] > 0 or found.ci95[1] < 0)
        macro = compare_pair(one > 0, other > 0.4, images, strata=strata)
        assert (macro.p < 0.05) == (macro.ci95[0] > 0 or macro.ci95[1] < 0)


def test_strata_count_the_same_whatever_their_sizes() -> None:
    one = np.array([1.0, 1, 1, 1, 1, 1, 0, 0])
    other = np.array([0.0, 0, 0, 0, 0, 0, 0, 1])
    found = compare_pair(one, other, np.arange(8), strata=[0] * 6 + [1] * 2)
    assert found.difference == pytest.approx((1 - 0.5) / 2)
    assert (found.first, found.second) == (pytest.approx(0.5), pytest.approx(0.25))
    assert found.ahead / 8 == pytest.approx(0.5)


def test_the_interval_of_equal_strata_is_that_of_the_mean() -> None:
    one, other = answers(4, n=600).T
    images, strata = np.arange(600) // 2, np.arange(600) % 3
    macro = compare_pair(one, other, images, strata=strata)
    means = compare_pair(one, other, images)
    assert macro.difference == pytest.approx(means.difference)
    assert macro.ci95 == pytest.approx(means.ci95, abs=2e-3)


def test_strata_without_any_difference_leave_the_uncertainty_of_their_images() -> None:
    same = np.ones(80)
    found = compare_pair(same, same, np.arange(80), strata=np.arange(80) % 2)
    assert (found.difference, found.p) == (0, 1)
    assert 0.02 < found.ci95[1] < compare_pair(same[::2], same[::2], np.arange(40)).ci95[1]


def test_a_smaller_level_detects_only_larger_differences() -> None:
    one, other = answers(7).T
    found = compare_pair(one, other, np.arange(120))
    means = compare_means(one, other, np.arange(120))
    assert found.at_level(0.05).detectable == pytest.approx(found.detectable)
    assert means.at_level(0.05).detectable == pytest.approx(means.detectable)
    for one_of in (found, means):
        assert one_of.at_level(0.001).detectable > one_of.detectable  # type: ignore[operator]


@pytest.mark.parametrize(
    ("interval", "told"),
    [
        ((-0.01, 0.015), "equivalent"), ((-0.01, 0.05), "no worse"), ((-0.05, 0.01), "no better"),
        ((0.02, 0.05), "better"), ((-0.05, -0.02), "worse"), ((-0.03, 0.03), "not known"),
        ((-0.02, 0.03), "not known"),
    ],
)  # fmt: skip
def test_an_interval_is_judged_by_the_margin(interval: tuple[float, float], told: str) -> None:
    assert verdict(interval, 0.02) == told


def simulated(
    first: float, second: float, *, correlation: float, most: int, images: int, seed: int
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Answers of two models of those true accuracies, (items, 2), and the items' images.

    `correlation` of two items of an image is the models' own by half; 1 to `most` items.
    """
    drawn = np.random.default_rng(seed)
    image = np.repeat(np.arange(images), drawn.integers(1, most + 1, size=images))
    common, own = drawn.normal(size=images), drawn.normal(size=(images, 2))
    item, rest = drawn.normal(size=len(image)), drawn.normal(size=(len(image), 2))
    latent = math.sqrt(correlation / 2) * (common[image][:, None] + own[image])
    latent += math.sqrt((1 - correlation) / 2) * (item[:, None] + rest)
    limits = [NormalDist().inv_cdf(share) for share in (first, second)]
    return (latent < limits).astype(float), image


def coverage(
    first: float, second: float, *, correlation: float, most: int, images: int, replicates: int
) -> tuple[float, float]:
    """How often the interval holds the true difference, and how often the naive one does."""
    held = naive = 0
    for seed in range(replicates):
        values, image = simulated(
            first, second, correlation=correlation, most=most, images=images, seed=seed
        )
        each = values[:, 0] - values[:, 1]
        shares = (each > 0).mean(), (each < 0).mean()
        known = estimand(each, image).precision()
        size = known.size(float(np.abs(each).mean()) - each.mean() ** 2)
        quantile = student(0.95, known.freedom)
        low, high = score_interval(*shares, size=size, quantile=quantile)
        held += low <= first - second <= high
        low, high = score_interval(*shares, size=len(each), quantile=1.96)
        naive += low <= first - second <= high
    return held / replicates, naive / replicates


@pytest.mark.exhaustive
@pytest.mark.parametrize(("first", "second"), [(0.2, 0.25), (0.5, 0.5), (0.75, 0.6), (0.9, 0.9)])
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("most", [1, 6])
def test_the_interval_covers_the_truth_95_times_in_100(
    first: float, second: float, correlation: float, most: int
) -> None:
    held, naive = coverage(
        first, second, correlation=correlation, most=most, images=200, replicates=1_500
    )
    assert 0.93 <= held <= 0.97
    if most == 6 and correlation == 0.7:
        assert naive < 0.88


def test_the_test_errs_about_five_times_in_100() -> None:
    """Two equal models, items in images."""
    below = 0
    for seed in range(600):
        values, image = simulated(0.7, 0.7, correlation=0.6, most=6, images=60, seed=seed)
        below += compare_pair(values[:, 0], values[:, 1], image).p < 0.05
    assert 0.03 <= below / 600 <= 0.07
