"""Does the best α depend on the condition, and what does one α for all of them cost?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.interpolation.sweep.choice import REPEATS, Apart, Halves, apart, is_below, refolded
from mubench_gen.interpolation.sweep.conditions.sample import CompleteItems
from mubench_gen.scores.joint import largest_of_normals, max_of_normals
from mubench_gen.scores.paired import weights_of

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_NONE = 1e-12


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far the mean at one α and level is from what the α and the level give by themselves.

    band and p: of all α and all levels of all factors at once (max-T).
    """

    alpha: str
    level: str
    difference: float
    band: tuple[float, float]
    p: float


@dataclass(frozen=True, slots=True)
class Interaction:
    """Whether the effect of α depends on a factor; p is that of its largest deviation, adjusted
    for all that are looked at, those of other factors too."""

    factor: str
    p: float
    deviations: tuple[Deviation, ...]

    @property
    def largest(self) -> Deviation:
        """The deviation that is known best."""
        return min(self.deviations, key=lambda one: (one.p, -abs(one.difference)))


def interactions(sample: CompleteItems) -> tuple[Interaction, ...]:
    """Of each factor with α: a test that is simultaneous over all α, levels and factors."""
    parts = [_residuals(sample.by_level(at)) for at in range(len(sample.factors))]
    columns = np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
    means = weights_of(len(columns), sample.inside) @ columns
    rows, freedom = _apart(columns, sample)
    errors = np.sqrt((rows**2).sum(axis=0))
    half = errors * max_of_normals(rows, freedom, seed=sample.seed)
    chances = _adjusted(means, errors, largest_of_normals(rows, freedom, seed=sample.seed))
    found, first = [], 0
    for factor in sample.factors:
        deviations = []
        for alpha in sample.alphas:
            for level in factor.levels:
                mean, reach, p = float(means[first]), float(half[first]), float(chances[first])
                band = mean - reach, mean + reach
                deviations.append(Deviation(alpha, level, mean, band, p))
                first += 1
        chance = min(one.p for one in deviations)
        found.append(Interaction(factor.name, chance, tuple(deviations)))
    return tuple(found)


def _residuals(values: Floats) -> Floats:
    """Values (items, α, levels) without what an α adds, and what a level adds, to an item."""
    found: Floats = (
        values
        - values.mean(axis=1, keepdims=True)
        - values.mean(axis=2, keepdims=True)
        + values.mean(axis=(1, 2), keepdims=True)
    )
    return found


def _adjusted(means: Floats, errors: Floats, largest: Floats | None) -> Floats:
    """The share of chance's largest statistics that are as large as each; 1 of no difference."""
    found = np.where(np.abs(means) > _NONE, 0.0, 1.0)
    noisy = errors > _NONE
    if largest is not None:
        drawn = np.sort(largest)
        below = np.searchsorted(drawn, np.abs(means[noisy]) / errors[noisy] * (1 - 1e-9))
        found[noisy] = (1 + len(drawn) - below) / (1 + len(drawn))
    return found


def _apart(columns: Floats, sample: CompleteItems) -> Apart:
    weights = weights_of(len(columns), sample.inside)
    return apart(columns, sample.images, weights, sample.inside)


@dataclass(frozen=True, slots=True)
class Regret:
    """What choosing α under one condition adds to one α that is chosen over all of them.

    here: on the images that chose, never below 0, and biased upwards. mean: on images that did not
    choose (cross-fitted); ci95: its interval, which allows for the choice.
    """

    here: float
    mean: float
    ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class OneForAll:
    """One α for all conditions. alpha: with the highest mean over them. common: the α of which
    none can be said to be below another under any condition; if one α is the best under all of
    them, it is in this set in 95 % of samples, so that an empty one says that there is none.
    regrets: by condition, None where some images alone have all items of a half.
    """

    alpha: str
    common: tuple[str, ...]
    regrets: tuple[Regret, ...] | None


def one_for_all(sample: CompleteItems) -> OneForAll:
    """Compare one α for all conditions with the best of each."""
    conditions = [sample.halves(at) for at in range(sample.values.shape[2])]
    means = np.stack([one.means for one in conditions], axis=1)  # (α, conditions)
    best = int(np.argmax(np.round(means.mean(axis=1), 12)))
    chosen = chosen_by_condition(conditions, seed=sample.seed)
    wanted = set() if chosen is None else set(np.flatnonzero(chosen.pairs.sum(axis=(0, 1))))
    known: dict[int, Apart] = {}
    common = []
    for place in range(len(sample.alphas)):
        differences = sample.values - sample.values[:, [place]]
        one = _apart(differences.reshape(len(differences), -1), sample)
        if place in wanted:
            known[place] = one
        if not is_below(means - means[place], one, seed=sample.seed):
            common.append(sample.alphas[place])
    here = np.round(means, 12).max(axis=0) - np.round(means[best], 12)
    regrets = None if chosen is None else _regrets(chosen, known, here, means.shape, sample.seed)
    return OneForAll(sample.alphas[best], tuple(common), regrets)


@dataclass(frozen=True, slots=True)
class ChosenByCondition:
    """α chosen by condition and over all, on some images, and scored on others. gains: of the
    former over the latter, by condition. pairs (conditions, α, α): how often each two were."""

    gains: Floats
    pairs: Floats


def chosen_by_condition(
    conditions: Sequence[Halves], *, seed: int, repeats: int = REPEATS
) -> ChosenByCondition | None:
    """As `choice.cross_fitted`, with the same folds. None if others cannot choose."""
    sums, sizes = np.stack([one.sums for one in conditions]), conditions[0].sizes
    count, _, images, alphas = sums.shape
    used, pairs = np.zeros((count, images, alphas)), np.zeros((count, alphas, alphas))
    each = np.arange(images)
    for drawn in refolded(sums, sizes, seed=seed, repeats=repeats):
        if drawn is None:
            return None
        fold, means = drawn  # means (conditions, folds, α)
        own = np.round(means, 12).argmax(axis=2)  # (conditions, folds)
        one = np.round(means.mean(axis=0), 12).argmax(axis=1)  # (folds,)
        for place in range(count):
            used[place, each, own[place][fold]] += 1 / repeats
            used[place, each, one[fold]] -= 1 / repeats
            np.add.at(pairs[place], (own[place][fold], one[fold]), 1 / (repeats * images))
    scored = (used[:, None] * sums).sum(axis=(2, 3)) / sizes.sum(axis=1)
    return ChosenByCondition(scored.mean(axis=1), pairs)


def _regrets(
    chosen: ChosenByCondition,
    known: dict[int, Apart],
    here: Floats,
    shape: tuple[int, ...],
    seed: int,
) -> tuple[Regret, ...]:
    """Intervals as wide as a band of all differences from the α that were chosen over all, under
    all conditions, at those that were chosen under each."""
    variances = np.zeros(chosen.gains.shape)
    limit = 0.0
    for other, (rows, freedom) in known.items():
        of_all = (rows**2).sum(axis=0).reshape(shape)  # (α, conditions)
        variances += (chosen.pairs[:, :, other].T * of_all).sum(axis=0)
        limit = max(limit, max_of_normals(rows, freedom, seed=seed))
    half = np.sqrt(variances) * limit
    return tuple(
        Regret(float(there), float(gain), (float(gain - reach), float(gain + reach)))
        for there, gain, reach in zip(here, chosen.gains, half, strict=True)
    )
