"""Chooses which part of a grid to ask when the budget does not cover all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mubench_gen.types import Readout

_LEAST = 2  # cells per item: with one, its difficulty is confounded with the cell's effect


def draw(items: int, cells: int, budget: int, *, seed: int) -> list[npt.NDArray[np.int64]]:
    """Draw for each item the cells that it is asked in, `budget` pairs in all, by seed.

    Balanced both ways: all cells get equally many items (to within one), and all items equally
    many cells; if that would be fewer than two, some items get two and the others none.
    """
    generator = np.random.default_rng([seed, 2])
    budget = min(budget, items * cells)
    most = min(_LEAST, cells)
    asked = min(items, max(1, budget // most))
    each, more = divmod(budget, asked)
    used = np.zeros(cells, np.int64)
    chosen = [np.empty(0, np.int64)] * items
    for rank, item in enumerate(generator.permutation(items)[:asked]):
        number = min(cells, each + (rank < more))
        order = np.lexsort((generator.random(cells), used))[:number]
        used[order] += 1
        chosen[item] = np.sort(order)
    return chosen


def by_item(
    items: Sequence[str],
    cells: Sequence[tuple[str, Readout]],
    chosen: Sequence[npt.NDArray[np.int64]],
) -> Mapping[str, frozenset[tuple[str, Readout]]]:
    """The drawn cells by the items' names."""
    return {
        item: frozenset(cells[place] for place in places)
        for item, places in zip(items, chosen, strict=True)
        if len(places)
    }
