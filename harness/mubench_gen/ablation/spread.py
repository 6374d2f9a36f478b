"""The spread of scores over cells, and the best cell's score on other images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.scores.estimand import estimand_of_sums
from mubench_gen.scores.estimate import share_estimate

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

SPLITS = 200


@dataclass(frozen=True, slots=True)
class ByImage:
    """Complete items summed by image: `sums` and `squares`, of the values and of their squares,
    (images, cells); `sizes` (images,) in items."""

    sums: Floats
    sizes: Floats
    squares: Floats

    @property
    def means(self) -> Floats:
        """The accuracy of each cell."""
        means: Floats = self.sums.sum(axis=0) / self.sizes.sum()
        return means

    @property
    def influences(self) -> Floats:
        """Each image's contribution to each cell's mean, (images, cells). Sums of their squares
        and products are the cluster-robust (co)variances of the means."""
        groups = len(self.sizes)
        each = self.sums - self.sizes[:, None] * self.means
        scaled: Floats = each / self.sizes.sum() * np.sqrt(groups / max(1, groups - 1))
        return scaled


def by_image(right: Floats, image: Codes) -> ByImage:
    """Sum the values (items, cells), without NaN, by image. Raises ValueError without items."""
    if not len(right):
        raise ValueError("no items that every cell answered")
    _, codes = np.unique(image, return_inverse=True)
    groups = int(codes.max()) + 1
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(groups))
    sorted_values = right[order]
    sums: Floats = np.add.reduceat(sorted_values, starts, axis=0)
    squares: Floats = np.add.reduceat(sorted_values**2, starts, axis=0)
    return ByImage(sums, np.bincount(codes, minlength=groups).astype(np.float64), squares)


def complete(values: Floats) -> npt.NDArray[np.bool_]:
    """Whether each item has a value in every cell."""
    return np.asarray(np.isfinite(values).all(axis=1), np.bool_)


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
    """Split the images into halves by the seed; None with fewer than two images."""
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
    other = ByImage(
        table.sums[there][:, [first]], table.sizes[there], table.squares[there][:, [first]]
    )
    return BestOnHalf(
        chosen=first,
        there=float(mine[0, first]),
        elsewhere=float(theirs[0, first]),
        elsewhere_ci95=intervals(other)[0],
        mean_there=float(mine[rows, chosen].mean()),
        mean_elsewhere=float(theirs[rows, chosen].mean()),
        chosen_again=float((chosen == first).mean()),
        splits=splits,
    )


def intervals(table: ByImage) -> list[tuple[float, float]]:
    """The 95 % interval of each cell's accuracy."""
    return [
        share_estimate(estimand_of_sums(table.sizes, sums, squares)).ci95
        for sums, squares in zip(table.sums.T, table.squares.T, strict=True)
    ]
