"""boards → what the template shows of them: models by tasks, and the result in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mubench_gen.compare.board import GROUPS, POOLED, Board, BoardCell, BoardRow
from mubench_gen.console.numbers import interval, percent
from mubench_gen.console.outlet import printable

_NAMES = {POOLED: "all items", GROUPS: "{}: all tasks"}
MOST_COLUMNS = 6  # models; more of them are rows, which can be sorted by task


def board_shown(board: Board, numbers: Mapping[str, int]) -> dict[str, Any]:
    """The template's variables of a board; `numbers` are those of all runs of the page, by folder.

    A run's colour is the one of its number.
    """
    runs = [
        {"label": printable(one.shown), "number": numbers[one.run], "colour": numbers[one.run] + 1}
        for one in board.entrants
    ]
    shared = f"on {board.items:,} items that all of them answered"
    if board.items < board.items_in_any:
        shared += f", of {board.items_in_any:,}"
    return {
        "lead": [printable(words) for words in board.lead],
        "notes": [printable(words) for words in board.notes],
        "runs": runs,
        "is_wide": len(runs) > MOST_COLUMNS,
        "words": shared if board.items else "each on its own items: none is shared by all",
        "is_tested": any(cell.standing for row in board.rows for cell in row.cells),
        "sections": [
            {
                "heading": "" if rows[0].part == GROUPS else printable(heading),
                "rows": [_row(row) for row in rows],
            }
            for heading, rows in board.sections()
        ],
    }


def _row(row: BoardRow) -> dict[str, Any]:
    return {
        "part": row.part,
        "key": row.name,
        "name": _NAMES.get(row.part, "{}").format(printable(row.name)),
        "title": printable(row.title),
        "strong": row.part in _NAMES,
        "chance": percent(row.chance),
        "majority": "" if row.majority is None else percent(row.majority),
        "cells": [_cell(cell) for cell in row.cells],
    }


def _cell(cell: BoardCell) -> dict[str, str]:
    return {
        "value": percent(cell.value),
        "interval": interval(cell.ci95) if cell.ci95 is not None else "",
        "n": f"{cell.n:,}",
        "standing": cell.standing,
    }
