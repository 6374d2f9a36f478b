"""runs → their boards and the items whose answer key may be wrong, from one reading."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.compare.board import Board, boards_of
from mubench_gen.compare.board_reading import read_board
from mubench_gen.compare.doubtful import AnswerTexts, Doubtful, doubtful_of
from mubench_gen.runs.results import Run
from mubench_gen.scores.joint import Adjust


def boards_and_doubtful(
    runs: Sequence[Run], *, by: Sequence[str] | None = None, adjust: Adjust = "maxt"
) -> tuple[list[Board], Doubtful | None]:
    """What `boards` and `doubtful_items` find."""
    answers = [AnswerTexts() for _ in runs]
    read = read_board(runs, by, watch=[one.add for one in answers])
    found = boards_of(read, trim=by is None, adjust=adjust)
    return found, doubtful_of(read.reading, answers)
