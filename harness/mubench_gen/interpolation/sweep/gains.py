"""The accuracies of a sweep's α, their gains over the ends, and which α is best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
class AlphaGain:
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
    their numbers of items. `over_base`, `over_finetuned`: gains over the ends, None at that end;
    of several fine-tunes over the best, and `over_each` of them by name. `method`: along whose
    α it stands, empty for a model itself; `at`: α as a number, None for that and by part.
    """

    alpha: str
    part: str
    n: int
    images: int
    accuracy: float
    over_base: AlphaGain | None
    over_finetuned: AlphaGain | None
    over_each: Mapping[str, AlphaGain | None] = field(default_factory=dict)
    method: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class ChosenAlpha:
    """The α with the best mean, and what choosing it so is worth on images that did not choose.

    equally_good: the α of which none can be said to be worse than the best: a set that holds
    the truly best in 95 % of samples. mean_there: of `alpha` on the images that chose it, which
    is biased upwards; mean: cross-fitted over `folds` of the images, `repeats` times; shares:
    how often each α was chosen in that. over_base, over_finetuned: the gains of `mean`, of several
    fine-tunes over the best, and over_each of them by name.
    """

    alpha: str
    equally_good: tuple[str, ...]
    images: int
    mean_there: float
    mean: float
    over_base: AlphaGain
    over_finetuned: AlphaGain
    shares: Mapping[str, float]
    folds: int
    repeats: int
    over_each: Mapping[str, AlphaGain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlphaTable:
    """Values (items, α); `inside` and `outside` mark the items of the domain and the others;
    `ends` are the indices of the base and of the fine-tunes.
    """

    values: Floats
    images: Codes  # or what else items are drawn by, as in `crossing.ways_of`
    inside: Mask
    outside: Mask
    names: Sequence[str]
    ends: tuple[int, ...]
    adjust: Adjust
    seed: int

    @property
    def finetuned(self) -> int:
        """The index of the fine-tune, of several the one with the highest mean."""
        if len(self.ends) == 2:
            return self.ends[1]
        means = np.round(self._halves().means, 12)
        return max(self.ends[1:], key=lambda end: float(means[end]))

    def _halves(self) -> Halves:
        return Halves.of(self.values, self.images, self.inside, self.outside)

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
        gains = {end: self._gains(items, layer, end) for end in self.ends}
        over_base, over_best = gains[self.ends[0]], gains[self.finetuned]
        return [
            Point(
                alpha=name,
                part=part,
                n=n,
                images=images,
                accuracy=float(weights @ self.values[items, place]),
                over_base=over_base[place],
                over_finetuned=over_best[place],
                over_each={name: gains[end][place] for end, name in self._several()},
            )
            for place, name in enumerate(self.names)
        ]

    def chosen(self) -> ChosenAlpha | None:
        """The chosen α; None if some images alone have all items of a half."""
        halves = self._halves()
        found = cross_fitted(halves, seed=self.seed)
        if found is None:
            return None
        means = halves.means
        best = int(np.argmax(np.round(means, 12)))  # of equal means the nearest to the base
        gains = {}
        for end in self.ends:
            difference, interval = gain_over(end, found, halves, seed=self.seed)
            gains[end] = AlphaGain(difference, interval, interval)
        good = equally_good(halves, seed=self.seed)
        return ChosenAlpha(
            alpha=self.names[best],
            equally_good=tuple(self.names[place] for place in good),
            images=halves.sizes.shape[1],
            mean_there=float(means[best]),
            mean=found.mean,
            over_base=gains[self.ends[0]],
            over_finetuned=gains[self.finetuned],
            shares=dict(zip(self.names, found.chosen.tolist(), strict=True)),
            folds=found.folds,
            repeats=found.repeats,
            over_each={name: gains[end] for end, name in self._several()},
        )

    def _several(self) -> list[tuple[int, str]]:
        """The fine-tunes with their names, where there are several."""
        return [(end, self.names[end]) for end in self.ends[1:]] if len(self.ends) > 2 else []

    def _gains(self, items: Mask, strata: Codes | None, end: int) -> list[AlphaGain | None]:
        """The gains of all α over one end, None at the end itself."""
        values = self.values[items]
        others = [place for place in range(len(self.names)) if place != end]
        found = gains_over(
            values[:, others],
            values[:, [end] * len(others)],
            self.images[items],
            strata,
            adjust=self.adjust,
            seed=self.seed,
        )
        return [*found[:end], None, *found[end:]]


def beats_both(points: Sequence[Point]) -> tuple[str, ...]:
    """The α that are surely above all ends: the bands of the gains are above 0."""
    return tuple(
        one.alpha
        for one in points
        if all(
            gain is not None and gain.band[0] > 0
            for gain in (one.over_base, one.over_finetuned, *one.over_each.values())
        )
    )


def gains_over(
    values: Floats,
    against: Floats,
    images: Codes,
    strata: Codes | Mask | None,
    *,
    adjust: Adjust,
    seed: int,
) -> list[AlphaGain]:
    """The difference of each column of `values` (items, columns) from that of `against`, of the
    strata's mean where there are strata, with bands that hold all columns at once (`adjust`)."""
    layer = None if strata is None else np.asarray(strata, np.int64)
    level = _level(values - against, images, layer, adjust, seed)
    gains = []
    for one, other in zip(values.T, against.T, strict=True):
        pair = compare_pair(one, other, images, strata=layer)
        band = pair.interval_at(student(1 - level, pair.freedom))
        gains.append(AlphaGain(pair.difference, pair.ci95, band))
    return gains


def _level(
    differences: Floats, images: Codes, strata: Codes | None, adjust: Adjust, seed: int
) -> float:
    """The two-sided level of each gain's interval, so that all hold at once in 95 %.

    `differences` (items, gains): what each item adds to each gain.
    """
    if adjust in ("bh", "none"):
        return 0.05
    if adjust == "holm" or len(differences.T) < 2:
        return 0.05 / max(1, len(differences.T))
    weights = weights_of(len(differences), strata)
    rows, freedom = apart(differences, images, weights, strata)
    largest = max_of_normals(rows, freedom, seed=seed)
    return min(0.05, student_p(largest, freedom))
