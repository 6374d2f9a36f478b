"""counts → tallies: summary scores of some cells of a grid."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.statistics.answers import Answers
from mubench_gen.scores.place_bias import place_bias

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tally:
    """Summary scores of some cells; shares are None without records.

    records: without errors. accuracy: unanswered counted as wrong; accuracy_answered: among the
    answered. place_bias: the standard deviation of the recalls by position of the right option;
    place_noise: its expectation by chance. answered_at, gold_at: the shares of answers and of
    right options at each position.
    """

    records: int
    errors: int
    accuracy: float | None
    accuracy_answered: float | None
    unanswered: float | None
    place_bias: float | None
    place_noise: float | None
    answered_at: tuple[float, ...]
    gold_at: tuple[float, ...]


def tally(answers: Answers, chosen: Mask) -> Tally:
    """Summarise the chosen cells."""
    records, unanswered = int(answers.records[chosen].sum()), int(answers.unanswered[chosen].sum())
    correct, answered = int(answers.correct[chosen].sum()), records - unanswered
    gold, right, named = (
        getattr(answers.places, name)[chosen].sum(axis=0) for name in ("gold", "right", "answered")
    )
    bias = place_bias(_counters(gold), _counters(right))
    return Tally(
        records=records,
        errors=int(answers.errors[chosen].sum()),
        accuracy=correct / records if records else None,
        accuracy_answered=correct / answered if answered else None,
        unanswered=unanswered / records if records else None,
        place_bias=None if bias is None else bias.spread,
        place_noise=None if bias is None else bias.noise,
        answered_at=_shares(named),
        gold_at=_shares(gold),
    )


def _counters(counts: npt.NDArray[np.int64]) -> dict[int, Counter[int]]:
    """Counts (options, position) by number of options, without zeros."""
    return {
        options: Counter({place: int(n) for place, n in enumerate(row) if n})
        for options, row in enumerate(counts)
    }


def _shares(counts: npt.NDArray[np.int64]) -> tuple[float, ...]:
    by_place = counts.sum(axis=0)
    total = int(by_place.sum())
    width = int(np.flatnonzero(by_place).max(initial=-1)) + 1
    return tuple(float(n) / total for n in by_place[:width]) if total else ()
