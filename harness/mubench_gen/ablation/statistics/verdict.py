"""Base against fine-tune on a grid: where the gain is real, where it is lost, where it reverses.

A gain is the fine-tune's accuracy minus the base's on the same items. It is taken with the images
as they are, by each level of each factor, and under each control and transform; a change is the
difference between two gains, of the same items too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from mubench_gen.ablation.grid import Grid
from mubench_gen.ablation.seen import OF_IMAGES
from mubench_gen.ablation.statistics.answers import Answers
from mubench_gen.ablation.statistics.gains import Gain, GainChange, Gains, Part, answered_by_both
from mubench_gen.ablation.statistics.spread import joint
from mubench_gen.ablation.statistics.verdict_words import sentences
from mubench_gen.images.transform import NONE
from mubench_gen.scores.joint import Adjust

if TYPE_CHECKING:
    from mubench_gen.ablation.analysis import Analysis

PAIR = "pair"  # of a study's document: the names of the base and the fine-tune


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """gains: all together, then by level; cells: by cell, in the grid's order; changes: under
    controls and transforms against the images as they are, and between prompts. missing: why a
    gain or a change is not there, of a grid that was asked in part."""

    base: str
    finetuned: str
    items: int
    gains: tuple[Gain, ...]
    cells: tuple[Gain, ...]
    changes: tuple[GainChange, ...]
    missing: tuple[str, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """What they say, in words."""
        return list(sentences(self))


def verdict_of(study: Analysis) -> PairVerdict | None:
    """The verdict of a study of a base and its fine-tune; None of other studies, or if fewer than
    two images have items that both have answered (in every cell, of a whole grid)."""
    pair = study.document.get(PAIR)
    if not isinstance(pair, list):
        return None
    base, finetuned = (study.models.index(name) for name in pair)
    return verdict(
        study.grid,
        [study.answers[base], study.answers[finetuned]],
        (pair[0], pair[1]),
        how=study.adjust,
        seed=study.seed,
        whole=not study.is_estimated,
    )


def verdict(
    grid: Grid,
    answers: Sequence[Answers],
    names: tuple[str, str],
    *,
    how: Adjust = "maxt",
    seed: int = 0,
    whole: bool = True,
) -> PairVerdict | None:
    """Compare two models' answers, base and fine-tune, on the items that both have everywhere; not
    `whole`: of a part of the grid, on the pairs of item and cell that both have answered."""
    known = (joint if whole else answered_by_both)(answers)
    if known is None:
        return None
    codes = np.stack(known.images, axis=1) if len(known.images) > 1 else known.images[0]
    found = Gains(grid, known.values, codes, how, seed)
    parts = list(_parts(grid))
    compared = list(_compared(parts))
    cells = [("cell", grid.label(cell), [at]) for at, cell in enumerate(grid.cells)]
    gains = found.gains(parts)
    if not gains or gains[0].factor:
        return None
    return PairVerdict(
        *names, len(known.values), gains, found.gains(cells), found.changes(compared),
        tuple(found.missing(parts, compared)),
    )  # fmt: skip


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
