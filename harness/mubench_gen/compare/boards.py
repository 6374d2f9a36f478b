"""runs → boards, one for those that have items in common; and items that may be doubtful."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mubench_gen.compare.answer_matrix import Reading
from mubench_gen.compare.board import Board
from mubench_gen.compare.board_reading import BoardReading, read_board
from mubench_gen.compare.board_rows import make_board
from mubench_gen.compare.board_words import lead
from mubench_gen.compare.doubtful import AnswerTexts, Doubtful, doubtful_of
from mubench_gen.compare.groups import label_runs
from mubench_gen.runs.results import Run
from mubench_gen.scores.joint import Adjust


def boards(
    runs: Sequence[Run],
    *,
    by: Sequence[str] | None = None,
    adjust: Adjust = "maxt",
    seed: int = 0,
) -> list[Board]:
    """The boards of these runs, one for those that have items in common.

    `by`: fields of the items that break it down; None: by modality, if the items have several.
    `adjust`: how p is adjusted within a part (`scores.joint.adjust`). Raises SettingError for a
    field that no record has.
    """
    return _boards_of(read_board(runs, by), trim=by is None, adjust=adjust, seed=seed)


def boards_and_doubtful(
    runs: Sequence[Run], *, by: Sequence[str] | None = None, adjust: Adjust = "maxt"
) -> tuple[list[Board], Doubtful | None]:
    """The boards, and the items whose answer key may be wrong, from one reading."""
    answers = [AnswerTexts() for _ in runs]
    read = read_board(runs, by, watch=[one.add for one in answers])
    found = _boards_of(read, trim=by is None, adjust=adjust)
    return found, doubtful_of(read.reading, answers)


def _boards_of(read: BoardReading, *, trim: bool, adjust: Adjust, seed: int = 0) -> list[Board]:
    """The boards of runs that were read; `trim`: leave out a field that has one value."""
    labels, found = label_runs([one.run for one in read.reading.runs]), []
    for places in _sharing(read.reading):
        runs = tuple(read.reading.runs[place] for place in places)
        part = replace(read, reading=replace(read.reading, runs=runs))
        own = [labels[at] for at in places]
        one = make_board(part, own, trim=trim, adjust=adjust, seed=seed)
        found.append(replace(one, lead=lead(one)))
    return found


def _sharing(reading: Reading) -> list[list[int]]:
    """The places of the runs, in groups that have items in common; one without items joins all."""
    groups: list[tuple[set[int], set[int]]] = []
    for place, run in enumerate(reading.runs):
        items = set(np.unique(run.item).tolist())
        near = [one for one in groups if not items or not one[0] or one[0] & items]
        joined = items.union(*(one[0] for one in near)), {place}.union(*(one[1] for one in near))
        groups = [*(one for one in groups if one not in near), joined]
    return sorted(sorted(places) for _, places in groups)
