"""Which α is best, as far as the images can tell, and how well choosing it does on others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from mubench_gen.scores.crossing import crossed_rows, fewest, ways_of
from mubench_gen.scores.joint import max_of_normals

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FOLDS, REPEATS = 5, 100
_NONE = 1e-12


@dataclass(frozen=True, slots=True)
class Halves:
    """The items in-domain and of the rest, summed by image.

    sums: (2, images, α); sizes: (2, images), in items. The mean of an α weights both halves the
    same, whatever their numbers of items. Of two clusterings this is by the first, and `also` by
    the second and by both.
    """

    sums: Floats
    sizes: Floats
    also: tuple[Halves, ...] = ()

    @classmethod
    def of(
        cls, values: Floats, images: npt.NDArray[np.int64], inside: Mask, outside: Mask
    ) -> Halves:
        """From values (items, α); the masks are of the items of each half, `images` as in
        `crossing.ways_of`."""
        first, *also = (cls._by(values, way, inside, outside) for way in ways_of(images))
        return replace(first, also=tuple(also))

    @classmethod
    def _by(
        cls, values: Floats, images: npt.NDArray[np.int64], inside: Mask, outside: Mask
    ) -> Self:
        both = inside | outside
        _, image = np.unique(images[both], return_inverse=True)
        count = int(image.max()) + 1
        sums, sizes = [], []
        for half in (inside[both], outside[both]):
            here, of_image = values[both][half], image[half]
            sums.append(
                np.stack([np.bincount(of_image, column, count) for column in here.T], axis=1)
            )
            sizes.append(np.bincount(of_image, minlength=count).astype(np.float64))
        return cls(np.stack(sums), np.stack(sizes))

    @property
    def means(self) -> Floats:
        """The mean at each α."""
        found: Floats = (self.sums.sum(axis=1) / self.sizes.sum(axis=1)[:, None]).mean(axis=0)
        return found

    @property
    def freedom(self) -> int:
        """The degrees of freedom of a variance: the images, or the fewer of two, less 1."""
        return fewest([half.sums[0] for half in (self, *self.also)]) - 1

    def apart(self, end: int) -> Floats:
        """What each image adds to the differences from one α's mean, (images, α), scaled like a
        standard error; of two clusterings as rows of `crossing.crossed_rows`."""
        each = [half._influences() for half in (self, *self.also)]
        return crossed_rows([one - one[:, [end]] for one in each])

    def _influences(self) -> Floats:
        shares = self.sums.sum(axis=1, keepdims=True) / self.sizes.sum(axis=1)[:, None, None]
        each = self.sums - self.sizes[:, :, None] * shares
        images = self.sizes.shape[1]
        scaled: Floats = (each / self.sizes.sum(axis=1)[:, None, None]).sum(axis=0) / 2
        scaled *= np.sqrt(images / max(1, images - 1))
        return scaled


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
    folds = min(FOLDS, images)
    generator = np.random.default_rng([seed, 8])
    used = np.zeros((images, alphas))
    for _ in range(repeats):
        fold = generator.permutation(images) % folds
        apart = np.eye(folds)[fold]  # (images, folds)
        sums = np.einsum("if,hia->hfa", apart, halves.sums, optimize=True)
        sizes = halves.sizes @ apart
        left = sizes.sum(axis=1, keepdims=True) - sizes
        if left.min() < 1:
            return None
        means = ((sums.sum(axis=1, keepdims=True) - sums) / left[:, :, None]).mean(axis=0)
        best = np.round(means, 12).argmax(axis=1)  # of equal means the nearest to the base
        used[np.arange(images), best[fold]] += 1 / repeats
    scored = ((used * halves.sums).sum(axis=(1, 2)) / halves.sizes.sum(axis=1)).mean()
    return CrossFitted(float(scored), used.mean(axis=0), folds, repeats)


def gain_over(
    end: int, found: CrossFitted, halves: Halves, *, seed: int
) -> tuple[float, tuple[float, float]]:
    """The gain in the mean of choosing α over always taking an end, and its 95 % interval.

    The interval is as wide as that of a band that holds the gains of all α at once, at those
    that were chosen, so that it allows for the choice.
    """
    apart = halves.apart(end)
    spread = np.sqrt(float(found.chosen @ (apart**2).sum(axis=0)))
    half = spread * max_of_normals(apart, halves.freedom, seed=seed)
    gain = found.mean - float(halves.means[end])
    return gain, (max(-1.0, gain - half), min(1.0, gain + half))


def equally_good(halves: Halves, *, seed: int) -> list[int]:
    """The α that may be the best: a set that holds the truly best one in 95 % of samples.

    Multiple comparisons with the best (Hsu 1984): an α is left out if another is above it by
    more than the largest such difference by chance, were it the best.
    """
    means, kept = halves.means, list[int]()
    for place in range(len(means)):
        apart = halves.apart(place)
        error = np.sqrt((apart**2).sum(axis=0))
        above = np.round(means - means[place], 12)
        sure = (error < _NONE) & (above > 0)
        noisy = error >= _NONE
        limit = max_of_normals(apart[:, noisy], halves.freedom, seed=seed, two_sided=False)
        if not sure.any() and not (above[noisy] > limit * error[noisy]).any():
            kept.append(place)
    return kept
