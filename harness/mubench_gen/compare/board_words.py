"""A board in words: who leads, whether that is known, what none can do, what needs no image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mubench_gen.compare.preconditions import Comparability
from mubench_gen.console.numbers import interval, p_value, percent

if TYPE_CHECKING:
    from mubench_gen.compare.board import Board, BoardCell

_SHOWN = 3
_CONTROLS = {
    "blind": "Without the images",
    "shuffled": "With the images of other questions",
    "mean": "With the mean image of the data",
    "noise": "With noise as images",
}


def lead(board: Board) -> tuple[str, ...]:
    """The result, a sentence or two each."""
    if not board.rows:
        return ("No item has an answer yet.",)
    told = [_leader(board), _none_can(board), _without_images(board)]
    return tuple(text for text in told if text)


def differences_in_words(found: Comparability, labels: Sequence[str]) -> list[str]:
    """What differs between the runs; runs that differ from the first in the same way share a
    sentence.
    """
    told: dict[str, list[str]] = {}
    for text in (*found.obstacles, *found.unfinished, *found.notes):
        pair, colon, what = text.partition(": ")
        first, joined, other = pair.partition(" and ")
        if colon and joined and other in labels:
            told.setdefault(f"{first} and \0: {what}", []).append(other)
        else:
            told.setdefault(text, [])
    return [
        f"{text.replace(chr(0), some(others, 'and'))}." if others else f"{text}."
        for text, others in told.items()
    ]


def some(names: Sequence[str], word: str = "and", most: int = _SHOWN) -> str:
    """Names as a sentence has them: "a, b and c", "a, b, c and 4 more"."""
    if len(names) > most:
        return f"{', '.join(names[:most])} {word} {len(names) - most} more"
    *others, last = names
    return f"{', '.join(others)} {word} {last}" if others else last


def _leader(board: Board) -> str:
    """Who leads, and whether that is known."""
    row, names = board.rows[0], [one.shown for one in board.entrants]
    tried = [at for at in board.ranked if row.cells[at].value is not None]
    if not tried:
        return "No ranked run has an answer yet."
    first = max(tried, key=lambda at: row.cells[at].value or 0.0)
    score = f"{_scored(row.cells[first])} of {row.cells[first].n:,} items"
    if len(tried) == 1:
        return f"{names[first]}: {score}."
    if not board.items and not any(cell.standing for cell in row.cells):
        return (
            f"Who leads is not known: these runs share no item on which they can be compared. "
            f"{names[first]} has the highest score, {score} of its own."
        )
    level = [at for at in tried if row.cells[at].value == row.cells[first].value]
    verb = "leads" if len(level) == 1 else "share the lead"
    words = f"{some([names[at] for at in level])} {verb} with {score}"
    tied = [at for at in tried if row.cells[at].standing == "tied" and at not in level]
    behind = [at for at in tried if row.cells[at].standing == "behind"]
    subject = "It is" if len(level) == 1 else "They are"
    known = f" {subject} ahead of {some([names[at] for at in behind])}." if behind else ""
    if tied:
        told = some([f"{names[at]} ({_behind(row.cells[at])})" for at in tied], "or")
        who = "it is" if len(level) == 1 else "they are"
        return f"{words}; {who} not known to be ahead of {told}.{known}"
    if len(level) > 1 or not behind:
        return f"{words}.{known}"
    worst = max(row.cells[at].p_adjusted or 0.0 for at in behind)
    who = f"all {len(behind)} others" if len(behind) > 1 else names[behind[0]]
    return f"{words}, ahead of {who} (paired test, p {_p(worst)})."


def _none_can(board: Board) -> str:
    """The tasks on which no ranked run is above chance."""
    tasks = [row for row in board.rows if row.part == "tasks" and row.chance is not None]
    failed = [
        row.name for row in tasks if not any(row.cells[at].chance == "above" for at in board.ranked)
    ]
    if not tasks or not board.ranked:
        return ""
    who = "No model" if len(board.ranked) > 1 else "It"
    verb = "is" if len(board.ranked) > 1 else "is not"
    if failed:
        return f"{who} {verb} known to be above chance on {some(failed, 'or')}."
    return f"{'Some model' if len(board.ranked) > 1 else 'It'} is above chance on every task."


def _without_images(board: Board) -> str:
    """What can be had without the images."""
    row = board.rows[0]
    controls: dict[str, list[str]] = {}
    for at, one in enumerate(board.entrants):
        if one.place is None and row.cells[at].value is not None:
            shown = f"{one.shown} {percent(row.cells[at].value)} %"
            controls.setdefault(_CONTROLS.get(one.control, one.control), []).append(shown)
    if controls:
        return " ".join(f"{how}: {some(told)}." for how, told in controls.items())
    blind = "how much of this needs no image, a run with --control blind would tell"
    if row.majority is not None:
        return f"Each task's most frequent answer alone gets {percent(row.majority)} %; {blind}."
    return ""


def _scored(cell: BoardCell) -> str:
    ends = f" ({interval(cell.ci95)})" if cell.ci95 is not None else ""
    return f"{percent(cell.value)} %{ends}"


def _behind(cell: BoardCell) -> str:
    points = percent(abs(cell.difference or 0.0))
    return f"{points} points behind, p {_p(cell.p_adjusted or 0.0)}"


def _p(p: float) -> str:
    shown = p_value(p)
    return shown if shown.startswith("<") else f"= {shown}"
