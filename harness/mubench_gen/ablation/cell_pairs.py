"""Pairs of a grid's cells that differ by one factor alone."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.ablation.grid import Factor, Grid

Pairs = Sequence[tuple[int, int]]

NONE = "none"  # the level that leaves images, or the control, as they are
CONTROL, TRANSFORM = "control", "transform"


def matched(grid: Grid, factor: str, one: str, other: str) -> Pairs:
    """The pairs of cells that have these levels of the factor, and else the same.

    Of other factors than the control only cells with the images as they are given: without an
    image a transform changes nothing.
    """
    at = [f.name for f in grid.factors].index(factor)
    cells: dict[tuple[str, ...], dict[str, int]] = {}
    for place in as_given(grid, factor):
        levels = grid.cells[place].levels
        cells.setdefault((*levels[:at], *levels[at + 1 :]), {})[levels[at]] = place
    return [(own[one], own[other]) for own in cells.values() if one in own and other in own]


def as_given(grid: Grid, factor: str = "") -> list[int]:
    """The cells of no control, or all of them where the factor is the control."""
    names = [f.name for f in grid.factors]
    at = names.index(CONTROL) if CONTROL in names and factor != CONTROL else None
    if at is None or NONE not in grid.factors[at].levels:
        return list(range(len(grid.cells)))
    return [place for place, cell in enumerate(grid.cells) if cell.levels[at] == NONE]


def baseline_of(factor: Factor) -> str:
    """The level that others are compared with: "none", or else the first."""
    return NONE if NONE in factor.levels else factor.levels[0]
