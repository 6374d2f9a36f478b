"""The gains of a fine-tune over its base in parts of a grid, and how they differ between parts.

Of a grid that was asked in part, by a budget or a design, a gain is the mean over the cells that
were asked of what the two models differ by there, on the items that both answered. Which these
are was drawn by seed and looks at no answer, so that items need no weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.grid import Grid, shown
from mubench_gen.ablation.statistics.answers import Answers, on_shared_items
from mubench_gen.ablation.statistics.spread import by_image, over_cells
from mubench_gen.scores.crossing import ways_of
from mubench_gen.scores.joint import Adjust, adjust
from mubench_gen.scores.paired import PairedDifference, compare_means, compare_pair

Floats = npt.NDArray[np.float64]
Where = Literal["gain", "loss", "not known"]
Part = tuple[str, str, list[int]]  # a factor, its level, and the cells with it

_LEVEL = 0.05
_NO_SPREAD = 1e-9


@dataclass(frozen=True, slots=True)
class Gain:
    """The fine-tune minus the base in some cells. factor and level: of those cells, empty for all
    of them; verdict: "gain" or "loss" where the adjusted p is below 0.05."""

    factor: str
    level: str
    items: int
    base: float
    finetuned: float
    gain: float
    ci95: tuple[float, float]
    p: float
    p_adjusted: float
    verdict: Where


@dataclass(frozen=True, slots=True)
class GainChange:
    """How much another gain is at one level of a factor than at another, in cells that are alike
    in all else."""

    factor: str
    level: str
    baseline: str
    gain: float
    gain_there: float
    change: float
    ci95: tuple[float, float]
    p: float
    p_adjusted: float

    @property
    def is_shown(self) -> bool:
        """Whether the two gains surely differ."""
        return self.p_adjusted < _LEVEL

    @property
    def reverses(self) -> bool:
        """Whether the two gains surely differ, and have other signs."""
        return self.is_shown and self.gain * self.gain_there < 0


@dataclass(frozen=True, slots=True)
class PartlyKnown:
    """`values` (items, cells) with NaN, and the numbers of the items' `images` as in `ByImage`."""

    values: Floats
    images: tuple[npt.NDArray[np.int64], ...]


def answered_by_both(answers: Sequence[Answers]) -> PartlyKnown | None:
    """The cells of two models, side by side, NaN where one has no answer; None where they share
    the items of fewer than two images."""
    (base, tuned), codes = on_shared_items(answers)
    unknown = np.isnan(base) | np.isnan(tuned)
    values = np.concatenate([np.where(unknown, np.nan, one) for one in (base, tuned)], axis=1)
    some = ~unknown.all(axis=1)
    images = tuple(ways_of(codes[some]))
    return PartlyKnown(values[some], images) if len(np.unique(images[0])) > 1 else None


class Gains:
    """The gains of a fine-tune over its base: `values` (items, cells of the base and then of the
    fine-tune), NaN where not both were asked; `codes` are what items are clustered by."""

    def __init__(
        self, grid: Grid, values: Floats, codes: npt.NDArray[np.int64], how: Adjust, seed: int
    ) -> None:
        width = len(grid.cells)
        self._grid = grid
        self._base, self._tuned = values[:, :width], values[:, width:]
        self._known: npt.NDArray[np.bool_] = np.isfinite(self._base)
        self._codes, self._how, self._seed = codes, how, seed

    def gains(self, parts: Sequence[Part]) -> tuple[Gain, ...]:
        """The gain in each part that was asked, p adjusted over all of them."""
        there = [part for part in parts if self._can_tell(part[2])]
        found = [self._compared(cells) for *_, cells in there]
        told = self._adjusted(found, [self._each(cells) for *_, cells in there])
        return tuple(
            Gain(factor, level, one.n, one.second, one.first, one.difference, one.ci95, one.p, p,
                 "not known" if p >= _LEVEL else "gain" if one.difference > 0 else "loss")
            for (factor, level, _), one, p in zip(there, found, told, strict=True)
        )  # fmt: skip

    def changes(self, compared: Sequence[tuple[Part, Part]]) -> tuple[GainChange, ...]:
        """Gains at levels against others, p adjusted over all of them."""
        pairs = [pair for pair in self._alike(compared) if all(self._can_tell(p[2]) for p in pair)]
        found = []
        for one, other in pairs:
            rows = self._asked([*one[2], *other[2]])
            here, there = self._each(one[2], rows), self._each(other[2], rows)
            found.append(compare_means(here, there, self._codes[rows]))
        each = [self._each(one[2]) - self._each(other[2]) for one, other in pairs]
        told = self._adjusted(found, each)
        return tuple(
            GainChange(one[0], one[1], other[1], known.first, known.second, known.difference,
                   known.ci95, known.p, p)
            for (one, other), known, p in zip(pairs, found, told, strict=True)
        )  # fmt: skip

    def missing(
        self, parts: Sequence[Part], compared: Sequence[tuple[Part, Part]]
    ) -> Iterator[str]:
        """Why a gain or a change is not there, and of which cells the others are."""
        asked, all_cells = int(self._known.any(axis=0).sum()), len(self._grid.cells)
        if asked < all_cells:
            yield (
                f"{asked} of {all_cells} cells were asked: a gain at a level is that of those with "
                "it, which may differ from those of another level in other factors too."
            )
        for factor, level, cells in parts:
            if not self._can_tell(cells):
                where = f"at {factor} {shown(level)}" if factor else "with the images as they are"
                yield f"The gain {where} is not known: {self._why(cells)}."
        for one, other in self._alike(compared):
            if not (self._can_tell(one[2]) and self._can_tell(other[2])):
                yield (
                    f"Whether it changes between {one[0]} {shown(other[1])} and {shown(one[1])} is "
                    f"not known: {self._why(one[2] and other[2])}."
                )

    def _why(self, cells: Sequence[int]) -> str:
        if not self._known[:, cells].any():
            return "no such cells, else alike, were asked"
        return "both models answered there about fewer than two images"

    def _alike(self, compared: Iterable[tuple[Part, Part]]) -> Iterator[tuple[Part, Part]]:
        """The pairs of parts whose gains are compared, each with its cells that the other has too
        but for the factor: of a fraction of a grid not all are asked."""
        names = [factor.name for factor in self._grid.factors]
        there = np.asarray(self._known.any(axis=0), np.bool_)
        for one, other in compared:
            at = names.index(one[0])
            here, others = (
                {self._grid.cells[c].but(at): c for c in part[2] if there[c]}
                for part in (one, other)
            )
            yield (
                (*one[:2], [c for rest, c in here.items() if rest in others]),
                (*other[:2], [c for rest, c in others.items() if rest in here]),
            )

    def _asked(self, cells: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Whether each item has a value in one of the cells."""
        return np.asarray(self._known[:, cells].any(axis=1), np.bool_)

    def _can_tell(self, cells: Sequence[int]) -> bool:
        """Whether there are values of two images or more."""
        codes = self._codes[self._asked(cells)]
        return len(np.unique(ways_of(codes)[0])) > 1

    def _compared(self, cells: Sequence[int]) -> PairedDifference:
        rows = self._asked(cells)
        tuned, base = (over_cells(one[rows][:, cells]) for one in (self._tuned, self._base))
        if not self._known[rows][:, cells].all():
            found = compare_means(tuned, base, self._codes[rows])
            if found.ci95[1] - found.ci95[0] > _NO_SPREAD:  # else Student's t would be sure of it
                return found
        return compare_pair(tuned, base, self._codes[rows])

    def _each(
        self, cells: Sequence[int], rows: npt.NDArray[np.bool_] | slice = slice(None)
    ) -> Floats:
        return over_cells((self._tuned - self._base)[rows][:, cells])

    def _adjusted(
        self, found: Sequence[PairedDifference], differences: Sequence[Floats]
    ) -> tuple[float, ...]:
        if not found:
            return ()
        table = by_image(np.stack(differences, axis=1), self._codes)
        first, *also = (way.sums for way in table.ways)
        chances = [one.p for one in found]
        return adjust(chances, first, also=also, how=self._how, seed=self._seed).adjusted
