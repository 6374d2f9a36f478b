"""The places that a ranked run may have, as far as its items can tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mubench_gen.compare.answer_matrix import Codes, Values
from mubench_gen.compare.board import Board
from mubench_gen.compare.differences import ComparedItems, totals_of
from mubench_gen.scores.joint import told_apart


def with_places(board: Board, items: Codes, values: Values, images: Codes, *, seed: int) -> Board:
    """The board with the `places` of its ranked runs.

    A run is behind each one that is told to be better, and before each that is told to be worse
    (Mogstad, Romano, Shaikh & Wilhelm 2024). `items`: those that all ranked runs answered;
    `values`: (items, entrants).
    """
    ranked = [at for at in board.ranked if not np.isnan(values[items, at]).any()]
    if len(ranked) < 2 or not len(items):
        return board
    group = ComparedItems("pooled", "pooled", items)
    each = values[items][:, ranked]
    totals, *also = totals_of(group, each, images, seed=seed)
    apart = told_apart(totals, also=also, seed=seed)
    means = each.mean(axis=0)
    better = apart & (means[None, :] > means[:, None])
    entrants = list(board.entrants)
    for at, above, below in zip(ranked, better.sum(axis=1), better.sum(axis=0), strict=True):
        places = 1 + int(above), len(ranked) - int(below)
        entrants[at] = replace(entrants[at], places=places)
    return replace(board, entrants=tuple(entrants))
