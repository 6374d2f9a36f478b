"""Accuracy along α under image transforms: what they cost at each α, clean against corrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.seen import SEEN, TRANSFORM, hides
from mubench_gen.images.transform import NONE
from mubench_gen.interpolation.sweep.conditions.sample import CompleteItems
from mubench_gen.interpolation.sweep.gains import AlphaGain, gains_over
from mubench_gen.scores.joint import Adjust
from mubench_gen.scores.paired import weights_of
from mubench_gen.scores.pareto import undominated

Floats = npt.NDArray[np.float64]

CORRUPTED = "corrupted"


@dataclass(frozen=True, slots=True)
class Drop:
    """One α under one transform, or "corrupted": the mean over the kinds of transforms, in each
    over its severities. change: of the accuracy against the images as they are; its band holds
    all α and transforms at once.
    """

    alpha: str
    transform: str
    accuracy: float
    change: AlphaGain


@dataclass(frozen=True, slots=True)
class Robustness:
    """Accuracies, the mean of in-domain and rest, along α: `clean` and under transforms. pareto:
    the α to which no other is better on clean or corrupted images without being worse on the other.
    """

    alphas: tuple[str, ...]
    transforms: tuple[str, ...]
    clean: tuple[float, ...]
    drops: tuple[Drop, ...]
    pareto: tuple[str, ...]

    def of(self, transform: str) -> list[Drop]:
        """The drops under one transform, by ascending α."""
        return [drop for drop in self.drops if drop.transform == transform]


def robustness(sample: CompleteItems, *, adjust: Adjust) -> Robustness | None:
    """What transforms cost along α, where models see the image; None without an axis of transforms
    that has "none" too."""
    of_images = (TRANSFORM, SEEN)
    at = next((n for n, one in enumerate(sample.factors) if one.name in of_images), None)
    if at is None or NONE not in sample.factors[at].levels:
        return None
    factor, values = sample.factors[at], sample.by_level(at, sample.seeing)
    levels = [level for level in factor.levels if not hides(factor.name, level)]
    if len(levels) < 2:
        return None
    clean = values[:, :, levels.index(NONE)]
    names = [level for level in levels if level != NONE]
    columns = [values[:, :, levels.index(name)] for name in names]
    if len(names) > 1:
        columns.append(_corrupted(names, columns))
        names.append(CORRUPTED)
    found = gains_over(
        np.concatenate(columns, axis=1),
        np.tile(clean, (1, len(columns))),
        sample.images,
        sample.inside,
        adjust=adjust,
        seed=sample.seed,
    )
    weights = weights_of(len(values), sample.inside)
    means = [weights @ column for column in columns]
    drops = [
        Drop(alpha, name, float(mean[place]), found[number * len(sample.alphas) + place])
        for number, (name, mean) in enumerate(zip(names, means, strict=True))
        for place, alpha in enumerate(sample.alphas)
    ]
    kept = undominated(list(zip((weights @ clean).tolist(), means[-1].tolist(), strict=True)))
    return Robustness(
        alphas=sample.alphas,
        transforms=tuple(names),
        clean=tuple((weights @ clean).tolist()),
        drops=tuple(drops),
        pareto=tuple(compress(sample.alphas, kept)),
    )


def _corrupted(names: Sequence[str], columns: Sequence[Floats]) -> Floats:
    """The mean over kinds of transforms, each the mean over its severities."""
    kinds: dict[str, list[Floats]] = {}
    for name, column in zip(names, columns, strict=True):
        kinds.setdefault(name.partition(":")[0], []).append(column)
    found: Floats = np.mean([np.mean(own, axis=0) for own in kinds.values()], axis=0)
    return found
