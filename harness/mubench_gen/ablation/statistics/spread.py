"""The spread of scores over cells, and the best cell's score on other images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.statistics.answers import Answers, on_shared_items
from mubench_gen.scores.crossing import crossed_rows, ways_of
from mubench_gen.scores.estimand import Precision, estimand, estimand_of_sums
from mubench_gen.scores.estimate import crossed, share_estimate
from mubench_gen.scores.joint import in_blocks

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

SPLITS = 200


@dataclass(frozen=True, slots=True)
class Summed:
    """Items summed by image, or by what else they are drawn by: `sums` and `squares`, of the values
    and of their squares, (images, cells); `sizes` (images,) in items."""

    sums: Floats
    sizes: Floats
    squares: Floats

    @property
    def influences(self) -> Floats:
        """Each image's contribution to each cell's mean, bias-reduced (CR2), (images, cells)."""
        items = self.sizes.sum()
        weights = self.sizes / items
        each = (self.sums - weights[:, None] * self.sums.sum(axis=0)) / items
        kept = np.where(weights < 1, 1 - weights, np.inf)
        scaled: Floats = each / np.sqrt(kept)[:, None]
        return scaled


@dataclass(frozen=True, slots=True)
class ByImage:
    """Complete items: `values` (items, cells), the numbers of their `images`, and sums by those; of
    two clusterings (`crossing.ways_of`) by the first, by the second and by both."""

    values: Floats
    images: tuple[Codes, ...]
    ways: tuple[Summed, ...]

    @property
    def sums(self) -> Floats:
        """By image."""
        return self.ways[0].sums

    @property
    def sizes(self) -> Floats:
        """By image."""
        return self.ways[0].sizes

    @property
    def means(self) -> Floats:
        """The accuracy of each cell."""
        means: Floats = self.sums.sum(axis=0) / self.sizes.sum()
        return means

    def influences(self, seed: int | None = None) -> Floats:
        """Each image's contribution to each cell's mean, (images, cells), for two clusterings as
        rows of `crossing.crossed_rows`; with a seed, of blocks of images (`joint.in_blocks`).
        Sums of their squares and products are the cluster-robust (co)variances of the means."""
        own = [way.influences for way in self.ways]
        return crossed_rows(own if seed is None else [in_blocks(one, seed=seed) for one in own])

    def precision(self, each: Floats) -> Precision:
        """How well the mean of a value of each item is known."""
        first, *also = (estimand(each, codes) for codes in self.images)
        return crossed(first, also)

    def only(self, kept: npt.NDArray[np.bool_], cell: int) -> ByImage:
        """The items of some images, and one cell."""
        here = kept[self.images[0]]
        return _by(self.values[here][:, [cell]], [codes[here] for codes in self.images])


def by_image(right: Floats, image: Codes) -> ByImage:
    """Sum the values (items, cells), without NaN, by image, or by two clusterings (`image` as in
    `crossing.ways_of`). Raises ValueError without items."""
    if not len(right):
        raise ValueError("no items that every cell answered")
    return _by(right, ways_of(image))


def _by(right: Floats, ways: Sequence[Codes]) -> ByImage:
    numbers = [np.unique(codes, return_inverse=True)[1] for codes in ways]
    return ByImage(right, tuple(numbers), tuple(_summed(right, codes) for codes in numbers))


def _summed(right: Floats, codes: Codes) -> Summed:
    groups = int(codes.max()) + 1
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(groups))
    sorted_values = right[order]
    sums: Floats = np.add.reduceat(sorted_values, starts, axis=0)
    squares: Floats = np.add.reduceat(sorted_values**2, starts, axis=0)
    return Summed(sums, np.bincount(codes, minlength=groups).astype(np.float64), squares)


def complete(values: Floats) -> npt.NDArray[np.bool_]:
    """Whether each item has a value in every cell."""
    return np.asarray(np.isfinite(values).all(axis=1), np.bool_)


def over_cells(values: Floats) -> Floats:
    """Each item's mean over cells, (items, cells) → (items,); of a complete table just that.

    NaN is what was not asked, by a draw that looks at no answer. The values are then such that
    their mean over the items is the mean of the cells' means, each over the items that it was
    asked, and that they vary by image as that mean does (Hájek's mean, linearised). NaN where no
    cell was asked.
    """
    known = np.isfinite(values)
    if known.all():
        complete_means: Floats = values.mean(axis=1)
        return complete_means
    asked = known.any(axis=0)
    if not asked.any():
        return np.full(len(values), np.nan)
    values, known = values[:, asked], known[:, asked]
    counts = known.sum(axis=0)
    means = np.where(known, values, 0).sum(axis=0) / counts
    away = np.where(known, values - means, 0)
    found: Floats = means.mean() + len(values) * (away / counts).mean(axis=1)
    return found


@dataclass(frozen=True, slots=True)
class Spread:
    """Extremes and median of the accuracies over cells; lowest, highest: indices of cells."""

    minimum: float
    median: float
    maximum: float
    lowest: int
    highest: int


def spread(means: Floats) -> Spread:
    """The spread of one accuracy per cell. Of several equal extremes the first counts."""
    low, high = int(np.argmin(means)), int(np.argmax(means))
    return Spread(float(means[low]), float(np.median(means)), float(means[high]), low, high)


@dataclass(frozen=True, slots=True)
class BestOnHalf:
    """The cell that is best on one half of the images, and its score on the other half.

    `chosen`, `there`, `elsewhere`: for the first split. `mean_there`, `mean_elsewhere`: over
    `splits` splits; their difference is the selection bias of choosing the best cell.
    `chosen_again`: the share of splits with the same best cell.
    """

    chosen: int
    there: float
    elsewhere: float
    elsewhere_ci95: tuple[float, float]
    mean_there: float
    mean_elsewhere: float
    chosen_again: float
    splits: int


def best_on_half(table: ByImage, *, seed: int, splits: int = SPLITS) -> BestOnHalf | None:
    """Split the images into halves by the seed; None with fewer than two images.

    Of two clusterings those of the first are split: clusters of the second are then in both halves.
    """
    groups = len(table.sizes)
    if groups < 2:
        return None
    generator = np.random.default_rng([seed, 0])
    ranks = generator.permuted(np.tile(np.arange(groups), (splits, 1)), axis=1)
    here = ranks < (groups + 1) // 2
    mine = (here @ table.sums) / (here @ table.sizes)[:, None]
    theirs = (~here @ table.sums) / (~here @ table.sizes)[:, None]
    chosen = mine.argmax(axis=1)
    rows = np.arange(splits)
    first = int(chosen[0])
    there = ~here[0]
    return BestOnHalf(
        chosen=first,
        there=float(mine[0, first]),
        elsewhere=float(theirs[0, first]),
        elsewhere_ci95=intervals(table.only(there, first))[0],
        mean_there=float(mine[rows, chosen].mean()),
        mean_elsewhere=float(theirs[rows, chosen].mean()),
        chosen_again=float((chosen == first).mean()),
        splits=splits,
    )


def intervals(table: ByImage) -> list[tuple[float, float]]:
    """The 95 % interval of each cell's accuracy."""
    found = []
    for cell in range(table.sums.shape[1]):
        first, *also = (
            estimand_of_sums(way.sizes, way.sums[:, cell], way.squares[:, cell])
            for way in table.ways
        )
        found.append(share_estimate(first, also=also).ci95)
    return found


def joint(answers: Sequence[Answers]) -> ByImage | None:
    """The cells of all models, side by side, on the items that every cell answered."""
    columns, image = on_shared_items(answers)
    right = np.concatenate(columns, axis=1)
    sound = complete(right)
    if not sound.any() or len(np.unique(ways_of(image)[0][sound])) < 2:
        return None
    return by_image(right[sound], image[sound])
