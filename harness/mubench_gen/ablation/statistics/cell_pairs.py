"""Pairs of a grid's cells that differ by one factor alone."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.ablation.grid import Factor, Grid
from mubench_gen.ablation.seen import SEEN, TRANSFORM, hides
from mubench_gen.images.transform import NONE

Pairs = Sequence[tuple[int, int]]


def matched(grid: Grid, factor: str, one: str, other: str) -> Pairs:
    """The pairs of cells that have these levels of the factor, and else the same.

    Of other factors than the control only cells with the images as they are given: without an
    image a transform changes nothing.
    """
    at = [f.name for f in grid.factors].index(factor)
    cells: dict[tuple[str, ...], dict[str, int]] = {}
    for place in as_given(grid, factor):
        cell = grid.cells[place]
        cells.setdefault(cell.but(at), {})[cell.levels[at]] = place
    return [(own[one], own[other]) for own in cells.values() if one in own and other in own]


def as_given(grid: Grid, factor: str = "") -> list[int]:
    """The cells of no control, or all of them where the controls are this factor's levels."""
    shows = [
        at
        for at, one in enumerate(grid.factors)
        if one.name != factor and NONE in one.levels
        if any(hides(one.name, level) for level in one.levels)
    ]
    return [
        place
        for place, cell in enumerate(grid.cells)
        if not any(hides(grid.factors[at].name, cell.levels[at]) for at in shows)
    ]


def transforms_of(grid: Grid) -> Factor | None:
    """The factor of transforms, with those of its levels that are no controls."""
    for one in grid.factors:
        if one.name in (TRANSFORM, SEEN):
            return Factor(one.name, tuple(x for x in one.levels if not hides(one.name, x)))
    return None


def baseline_of(factor: Factor) -> str:
    """The level that others are compared with: "none", or else the first."""
    return NONE if NONE in factor.levels else factor.levels[0]
