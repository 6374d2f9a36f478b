"""Two clusterings at once: bands, joint tests and effects as well as single intervals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from mubench_gen.ablation.statistics.effects import decompose
from mubench_gen.ablation.statistics.spread import best_on_half, by_image, intervals
from mubench_gen.interpolation.sweep.choice import Halves, equally_good
from mubench_gen.scores.clusters import Clustering
from mubench_gen.scores.crossing import crossed_rows, crossed_variance, ways_of
from mubench_gen.scores.item_clusters import ItemClusters, clusters_of_items
from mubench_gen.scores.joint import adjust, max_t, told_apart
from mubench_gen.scores.wald import wald, walds

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

FACTORS = [("a", ("x", "y")), ("b", ("u", "w"))]


def plates(seed: int, side: int = 25) -> tuple[Floats, Codes]:
    """Right and wrong answers of four equal cells to items that are alike by slide and by plate."""
    drawn = np.random.default_rng(seed)
    slide, plate = np.divmod(np.arange(side * side), side)
    ease = 0.35 * (drawn.normal(size=(side, 4))[slide] + drawn.normal(size=(side, 4))[plate])
    ease += drawn.normal(size=(side * side, 1)) + 0.4 * drawn.normal(size=(side * side, 4))
    return (ease < 0).astype(float), np.stack([slide, plate], axis=1)


def totals(values: Floats, codes: Codes) -> list[Floats]:
    """What the clusters add to the differences from the first cell, by each clustering."""
    apart = (values[:, 1:] - values[:, :1]) / len(values)
    return [np.stack([np.bincount(way, x) for x in apart.T], axis=1) for way in ways_of(codes)]


def test_the_covariance_is_that_of_both_less_that_of_their_cells() -> None:
    one, other, both = totals(*plates(0))
    found = crossed_rows([one, other, both])
    wanted = one.T @ one + other.T @ other - both.T @ both
    assert found.T @ found == pytest.approx(wanted, abs=1e-3 * np.abs(wanted).max())
    assert crossed_variance(3, 2, 1) == 4
    assert crossed_variance(0.5, 2, 1) == 2  # no less than by one clustering alone


def test_a_field_twice_is_the_field_once() -> None:
    values, codes = plates(1)
    once, twice = codes[:, 0], codes[:, [0, 0]]
    one, two = (by_image(values, images) for images in (once, twice))
    assert two.influences().T @ two.influences() == pytest.approx(
        one.influences().T @ one.influences()
    )
    assert intervals(two) == [pytest.approx(ends) for ends in intervals(one)]
    assert best_on_half(two, seed=0) == best_on_half(one, seed=0)
    inside = np.arange(len(values)) % 2 == 0
    halves = [Halves.of(values, images, inside, ~inside) for images in (once, twice)]
    assert equally_good(halves[0], seed=0) == equally_good(halves[1], seed=0)
    assert halves[1].apart(0).freedom == pytest.approx(halves[0].apart(0).freedom)


@pytest.mark.exhaustive
def test_effects_hold_by_two_fields_where_they_do_not_by_one() -> None:
    held, wrong = np.zeros(2), np.zeros(2)
    for seed in range(60):
        values, codes = plates(seed)
        for place, images in enumerate((codes[:, 0], codes)):
            found = decompose(by_image(values, images), FACTORS, seed=seed, draws=20)
            low, high = found.effects[0].levels[0].ci95
            held[place] += low <= 0 <= high
            wrong[place] += (found.effects[0].p or 0) < 0.05
    assert held[1] >= 0.93 * 60 > held[0]
    assert wrong[1] <= 0.07 * 60 < wrong[0]


def test_joint_tests_by_two_fields_keep_their_level_and_find_what_is_there() -> None:
    wrong = overall = found = places = 0
    for seed in range(60):
        values, codes = plates(seed)
        one, *also = totals(values, codes)
        wrong += min(adjust([0.0] * 3, one, also=also).adjusted) < 0.05
        overall += wald(one, also=also).p < 0.05
        each, *others = (np.stack([np.bincount(way, x) for x in values.T], axis=1).astype(float)
                         for way in ways_of(codes))  # fmt: skip
        places += told_apart(each, also=others, draws=999).any()
        values[:, 1] = np.maximum(values[:, 1], np.random.default_rng(seed).random(625) < 0.6)
        one, *also = totals(values, codes)
        p, _ = max_t(one, also=also)
        found += bool(p[0] < 0.05 < p[1])
    assert wrong <= 0.1 * 60
    assert overall <= 0.1 * 60
    assert places <= 0.1 * 60
    assert found >= 0.8 * 60


def test_more_comparisons_than_clusters_tell_nothing() -> None:
    values, codes = plates(3, side=3)
    one, *also = totals(values, codes)
    assert wald(one, also=also).p == 1
    assert walds([one], also=[[way] for way in also])[0].p == 1
    assert max_t(np.zeros((5, 2)), also=[np.zeros((4, 2)), np.zeros((9, 2))])[0].tolist() == [1, 1]


def test_fields_that_differ_within_items_are_left_out() -> None:
    records = [
        {"task": "t", "dataset": "d", "prompt": prompt, "image_sha256": None, "image_id": item,
         "meta": {"slide": f"s{item % 2}"}}
        for item in range(4) for prompt in "ab"
    ]  # fmt: skip

    def clustered(*fields: str) -> ItemClusters:
        found = clusters_of_items(Clustering(fields))
        for number, record in enumerate(records):
            for one in found:
                one.add(number // 2, record)
        return ItemClusters.of(found)

    assert clustered("slide", "image").codes.shape == (4, 3)
    assert (clustered("slide", "prompt").by, clustered("prompt", "slide").by) == ("slide", "slide")
    assert clustered("prompt", "slide").codes.tolist() == [0, 1, 0, 1]
    with pytest.raises(ValueError, match="no items"):
        by_image(np.empty((0, 4)), np.empty((0, 2), np.int64))


def test_a_few_heavy_images_do_not_make_effects_and_sweeps_look_sure() -> None:
    held = best = 0
    image = np.repeat(np.arange(20), np.r_[[50] * 2, [2] * 18])
    inside = np.arange(len(image)) % 2 == 0
    for seed in range(50):
        drawn = np.random.default_rng(seed)
        ease = 0.8 * drawn.normal(size=(20, 4))[image] + 0.5 * drawn.normal(size=(len(image), 4))
        right = (ease < 0).astype(float)
        (level, _), *_ = (
            effect.levels for effect in decompose(by_image(right, image), FACTORS, seed=0,
                                                  draws=5).effects
        )  # fmt: skip
        held += level.ci95[0] <= 0 <= level.ci95[1]
        best += 1 in equally_good(Halves.of(right, image, inside, ~inside), seed=0)
    assert held >= 0.93 * 50
    assert best >= 0.93 * 50
    note = ItemClusters(image, "image", "image", ()).cautions[0]
    assert "one image has 37 % of the weight" in note


def test_equal_clusters_of_either_field_are_not_called_heavy() -> None:
    slide, plate = np.arange(24) % 3, np.arange(24) // 3
    for pair in ([slide, plate], [plate, slide]):
        codes = np.stack(ways_of(np.stack(pair, axis=1)), axis=1)
        (told,) = ItemClusters(codes, "slide and plate", "cluster", ()).cautions
        assert "of the weight" not in told
        assert "worth only 3.0 equally heavy clusters" in told
