"""Base against fine-tune on a grid: where the gain is real, where it is lost, where it reverses.

A gain is the fine-tune's accuracy minus the base's on the same items. It is taken with the images
as they are, by each level of each factor, and under each control and transform; a change is the
difference between two gains, of the same items too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.answers import Answers
from mubench_gen.ablation.findings import joint
from mubench_gen.ablation.grid import Grid
from mubench_gen.ablation.seen import CONTROL, SEEN, TRANSFORM
from mubench_gen.ablation.spread import ByImage, by_image
from mubench_gen.images.transform import NONE
from mubench_gen.scores.joint import Adjust, adjust
from mubench_gen.scores.paired import PairedDifference, compare_means, compare_pair

if TYPE_CHECKING:
    from mubench_gen.ablation.analysis import Analysis

Floats = npt.NDArray[np.float64]
Where = Literal["gain", "loss", "not known"]
PAIR = "pair"  # of a study's document: the names of the base and the fine-tune

_LEVEL = 0.05
OF_IMAGES = (CONTROL, TRANSFORM, SEEN)  # factors of which one level is the images as they are


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
class Change:
    """How much another gain is at one level of a factor than at another."""

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
class PairVerdict:
    """gains: all together, then by level; cells: by cell, in the grid's order; changes: under
    controls and transforms against the images as they are, and between prompts."""

    base: str
    finetuned: str
    items: int
    gains: tuple[Gain, ...]
    cells: tuple[Gain, ...]
    changes: tuple[Change, ...]

    @property
    def sentences(self) -> list[str]:
        """What they say, in words."""
        from mubench_gen.ablation.verdict_words import sentences

        return list(sentences(self))


def verdict_of(study: Analysis) -> PairVerdict | None:
    """The verdict of a study of a base and its fine-tune; None of other studies, or if fewer than
    two images have items that both have answered in every cell."""
    pair = study.document.get(PAIR)
    if not isinstance(pair, list) or study.is_estimated:
        return None
    base, finetuned = (study.models.index(name) for name in pair)
    return verdict(
        study.grid,
        [study.answers[base], study.answers[finetuned]],
        (pair[0], pair[1]),
        how=study.adjust,
        seed=study.seed,
    )


def verdict(
    grid: Grid,
    answers: Sequence[Answers],
    names: tuple[str, str],
    *,
    how: Adjust = "maxt",
    seed: int = 0,
) -> PairVerdict | None:
    """Compare two models' answers, base and fine-tune, on the items that both have everywhere."""
    table = joint(answers)
    if table is None:
        return None
    codes = np.stack(table.images, axis=1) if len(table.images) > 1 else table.images[0]
    found = _Pair(grid, table, codes, how, seed)
    parts = list(_parts(grid))
    cells = [("cell", grid.label(cell), [at]) for at, cell in enumerate(grid.cells)]
    return PairVerdict(
        *names, len(table.values), found.gains(parts), found.gains(cells), found.changes(parts)
    )


Part = tuple[str, str, list[int]]


class _Pair:
    def __init__(
        self, grid: Grid, table: ByImage, codes: npt.NDArray[np.int64], how: Adjust, seed: int
    ) -> None:
        width = len(grid.cells)
        self._base, self._tuned = table.values[:, :width], table.values[:, width:]
        self._codes, self._how, self._seed = codes, how, seed

    def gains(self, parts: Sequence[Part]) -> tuple[Gain, ...]:
        """The gain in each part, p adjusted over all of them."""
        sides = [(self._tuned[:, c].mean(axis=1), self._base[:, c].mean(axis=1)) for *_, c in parts]
        found = [compare_pair(tuned, base, self._codes) for tuned, base in sides]
        told = self._adjusted(found, [tuned - base for tuned, base in sides])
        return tuple(
            Gain(factor, level, one.n, one.second, one.first, one.difference, one.ci95, one.p, p,
                 "not known" if p >= _LEVEL else "gain" if one.difference > 0 else "loss")
            for (factor, level, _), one, p in zip(parts, found, told, strict=True)
        )  # fmt: skip

    def changes(self, parts: Sequence[Part]) -> tuple[Change, ...]:
        """Gains at levels against others, p adjusted over all of them."""
        pairs = list(_compared(parts))
        each = [(self._each(one), self._each(other)) for one, other in pairs]
        found = [compare_means(here, there, self._codes) for here, there in each]
        told = self._adjusted(found, [here - there for here, there in each])
        return tuple(
            Change(one[0], one[1], other[1], known.first, known.second, known.difference,
                   known.ci95, known.p, p)
            for (one, other), known, p in zip(pairs, found, told, strict=True)
        )  # fmt: skip

    def _each(self, part: Part) -> Floats:
        found: Floats = (self._tuned - self._base)[:, part[2]].mean(axis=1)
        return found

    def _adjusted(
        self, found: Sequence[PairedDifference], differences: Sequence[Floats]
    ) -> tuple[float, ...]:
        if not found:
            return ()
        table = by_image(np.stack(differences, axis=1), self._codes)
        first, *also = (way.sums for way in table.ways)
        chances = [one.p for one in found]
        return adjust(chances, first, also=also, how=self._how, seed=self._seed).adjusted


def _parts(grid: Grid) -> Iterator[Part]:
    """All cells with the images as they are, then those of each level."""
    names = [factor.name for factor in grid.factors]
    plain = {
        at: factor.levels[0] if NONE not in factor.levels else NONE
        for at, factor in enumerate(grid.factors)
        if factor.name in OF_IMAGES
    }

    def cells(**other: str) -> list[int]:
        wanted = {**plain, **{names.index(name): level for name, level in other.items()}}
        return [
            place
            for place, cell in enumerate(grid.cells)
            if all(cell.levels[at] == level for at, level in wanted.items())
        ]

    yield "", "", cells()
    for factor in grid.factors:
        for level in factor.levels if len(factor.levels) > 1 else ():
            if own := cells(**{factor.name: level}):
                yield factor.name, level, own


def _compared(parts: Sequence[Part]) -> Iterator[tuple[Part, Part]]:
    """The pairs of parts whose gains are compared: with no control and no transform, and of the
    other factors each two levels."""
    by_factor: dict[str, list[Part]] = {}
    for part in parts[1:]:
        by_factor.setdefault(part[0], []).append(part)
    for factor, own in by_factor.items():
        plain = next((one for one in own if one[1] == NONE), own[0])
        if factor in OF_IMAGES:
            yield from ((one, plain) for one in own if one is not plain)
        else:
            yield from ((later, earlier) for earlier, later in combinations(own, 2))
