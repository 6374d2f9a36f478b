"""Which α is best, as far as the images can tell, and how well choosing it does on others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mubench_gen.scores.crossing import crossed_rows, ways_of
from mubench_gen.scores.estimand import Estimand, estimands
from mubench_gen.scores.estimate import crossed
from mubench_gen.scores.joint import max_of_normals
from mubench_gen.scores.paired import weights_of

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

FOLDS, REPEATS = 5, 100
_NONE = 1e-12


class Apart(NamedTuple):
    """How well differences are known together. rows: their products, summed, are the covariance,
    (rows, differences); freedom: degrees of freedom of the one that is known least."""

    rows: Floats
    freedom: float


def apart(
    differences: Floats, images: Codes, weights: Floats, strata: Codes | Mask | None
) -> Apart:
    """Of the weighted means of differences (items, differences); `images` as in
    `crossing.ways_of`, `strata` as in `estimand`."""
    found = [estimands(column, images, weights=weights, strata=strata) for column in differences.T]
    ways = [np.stack([_reduced(one) for one in way], axis=1) for way in zip(*found, strict=True)]
    rows, known = crossed_rows(ways), [crossed(first, also) for first, *also in found]
    lengths = np.sqrt((rows**2).sum(axis=0))
    errors = np.array([one.error for one in known])
    scale = np.divide(errors, lengths, out=np.ones_like(errors), where=lengths > _NONE)
    telling = [one.robust_freedom for one in known if one.variance]
    return Apart(rows * np.maximum(1, scale), min(telling, default=1.0))


def _reduced(found: Estimand) -> Floats:
    """What each cluster adds to a mean, bias-reduced (CR2)."""
    kept = np.where(found.kept > _NONE, found.kept, np.inf)
    reduced: Floats = found.influences / np.sqrt(kept)
    return reduced


@dataclass(frozen=True, slots=True)
class Halves:
    """The items in-domain and of the rest: `values` (items, α), `inside` (items,), `images` as in
    `crossing.ways_of`; and summed by image, or by the first of two clusterings: sums
    (2, images, α); sizes (2, images), in items. The mean of an α weights both halves the same.
    """

    values: Floats
    inside: Mask
    images: Codes
    sums: Floats
    sizes: Floats
    _apart: dict[int, Apart] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, values: Floats, images: Codes, inside: Mask, outside: Mask) -> Halves:
        """From values (items, α); the masks are of the items of each half."""
        both = inside | outside
        _, image = np.unique(ways_of(images)[0][both], return_inverse=True)
        count = int(image.max()) + 1
        sums, sizes = [], []
        for half in (inside[both], outside[both]):
            here, of_image = values[both][half], image[half]
            sums.append(
                np.stack([np.bincount(of_image, column, count) for column in here.T], axis=1)
            )
            sizes.append(np.bincount(of_image, minlength=count).astype(np.float64))
        return cls(values[both], inside[both], images[both], np.stack(sums), np.stack(sizes))

    @property
    def means(self) -> Floats:
        """The mean at each α."""
        found: Floats = (self.sums.sum(axis=1) / self.sizes.sum(axis=1)[:, None]).mean(axis=0)
        return found

    def apart(self, end: int) -> Apart:
        """How well the differences of all means from that of one α are known."""
        if end not in self._apart:  # the ends are asked for by several results
            differences = self.values - self.values[:, [end]]
            weights = weights_of(len(self.inside), self.inside)
            self._apart[end] = apart(differences, self.images, weights, self.inside)
        return self._apart[end]


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """α chosen on some images and scored on the others, again and again.

    mean: of in-domain and rest, on images that did not choose. chosen: how often each α was.
    """

    mean: float
    chosen: Floats
    folds: int
    repeats: int


def cross_fitted(halves: Halves, *, seed: int, repeats: int = REPEATS) -> CrossFitted | None:
    """Choose by the mean on all folds of images but one, for each fold (Stone 1974).

    None if some images alone hold a half of the items, so that others cannot choose. Of two
    clusterings the folds are of the first: items in two folds may share a cluster of the second.
    """
    _, images, alphas = halves.sums.shape
    used = np.zeros((images, alphas))
    for drawn in refolded(halves.sums, halves.sizes, seed=seed, repeats=repeats):
        if drawn is None:
            return None
        best = np.round(drawn.means, 12).argmax(axis=1)  # of equal means the nearest to the base
        used[np.arange(images), best[drawn.fold]] += 1 / repeats
    scored = ((used * halves.sums).sum(axis=(1, 2)) / halves.sizes.sum(axis=1)).mean()
    return CrossFitted(float(scored), used.mean(axis=0), min(FOLDS, images), repeats)


class Folds(NamedTuple):
    """Images in folds. fold: of each image; means: on the images of all other folds, of both
    halves, (…, folds, α)."""

    fold: Codes
    means: Floats


def refolded(sums: Floats, sizes: Floats, *, seed: int, repeats: int) -> Iterator[Folds | None]:
    """The folds of `cross_fitted`, drawn again and again; None where the images of the other folds
    lack a half. `sums` (…, 2, images, α) and `sizes` as in `Halves`."""
    images = sums.shape[-2]
    folds, generator = min(FOLDS, images), np.random.default_rng([seed, 8])
    for _ in range(repeats):
        fold = generator.permutation(images) % folds
        of_fold = np.eye(folds)[fold]  # (images, folds)
        by_fold = np.einsum("if,...hia->...hfa", of_fold, sums, optimize=True)
        sizes_of = sizes @ of_fold
        left = sizes_of.sum(axis=1, keepdims=True) - sizes_of
        if left.min() < 1:
            yield None
            return
        others = by_fold.sum(axis=-2, keepdims=True) - by_fold
        yield Folds(fold, (others / left[:, :, None]).mean(axis=-3))


def gain_over(
    end: int, found: CrossFitted, halves: Halves, *, seed: int
) -> tuple[float, tuple[float, float]]:
    """The gain in the mean of choosing α over always taking an end, and its 95 % interval.

    The interval is as wide as that of a band that holds the gains of all α at once, at those
    that were chosen, so that it allows for the choice.
    """
    known = halves.apart(end)
    spread = np.sqrt(float(found.chosen @ (known.rows**2).sum(axis=0)))
    half = spread * max_of_normals(known.rows, known.freedom, seed=seed)
    gain = found.mean - float(halves.means[end])
    return gain, (max(-1.0, gain - half), min(1.0, gain + half))


def equally_good(halves: Halves, *, seed: int) -> list[int]:
    """The α that may be the best: a set that holds the truly best one in 95 % of samples.

    Multiple comparisons with the best (Hsu 1984): an α is left out if another is above it by
    more than the largest such difference by chance, were it the best.
    """
    means, kept = halves.means, list[int]()
    for place in range(len(means)):
        if not is_below(means - means[place], halves.apart(place), seed=seed):
            kept.append(place)
    return kept


def is_below(above: Floats, known: Apart, *, seed: int) -> bool:
    """Whether an α is surely below another; `above`: by how much the others are above it, and
    `known` of the same differences."""
    rows, freedom = known
    error, gap = np.sqrt((rows**2).sum(axis=0)), np.round(above, 12).ravel()
    noisy = error >= _NONE
    limit = max_of_normals(rows[:, noisy], freedom, seed=seed, two_sided=False)
    sure = (error < _NONE) & (gap > 0)
    return bool(sure.any() or (gap[noisy] > limit * error[noisy]).any())
