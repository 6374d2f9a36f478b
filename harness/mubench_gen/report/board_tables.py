"""A board → tables of texts for the terminal, Markdown and LaTeX, and rows for CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mubench_gen.compare.board import APART, GROUPS, POOLED, Board, BoardCell, BoardRow, Entrant
from mubench_gen.console.formats import Strong, TextTable
from mubench_gen.console.numbers import ADJUSTED, interval, percent

MARKS = {"leads": "*", "tied": "=", "behind": "", "": ""}  # beside a number
_FACTS = ("n", "chance", "majority")


def models_across(board: Board, *, brief: bool = False) -> TextTable:
    """The table with a column a model, a row a group of items. `brief`: intervals in whole
    points.
    """
    columns = ["", *_FACTS, *(one.shown for one in board.entrants)]
    sections: list[list[list[str]]] = []
    for heading, rows in board.sections():
        headed: list[list[str]] = (
            [] if not heading or rows[0].part == GROUPS else [[Strong(heading)]]
        )
        sections.append([*headed, *(_across(row, brief) for row in rows)])
    return TextTable(board_title(board), columns, sections, board_notes(board))


def models_down(board: Board) -> TextTable:
    """The table with a row a model, a column a group of items."""
    names = [_name(row) for row in board.rows]
    chances = ["chance", *(percent(row.chance) if row.chance else "" for row in board.rows)]
    models = [
        [one.shown, *(_cell(row.cells[at]) for row in board.rows)]
        for at, one in enumerate(board.entrants)
    ]
    return TextTable(board_title(board), ["", *names], [models, [chances]], board_notes(board))


def board_title(board: Board) -> str:
    """What the numbers are."""
    words = "Accuracy in %, with its 95 % interval"
    if len(board.ranked) < 2:
        return words
    if not board.items:
        return f"{words}, each of its own items"
    return f"{words}, on the {board.items:,} items that all have answered"


def board_notes(board: Board) -> list[str]:
    """The notes below the table, a sentence or two each."""
    told = []
    if any(cell.standing for row in board.rows for cell in row.cells):
        told.append(
            "*: ahead of all others by the paired test; =: not told from the best one "
            f"({ADJUSTED[board.adjust]} 0.05 or more, over all differences from the best in this "
            "part of the table)."
        )
    if board.items < board.items_in_any and len(board.ranked) > 1 and board.items:
        told.append(
            f"Left out: {board.items_in_any - board.items:,} of {board.items_in_any:,} items, "
            "which not all have answered. --each shows each run on all of its own."
        )
    for at, one in enumerate(board.entrants):
        if one.place is None:
            told.append(f"{one.shown} (control: {one.control}) is shown beside, and not ranked.")
            n = board.rows[0].cells[at].n if board.rows else 0
            if n and n != board.items:
                told.append(f"{one.shown} has answered {n:,} of these {board.items:,} items.")
        if one.n_errors:
            told.append(
                f"{one.shown}: {one.n_errors:,} items failed and are in no score; the same "
                "command tries them again."
            )
        if not one.finished:
            told.append(f"{one.label}: unfinished, {one.n + one.n_errors:,} of {one.planned:,}.")
    return [*told, *board.notes]


def csv_rows(several: Sequence[Board]) -> tuple[list[str], list[dict[str, Any]]]:
    """Boards as CSV: the columns, and a row a group of items with shares from 0 to 1.

    Four columns a model: its label for the value, "LABEL ci95_low", "LABEL ci95_high" and
    "LABEL standing". `board` numbers the boards.
    """
    columns = ["board", "part", "group", "name", *_FACTS]
    columns += dict.fromkeys(
        name for board in several for one in board.entrants for name in _model_columns(one)
    )
    rows = [
        {**dict.fromkeys(columns), **_csv(number, board, row)}
        for number, board in enumerate(several, start=1)
        for row in board.rows
    ]
    return columns, rows


def _model_columns(one: Entrant) -> list[str]:
    return [one.shown, *(f"{one.shown} {name}" for name in ("ci95_low", "ci95_high", "standing"))]


def _csv(number: int, board: Board, row: BoardRow) -> dict[str, Any]:
    found: dict[str, Any] = {
        "board": number, "part": row.part, "group": row.group, "name": row.name,
        "n": max((cell.n for cell in row.cells), default=0), "chance": row.chance,
        "majority": row.majority,
    }  # fmt: skip
    for one, cell in zip(board.entrants, row.cells, strict=True):
        values = (cell.value, *(cell.ci95 or (None, None)), cell.standing)
        found |= dict(zip(_model_columns(one), values, strict=True))
    return found


def _across(row: BoardRow, brief: bool) -> list[str]:
    facts = [_count(row), *("" if v is None else percent(v) for v in (row.chance, row.majority))]
    name = Strong(_name(row)) if row.part in (POOLED, GROUPS) else f"  {_name(row)}"
    return [name, *facts, *(_cell(cell, brief) for cell in row.cells)]


def _count(row: BoardRow) -> str:
    """How many answers the numbers are of; several an item where there were several prompts."""
    known = sorted({cell.n for cell in row.cells if cell.n}) or [0]
    low, high = known[0], known[-1]
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def _name(row: BoardRow) -> str:
    apart = row.part in APART and row.name == POOLED
    return f"{row.name} ({row.part})" if apart else row.name


def _cell(cell: BoardCell, brief: bool = False) -> str:
    """The number with its mark and interval; bold where it leads."""
    if cell.value is None:
        return "–"
    low, high = cell.ci95 or (0.0, 0.0)
    told = f"{100 * low:.0f}–{100 * high:.0f}" if brief else interval(cell.ci95)
    ends = f" ({told})" if cell.ci95 is not None else ""
    words = f"{percent(cell.value)}{MARKS[cell.standing]}{ends}"
    return Strong(words) if cell.standing == "leads" else words
