"""Which part of a grid is asked where there is not the budget for all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mubench_gen.types import Readout

_LEAST = 2  # cells an item is asked in: what two share tells an item's difficulty from a cell's


def draw(items: int, cells: int, budget: int, *, seed: int) -> list[npt.NDArray[np.int64]]:
    """For each item the cells that it is asked in, `budget` pairs in all, by seed.

    Balanced both ways: every cell is asked as many items as any other (to within one), every
    item in as many cells, or in two at least and some items in none.
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
    """The same with names."""
    return {
        item: frozenset(cells[place] for place in places)
        for item, places in zip(items, chosen, strict=True)
        if len(places)
    }
