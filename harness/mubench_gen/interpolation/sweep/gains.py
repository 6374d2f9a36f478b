"""The accuracies of a sweep's α, their gains over the ends, and which α is best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.interpolation.sweep.choice import (
    Halves,
    apart,
    cross_fitted,
    equally_good,
    gain_over,
)
from mubench_gen.interpolation.sweep.parts import IN_DOMAIN, MEAN
from mubench_gen.scores.crossing import ways_of
from mubench_gen.scores.joint import Adjust, max_of_normals
from mubench_gen.scores.paired import compare_pair, weights_of
from mubench_gen.scores.quantile import student, student_p

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Gain:
    """The difference from one end's accuracy, paired by item; in shares.

    ci95: of this α alone. band: of all α at once, so that one may look for the best.
    """

    difference: float
    ci95: tuple[float, float]
    band: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Point:
    """One α on one group of items: "in-domain", "rest", "mean" (of those two), a task, or a part
    that is named in `parts`.

    `accuracy` counts unanswered items as wrong; the mean weights both halves equally, whatever
    their numbers of items. `over_base`, `over_finetuned`: gains over the ends, None at that end.
    """

    alpha: str
    part: str
    n: int
    images: int
    accuracy: float
    over_base: Gain | None
    over_finetuned: Gain | None


@dataclass(frozen=True, slots=True)
class ChosenAlpha:
    """The α with the best mean, and what choosing it so is worth on images that did not choose.

    equally_good: the α of which none can be said to be worse than the best: a set that holds
    the truly best in 95 % of samples. mean_there: of `alpha` on the images that chose it, which
    is biased upwards; mean: cross-fitted over `folds` of the images, `repeats` times; shares:
    how often each α was chosen in that. over_base, over_finetuned: the gains of `mean`.
    """

    alpha: str
    equally_good: tuple[str, ...]
    images: int
    mean_there: float
    mean: float
    over_base: Gain
    over_finetuned: Gain
    shares: Mapping[str, float]
    folds: int
    repeats: int


@dataclass(frozen=True, slots=True)
class Table:
    """Values (items, α); `inside` and `outside` mark the items of the domain and the others;
    `ends` are the indices of the base and of the fine-tune.
    """

    values: Floats
    images: Codes  # or what else items are drawn by, as in `crossing.ways_of`
    inside: Mask
    outside: Mask
    names: Sequence[str]
    ends: tuple[int, int]
    adjust: Adjust
    seed: int

    def points(self, part: str) -> list[Point]:
        """The points of in-domain, rest or mean, by ascending α."""
        if part == MEAN:
            both = self.inside | self.outside
            return self.points_of(part, both, self.inside[both].astype(np.int64))
        return self.points_of(part, self.inside if part == IN_DOMAIN else self.outside)

    def points_of(self, part: str, items: Mask, layer: Codes | None = None) -> list[Point]:
        """The points on some items; with `layer`, these items' strata, of the strata's mean."""
        n, images = int(items.sum()), len(np.unique(ways_of(self.images)[0][items]))
        weights = weights_of(n, layer)
        gains = [self._gains(items, layer, weights, end) for end in self.ends]
        return [
            Point(
                alpha=name,
                part=part,
                n=n,
                images=images,
                accuracy=float(weights @ self.values[items, place]),
                over_base=gains[0][place],
                over_finetuned=gains[1][place],
            )
            for place, name in enumerate(self.names)
        ]

    def chosen(self) -> ChosenAlpha | None:
        """The chosen α; None if some images alone have all items of a half."""
        halves = Halves.of(self.values, self.images, self.inside, self.outside)
        found = cross_fitted(halves, seed=self.seed)
        if found is None:
            return None
        means = halves.means
        best = int(np.argmax(np.round(means, 12)))  # of equal means the nearest to the base
        gains = []
        for end in self.ends:
            difference, interval = gain_over(end, found, halves, seed=self.seed)
            gains.append(Gain(difference, interval, interval))
        good = equally_good(halves, seed=self.seed)
        return ChosenAlpha(
            alpha=self.names[best],
            equally_good=tuple(self.names[place] for place in good),
            images=halves.sizes.shape[1],
            mean_there=float(means[best]),
            mean=found.mean,
            over_base=gains[0],
            over_finetuned=gains[1],
            shares=dict(zip(self.names, found.chosen.tolist(), strict=True)),
            folds=found.folds,
            repeats=found.repeats,
        )

    def _gains(
        self, items: Mask, strata: Codes | None, weights: Floats, end: int
    ) -> list[Gain | None]:
        """The gains of all α over one end, None at the end itself."""
        values, images = self.values[items], self.images[items]
        others = [place for place in range(len(self.names)) if place != end]
        found = {
            place: compare_pair(values[:, place], values[:, end], images, strata=strata)
            for place in others
        }
        level = self._level((values - values[:, [end]])[:, others], images, strata, weights)
        gains: list[Gain | None] = [None] * len(self.names)
        for place, one in found.items():
            band = one.interval_at(student(1 - level, one.freedom))
            gains[place] = Gain(one.difference, one.ci95, band)
        return gains

    def _level(
        self, differences: Floats, images: Codes, strata: Codes | None, weights: Floats
    ) -> float:
        """The two-sided level of each gain's interval, so that all hold at once in 95 %.

        `differences` (items, gains): what each item adds to each gain.
        """
        if self.adjust in ("bh", "none"):
            return 0.05
        if self.adjust == "holm" or len(differences.T) < 2:
            return 0.05 / max(1, len(differences.T))
        rows, freedom = apart(differences, images, weights, strata)
        largest = max_of_normals(rows, freedom, seed=self.seed)
        return min(0.05, student_p(largest, freedom))
