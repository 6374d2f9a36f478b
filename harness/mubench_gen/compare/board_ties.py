"""What stands on a board beside the best: told from it by the paired test, or tied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mubench_gen.compare.answer_matrix import Reading, Values
from mubench_gen.compare.board import APART, GROUPS, POOLED, TASKS, Board, BoardRow, Standing
from mubench_gen.compare.differences import (
    ComparedItems,
    Difference,
    UnadjustedDifference,
    adjusted,
    row_of,
)

Mask = npt.NDArray[np.bool_]

LEVEL = 0.05  # of the tests


def tested(
    board: Board,
    reading: Reading,
    there: Mask,
    values: Values,
    groups: Mapping[str, str],
    seed: int,
) -> Board:
    """The board with the standings of its ranked runs.

    `there`: the items that all of them answered; `values`: (items, entrants); `groups`: of tasks.
    """
    images, tests = reading.clusters.codes, list[UnadjustedDifference]()
    best: dict[tuple[str, str], int] = {}
    for row in board.rows:
        if row.part in APART or len(board.ranked) < 2:
            continue
        items = np.flatnonzero(there & _items(reading, row, groups))
        tried = [at for at in board.ranked if row.cells[at].value is not None]
        if not len(items) or len(tried) < 2:
            continue
        group = ComparedItems(row.part, row.name, items)
        means = values[items][:, tried].mean(axis=0)
        first = tried[int(np.argmax(np.round(means, 12)))]
        best[row.part, row.name] = first
        for at in tried:
            if at != first:
                pair, names = values[:, [at, first]], (str(at), str(first))
                tests.append(row_of(group, pair, images, names, seed=seed))
    found = {
        (one.part, one.name, int(one.first)): one
        for one in adjusted(tests, how=board.adjust, seed=seed)
    }
    return replace(board, rows=tuple(_standing(row, best, found) for row in board.rows))


def _items(reading: Reading, row: BoardRow, groups: Mapping[str, str]) -> Mask:
    """The items of a row."""
    if row.part == POOLED:
        return np.ones(len(reading.items), bool)
    if row.part in (TASKS, GROUPS):
        of = [groups.get(n, "") if row.part == GROUPS else n for n in reading.values["task"]]
        wanted, codes = row.group if row.part == GROUPS else row.name, reading.groups["task"]
    else:
        of, wanted, codes = reading.values[row.part], row.name, reading.groups[row.part]
    found: Mask = np.isin(codes, [code for code, name in enumerate(of) if name == wanted])
    return found


def _standing(
    row: BoardRow,
    best: Mapping[tuple[str, str], int],
    differences: Mapping[tuple[str, str, int], Difference],
) -> BoardRow:
    first = best.get((row.part, row.name))
    if first is None:
        return row
    cells = list(row.cells)
    tied = False
    for at, cell in enumerate(cells):
        one = differences.get((row.part, row.name, at))
        if one is not None:
            close = one.p_adjusted >= LEVEL
            tied |= close
            standing: Standing = "tied" if close else "behind"
            cells[at] = replace(
                cell, standing=standing, difference=one.paired.difference, p_adjusted=one.p_adjusted
            )
    cells[first] = replace(cells[first], standing="tied" if tied else "leads", difference=0.0)
    return replace(row, cells=tuple(cells))
