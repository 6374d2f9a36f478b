"""What is estimated, and how well: clusters of any size, weights, strata, two ways at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from mubench_gen.scores.estimand import Estimand, estimand, estimand_of_cells, estimand_of_sums
from mubench_gen.scores.estimate import crossed, mean_estimate, share_estimate
from mubench_gen.scores.interval import clustered_share

DRAWN = np.random.default_rng(7)
SIZES = DRAWN.integers(1, 7, 14)
CLUSTER = np.repeat(np.arange(14), SIZES)
RIGHT = (DRAWN.random(len(CLUSTER)) < 0.4).astype(float)
TASK = DRAWN.integers(0, 3, len(CLUSTER))


def bias_reduced(
    values: np.ndarray, cluster: np.ndarray, covariance: np.ndarray
) -> tuple[float, float]:
    """CR2 and Bell & McCaffrey's degrees of freedom of a mean, by the matrices of the paper."""
    n = len(values)
    residual = np.eye(n) - np.ones((n, n)) / n
    variance, columns = 0.0, []
    for one in np.unique(cluster):
        here = np.flatnonzero(cluster == one)
        adjusted = np.linalg.inv(np.real(sqrtm(residual[np.ix_(here, here)])))
        row = np.ones(len(here)) @ adjusted / n
        variance += (row @ (values - values.mean())[here]) ** 2
        columns.append(residual[here].T @ row)
    matrix = np.array(columns) @ covariance @ np.array(columns).T
    return variance, np.trace(matrix) ** 2 / np.trace(matrix @ matrix)


def robust(found: Estimand) -> float:
    return float(found.counts @ (found.influences**2 / found.kept))


def test_the_variance_and_its_freedom_are_those_of_cr2() -> None:
    found = estimand(RIGHT, CLUSTER)
    correlation = found.correlation
    same = (CLUSTER[:, None] == CLUSTER).astype(float)
    covariance = (1 - correlation) * np.eye(len(RIGHT)) + correlation * same
    variance, freedom = bias_reduced(RIGHT, CLUSTER, covariance)
    assert robust(found) == pytest.approx(variance)
    assert found.precision().robust_freedom == pytest.approx(freedom)


def test_sums_by_cluster_and_cells_say_the_same_as_items() -> None:
    whole = share_estimate(estimand(RIGHT, CLUSTER))
    sums = np.bincount(CLUSTER, weights=RIGHT)
    by_sums = share_estimate(estimand_of_sums(SIZES, sums, sums))
    ones = np.ones(14)
    by_cells = share_estimate(estimand_of_cells(range(14), 0 * ones, SIZES, sums, sums, ones))
    for other in (by_sums, by_cells):
        assert other.ci95 == pytest.approx(whole.ci95)
        assert other.freedom == pytest.approx(whole.freedom)


def test_a_macro_mean_weighs_each_stratum_alike_and_its_error_is_that_of_the_jackknife() -> None:
    each = 1 / np.bincount(TASK)[TASK]
    found = estimand(RIGHT, CLUSTER, weights=each, strata=TASK)
    assert found.value == pytest.approx(np.mean([RIGHT[t == TASK].mean() for t in range(3)]))

    def macro(left_out: int) -> float:
        kept = left_out != CLUSTER
        return float(np.mean([RIGHT[kept & (t == TASK)].mean() for t in range(3)]))

    left_out = np.array([macro(one) for one in range(14)])
    jackknife = 13 / 14 * ((left_out - left_out.mean()) ** 2).sum()
    assert robust(found) == pytest.approx(jackknife, rel=0.1)


def test_cells_with_equal_weights_are_the_macro_mean() -> None:
    each = 1 / np.bincount(TASK)[TASK]
    places, cell = np.unique(3 * CLUSTER + TASK, return_inverse=True)
    right, ones = np.bincount(cell, weights=RIGHT), np.ones(len(places))
    cells = places // 3, places % 3, np.bincount(cell), right, right, ones
    found = share_estimate(estimand_of_cells(*cells, equal=True))
    items = share_estimate(estimand(RIGHT, CLUSTER, weights=each, strata=TASK))
    assert found.value == pytest.approx(items.value)
    assert found.ci95 == pytest.approx(items.ci95)


def test_strata_take_their_differences_out_of_the_interval() -> None:
    stratum = np.repeat([0, 1], 100)
    right = np.r_[np.arange(100) < 95, np.arange(100) < 5].astype(float)
    plain = share_estimate(estimand(right, np.arange(200)))
    known = share_estimate(estimand(right, np.arange(200), strata=stratum))
    assert known.value == pytest.approx(plain.value)
    ratio = (known.ci95[1] - known.ci95[0]) / (plain.ci95[1] - plain.ci95[0])
    assert ratio == pytest.approx(np.sqrt(0.95 * 0.05 / 0.25), rel=0.03)


def test_clusters_by_two_fields_add_both_variances() -> None:
    rows, columns = (x.ravel() for x in np.indices((20, 20)))
    drawn = np.random.default_rng(5)
    values = drawn.normal(size=20)[rows] + drawn.normal(size=20)[columns] + drawn.normal(size=400)
    by_row, by_column = estimand(values, rows), estimand(values, columns)
    both = [by_column, estimand(values, np.arange(400))]
    found = crossed(by_row, both)
    assert found.variance > max(by_row.precision().variance, by_column.precision().variance)
    assert found.variance == pytest.approx(values.size and 2 / 20 + 1 / 400, rel=0.6)
    estimate = mean_estimate(by_row, also=both)
    assert estimate is not None
    assert estimate.error == pytest.approx(np.sqrt(found.variance))


@pytest.mark.parametrize(
    ("clusters", "caution"),
    [
        ([(1, 1)] * 30 + [(1, 0)] * 30, None),
        ([(20, 10)] + [(1, 1)] * 40 + [(1, 0)] * 40, "one image has 20 % of the weight"),
        ([(2, 1)] * 12, "worth only 12.0 equally heavy images"),
        ([(1, 1)] * 2 + [(1, 0)] * 98, "fewer than 6 independent right answers"),
        ([(1, 1)] * 98 + [(1, 0)] * 2, "fewer than 6 independent wrong answers"),
    ],
)
def test_an_interval_that_may_not_hold_says_why(
    clusters: list[tuple[int, int]], caution: str | None
) -> None:
    found = clustered_share(clusters)
    assert found is not None
    assert (caution in found.cautions) if caution else not found.cautions


def test_few_images_of_equal_weight_are_cautioned_as_few_not_as_heavy() -> None:
    found = clustered_share([(2, 1)] * 5, noun="slide")
    assert found is not None
    assert found.cautions[0] == "worth only 5.0 equally heavy slides"
    uneven = clustered_share([(8, 4)] + [(2, 1)] * 6)
    assert uneven is not None
    assert uneven.cautions[0] == "one image has 40 % of the weight"


def test_the_test_against_a_fixed_value_agrees_with_the_interval() -> None:
    drawn = np.random.default_rng(3)
    for share in (0.1, 0.3, 0.5):
        found = clustered_share([(3, int(drawn.binomial(3, share))) for _ in range(40)])
        assert found is not None
        for fixed in np.linspace(0.01, 0.99, 99):
            inside = found.ci95[0] < fixed < found.ci95[1]
            assert (found.differs_from(fixed) > 0.05) is bool(inside)


@pytest.mark.parametrize(
    ("images", "share", "correlation"), [(20, 0.5, 0.8), (200, 0.02, 0.8), (200, 0.5, 0.2)]
)
def test_it_holds_the_truth_where_a_tenth_of_the_images_has_most_items(
    images: int, share: float, correlation: float
) -> None:
    """Half of these intervals missed it while each image counted as one degree of freedom."""
    drawn = np.random.default_rng(20)
    sizes = np.where(np.arange(images) < images // 10, 50, 2)
    spread = 1 / correlation - 1
    held = 0
    for _ in range(400):
        right = drawn.binomial(sizes, drawn.beta(share * spread, (1 - share) * spread, images))
        found = share_estimate(estimand_of_sums(sizes, right, right))
        held += found.ci95[0] <= share <= found.ci95[1]
    assert held / 400 > 0.93
