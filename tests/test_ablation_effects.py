"""What a study's statistics say, against statsmodels, scipy, brute force and known truth."""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest

from mubench_gen.ablation.statistics.effects import decompose
from mubench_gen.ablation.statistics.ranks import RankStability, mean_tau, rank_stability
from mubench_gen.ablation.statistics.replicates import replicates
from mubench_gen.ablation.statistics.spread import best_on_half, by_image, intervals, spread
from mubench_gen.ablation.statistics.sums_of_squares import INTERACTIONS, sums_of_squares
from mubench_gen.scores.interval import clustered_interval

Floats = npt.NDArray[np.float64]
FACTORS = (("prompt", ("a", "b", "c")), ("labels", ("A", "1")), ("orders", ("given", "reversed")))


def answered(
    cells: Floats, *, images: int, most: int, seed: int, apart: float = 0.6
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Answers right or wrong with the cells' true accuracies, (items, cells), and images.

    An item is as hard in all cells, by `apart` of the variance, and so are an image's items.
    """
    drawn = np.random.default_rng(seed)
    image = np.repeat(np.arange(images), drawn.integers(1, most + 1, size=images))
    shared = drawn.normal(size=(images, 1))[image] + drawn.normal(size=(len(image), 1))
    own = drawn.normal(size=(len(image), len(cells)))
    latent = math.sqrt(apart / 2) * shared + math.sqrt(1 - apart) * own
    limits = np.array([NormalDist().inv_cdf(share) for share in cells])
    return (latent < limits).astype(float), image


def test_sums_of_squares_are_those_of_statsmodels_anova() -> None:
    api = pytest.importorskip("statsmodels.formula.api")
    stats = pytest.importorskip("statsmodels.api").stats
    pandas = pytest.importorskip("pandas")
    cells = np.random.default_rng(1).random(12)
    levels = list(itertools.product(*(levels for _, levels in FACTORS)))
    frame = pandas.DataFrame(levels, columns=["p", "l", "o"]).assign(y=cells)
    fit = api.ols("y ~ C(p)*C(l) + C(p)*C(o) + C(l)*C(o)", frame).fit()
    theirs = stats.anova_lm(fit, typ=2)["sum_sq"]
    ours = sums_of_squares(cells[None], (3, 2, 2))[0]
    wanted = [theirs[name] for name in ("C(p)", "C(l)", "C(o)", "C(p):C(l)", "C(p):C(o)")]
    assert ours[1:6] == pytest.approx(wanted)
    assert ours[6] == pytest.approx(theirs["C(l):C(o)"])
    assert ours[0] == pytest.approx(((cells - cells.mean()) ** 2).sum())
    assert ours[7] == pytest.approx(ours[0] - ours[1:4].sum())


def test_influences_give_the_cluster_robust_covariance_of_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.api")
    right, image = answered(np.array([0.3, 0.7]), images=80, most=5, seed=2)
    table = by_image(right, image)
    fit = api.OLS(right[:, 0] - right[:, 1], np.ones(len(right))).fit(
        cov_type="cluster", cov_kwds={"groups": image}
    )
    each = np.diff(table.influences())[:, 0]
    assert (each**2).sum() == pytest.approx(fit.cov_params()[0][0], rel=0.01)


def test_intervals_are_those_of_single_runs() -> None:
    right, image = answered(np.array([0.2, 0.6, 1.0 - 1e-9]), images=60, most=4, seed=3)
    ours = intervals(by_image(right, image))
    for cell in range(3):
        counts = [
            (int((image == one).sum()), int(right[image == one, cell].sum()))
            for one in np.unique(image)
        ]
        assert ours[cell] == pytest.approx(clustered_interval(counts))


def test_the_bootstrap_draws_images_and_is_the_seeds() -> None:
    right, image = answered(np.array([0.3, 0.7]), images=80, most=5, seed=4)
    table = by_image(right, image)
    drawn = np.concatenate(replicates(table, seed=0, draws=4_000))
    assert drawn.shape == (4_000, 2)
    assert drawn.std(axis=0) == pytest.approx(
        np.sqrt((table.influences() ** 2).sum(axis=0)), rel=0.05
    )
    assert (drawn == np.concatenate(replicates(table, seed=0, draws=4_000))).all()
    assert (drawn != np.concatenate(replicates(table, seed=1, draws=4_000))).any()


@pytest.mark.exhaustive
def test_where_cells_differ_by_chance_alone_the_raw_shares_mislead_and_spread_says_so() -> None:
    """Twelve cells of one true accuracy: the factors' raw shares are not nothing."""
    raw, spreads, covered = [], [], 0
    for seed in range(120):
        right, image = answered(np.full(12, 0.6), images=100, most=4, seed=seed)
        found = decompose(by_image(right, image), FACTORS, seed=seed, draws=400)
        raw.append(found.effects[0].raw_share or 0.0)
        spreads.append(found.spread)
        covered += found.spread_ci95[0] < 1e-9
    assert np.mean(raw) == pytest.approx(2 / 11, abs=0.04)  # as many as its degrees of freedom
    assert np.mean(spreads) < 0.012
    assert covered / 120 > 0.9


@pytest.mark.exhaustive
@pytest.mark.parametrize("apart", [0.2, 0.7])
def test_shares_and_their_intervals_hold_the_truth(apart: float) -> None:
    """The prompt makes most of the differences, the labels some, the orders none."""
    cells = np.array(
        [
            0.5 + prompt + labels
            for prompt, labels, _ in itertools.product((-0.15, 0.0, 0.15), (-0.04, 0.04), (0, 0))
        ]
    )
    true = sums_of_squares(cells[None], (3, 2, 2))[0]
    shares, held = [], 0
    spread_held = levels_held = 0
    replicates = 200
    for seed in range(replicates):
        right, image = answered(cells, images=150, most=4, seed=seed, apart=apart)
        found = decompose(by_image(right, image), FACTORS, seed=seed, draws=400)
        prompt = found.effects[0]
        assert prompt.name == "prompt"
        assert prompt.share is not None
        assert prompt.share_ci95 is not None
        shares.append(prompt.share)
        held += prompt.share_ci95[0] <= true[1] / true[0] <= prompt.share_ci95[1]
        spread_held += prompt.spread_ci95[0] <= math.sqrt(true[1] / 12) <= prompt.spread_ci95[1]
        low, high = prompt.levels[2].ci95
        levels_held += low <= 0.15 <= high
        parts = [e.share or 0 for e in found.effects if len(e.source) == 1]
        assert sum(parts) == pytest.approx(1)
    assert np.mean(shares) == pytest.approx(true[1] / true[0], abs=0.02)
    assert held / replicates >= 0.9
    assert 0.9 <= spread_held / replicates <= 0.99
    assert 0.91 <= levels_held / replicates <= 0.985


def test_factors_of_one_level_make_no_difference() -> None:
    right, image = answered(np.array([0.3, 0.7]), images=80, most=5, seed=4)
    table = by_image(right, image)
    some = decompose(table, [("prompt", ("a", "b")), ("labels", ("A",))], seed=0, draws=50)
    assert [effect.name for effect in some.effects] == ["prompt"]
    assert some.effects[0].share == 1
    assert INTERACTIONS not in [effect.name for effect in some.effects]


def test_equal_cells_have_no_shares() -> None:
    right = np.repeat(answered(np.array([0.4]), images=30, most=2, seed=1)[0], 12, axis=1)
    found = decompose(by_image(right, np.arange(len(right))), FACTORS, seed=0, draws=50)
    assert found.spread < 1e-9
    assert {effect.share for effect in found.effects} == {None}


def test_the_best_cell_of_many_alike_is_no_better_on_the_other_half() -> None:
    right, image = answered(np.full(40, 0.6), images=150, most=2, seed=5)
    table = by_image(right, image)
    found = best_on_half(table, seed=0)
    assert found is not None
    assert found.mean_there > found.mean_elsewhere + 0.03
    assert found.mean_elsewhere == pytest.approx(table.means.mean(), abs=0.02)
    assert spread(table.means).maximum > found.mean_elsewhere
    assert found == best_on_half(table, seed=0)
    assert found != best_on_half(table, seed=1)


def test_the_halves_are_of_images_and_the_first_split_is_worked_out_by_hand() -> None:
    right, image = answered(np.array([0.3, 0.5, 0.9]), images=31, most=4, seed=6)
    found = best_on_half(by_image(right, image), seed=3)
    assert found is not None
    ranks = np.random.default_rng([3, 0]).permuted(np.tile(np.arange(31), (200, 1)), axis=1)[0]
    mine = (ranks < 16)[image]
    here, there = right[mine].mean(axis=0), right[~mine].mean(axis=0)
    assert (found.chosen, found.there) == (int(here.argmax()), pytest.approx(here.max()))
    assert found.elsewhere == pytest.approx(there[here.argmax()])
    assert found.chosen_again == 1


def test_tau_is_that_of_scipy_over_all_pairs_of_rankings() -> None:
    kendalltau = pytest.importorskip("scipy.stats").kendalltau
    scores = np.random.default_rng(2).integers(0, 6, size=(5, 8)) / 6  # with ties
    taus = [kendalltau(a, b).statistic for a, b in itertools.combinations(scores.T, 2)]
    assert mean_tau(scores[None])[0] == pytest.approx(np.mean(taus))


def ranked(true: Floats, images: int, seed: int) -> RankStability:
    """The stability of the scores on so many images of models and cells with that accuracy."""
    drawn = np.random.default_rng(seed)
    ease = 0.8 * drawn.normal(size=(images, 1, 1)) + 0.6 * drawn.normal(size=(images, *true.shape))
    limits = np.vectorize(NormalDist().inv_cdf)(true)
    table = by_image((ease < limits).astype(float).reshape(images, -1), np.arange(images))
    return rank_stability(table.means.reshape(true.shape), table.influences(), seed=seed, draws=400)


def test_noise_is_not_taken_for_a_change_of_the_order() -> None:
    true = np.repeat(np.array([[0.6], [0.62], [0.64], [0.66]]), 6, axis=1)
    for seed in range(8):
        few = ranked(true, 100, seed)
        assert few.tau_ci95 is not None
        assert few.tau_ci95[1] == pytest.approx(1)
        assert few.tau > few.raw_tau  # type: ignore[operator]
    assert ranked(true, 20_000, 0).tau == pytest.approx(1, abs=0.03)


def test_too_few_items_leave_the_order_unknown_and_many_tell_it() -> None:
    true = np.array([[0.50, 0.60, 0.55], [0.55, 0.50, 0.60], [0.60, 0.55, 0.50]])
    few, many = ranked(true, 60, 1), ranked(true, 20_000, 1)
    assert (few.known, many.known) == (False, True)
    assert many.tau == pytest.approx(mean_tau(true[None])[0], abs=0.05)
    assert many.one_leader == pytest.approx(0, abs=0.02)
    assert [np.argmax(shares) for shares in many.leads] == [2, 0, 1]
    assert all(sum(shares) == pytest.approx(1) for shares in few.leads)


@pytest.mark.exhaustive
def test_the_interval_of_tau_holds_the_truth() -> None:
    held = []
    for seed in range(150):
        drawn = np.random.default_rng([seed, 1])
        share, spread = drawn.random(), drawn.choice([0.03, 0.06, 0.1])
        true = 0.6 + spread * np.sqrt(share) * drawn.normal(size=(5, 1))
        true = true + spread * np.sqrt(1 - share) * drawn.normal(size=(5, 6))
        found = ranked(true.clip(0.05, 0.95), 300, seed)
        low, high = found.tau_ci95 or (1, -1)
        held.append(low - 1e-9 <= mean_tau(true[None])[0] <= high + 1e-9)
    assert np.mean(held) >= 0.91


def test_observed_leaders_are_counted_and_ties_rank_nobody() -> None:
    scores = np.array([[0.6, 0.7, 0.5, 0.4], [0.5, 0.5, 0.6, 0.4]])
    found = rank_stability(scores, np.eye(8) / 1e3)
    assert found.best == (2.5 / 4, 1.5 / 4)
    assert found.raw_tau == pytest.approx(-1 / 3)  # of three pairs one agrees
    assert rank_stability(np.full((2, 3), 0.5), np.zeros((4, 6))).tau is None
    alone = rank_stability(scores[:, :1], np.full((1, 2), 1e-3))
    assert (alone.tau, alone.one_leader, alone.known) == (None, None, False)


def test_an_effect_is_tested_and_an_interaction_too() -> None:
    """2 models × 3 prompts: the models differ, the prompts don't, or move them in turn."""
    drawn = np.random.default_rng(4)
    factors = [("model", ("a", "b")), ("prompt", ("x", "y", "z"))]
    ease = drawn.normal(size=(400, 1)) + drawn.normal(size=(400, 6))
    image = np.arange(400)
    plain = decompose(
        by_image((ease < np.repeat([0.3, -0.3], 3)).astype(float), image), factors, seed=0, draws=50
    )
    crossed = decompose(
        by_image((ease < np.array([0.5, 0, -0.5, -0.5, 0, 0.5])).astype(float), image),
        factors, seed=0, draws=50,
    )  # fmt: skip
    p = {effect.name: effect.p for effect in plain.effects}
    assert p["model"] < 0.001  # type: ignore[operator]
    assert min(p["prompt"], p["model × prompt"]) > 0.05  # type: ignore[type-var]
    p = {effect.name: effect.p for effect in crossed.effects}
    assert p["model × prompt"] < 0.001  # type: ignore[operator]
    assert p["model × prompt"] == p["all interactions"]
    assert all(e.p_adjusted >= e.p for e in crossed.effects)  # type: ignore[operator]


def test_no_items_are_refused() -> None:
    with pytest.raises(ValueError, match="no items"):
        by_image(np.empty((0, 3)), np.empty(0, np.int64))


def test_the_interactions_of_pairs_are_no_more_than_all_interactions() -> None:
    for seed in range(5):
        drawn = np.random.default_rng(seed)
        right = (drawn.random((60, 12)) < 0.5).astype(float)
        factors = [("a", ("1", "2")), ("b", ("1", "2")), ("c", ("1", "2", "3"))]
        found = decompose(by_image(right, np.arange(60)), factors, seed=seed, draws=200)
        *singles, whole = (effect.share for effect in found.effects)
        if whole is not None:
            assert sum(share or 0 for share in singles[3:]) <= whole + 1e-9
        assert all(effect.spread <= found.spread + 1e-9 for effect in found.effects)
        *_, one, two, three, every = (effect.spread**2 for effect in found.effects)
        assert one + two + three <= every + 1e-9
        assert (whole is None) == (found.spread == 0)
