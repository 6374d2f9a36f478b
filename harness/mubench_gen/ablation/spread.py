"""The spread of scores over cells, and the best cell's score on other images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.scores.crossing import crossed_rows, fewest, ways_of
from mubench_gen.scores.estimand import estimand_of_sums
from mubench_gen.scores.estimate import share_estimate
from mubench_gen.scores.joint import in_blocks

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

SPLITS = 200


@dataclass(frozen=True, slots=True)
class ByImage:
    """Complete items summed by image, or what else they are drawn by: `sums` and `squares`, of the
    values and of their squares, (images, cells); `sizes` (images,) in items.

    Of two clusterings this is by the first: `also` is by the second and by both, and `pairs`
    (clusters of both, 2) has the numbers of the first's and the second's clusters.
    """

    sums: Floats
    sizes: Floats
    squares: Floats
    also: tuple[ByImage, ...] = ()
    pairs: Codes | None = None

    @property
    def ways(self) -> tuple[ByImage, ...]:
        """The table by each clustering."""
        return (self, *self.also)

    @property
    def means(self) -> Floats:
        """The accuracy of each cell."""
        means: Floats = self.sums.sum(axis=0) / self.sizes.sum()
        return means

    @property
    def freedom(self) -> int:
        """The degrees of freedom of a variance: the clusters, or the fewer of two, less 1."""
        return fewest([way.sums for way in self.ways]) - 1

    def influences(self, seed: int | None = None) -> Floats:
        """Each image's contribution to each cell's mean, (images, cells), for two clusterings as
        rows of `crossing.crossed_rows`; with a seed, of blocks of images (`joint.in_blocks`).
        Sums of their squares and products are the cluster-robust (co)variances of the means."""
        own = [way._influences() for way in self.ways]
        return crossed_rows(own if seed is None else [in_blocks(one, seed=seed) for one in own])

    def _influences(self) -> Floats:
        groups = len(self.sizes)
        each = self.sums - self.sizes[:, None] * self.means
        scaled: Floats = each / self.sizes.sum() * np.sqrt(groups / max(1, groups - 1))
        return scaled

    def only(self, kept: npt.NDArray[np.bool_], cell: int) -> ByImage:
        """The images that are kept, and one cell."""
        if self.pairs is None:
            columns = self.sums[kept][:, [cell]], self.sizes[kept], self.squares[kept][:, [cell]]
            return ByImage(*columns)
        here = kept[self.pairs[:, 0]]
        return _crossed(self.also[1].only(here, cell), self.pairs[here])


def by_image(right: Floats, image: Codes) -> ByImage:
    """Sum the values (items, cells), without NaN, by image, or by two clusterings (`image` as in
    `crossing.ways_of`). Raises ValueError without items."""
    if not len(right):
        raise ValueError("no items that every cell answered")
    first, *others = ways_of(image)
    codes = others[1] if others else first
    _, places = np.unique(codes, return_index=True)
    found = _joined(right, np.ones(len(right)), right**2, codes)
    return _crossed(found, np.stack([first, others[0]], axis=1)[places]) if others else found


def _crossed(both: ByImage, pairs: Codes) -> ByImage:
    """The table by two clusterings from that by both, of which `pairs` are the clusters."""
    first, second = (_joined(both.sums, both.sizes, both.squares, codes) for codes in pairs.T)
    numbers = np.stack([np.unique(codes, return_inverse=True)[1] for codes in pairs.T], axis=1)
    return ByImage(first.sums, first.sizes, first.squares, (second, both), numbers)


def _joined(sums: Floats, sizes: Floats, squares: Floats, codes: Codes) -> ByImage:
    """Rows added up that have the same code, by ascending code."""
    order = np.argsort(codes, kind="stable")
    starts = np.unique(codes[order], return_index=True)[1]
    first, second, third = (
        np.add.reduceat(each[order], starts, axis=0) for each in (sums, sizes, squares)
    )
    return ByImage(first, second, third)


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
