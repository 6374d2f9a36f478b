"""Calibration: the expected calibration error, and the data of a reliability plot.

Confidence is the chosen option's share of the options' probabilities. For a softmax that is its
probability; those of a sigmoid (SigLIP) need not sum to 1, and shares are comparable. For label
log-probabilities it is the label's share among the offered labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BINS = 15  # of equal width, as in Guo et al. 2017


@dataclass(frozen=True, slots=True)
class Bin:
    """A point of the reliability plot: the answers with confidence from `low` to `high`."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """ece: the mean over the answers of |accuracy − confidence| in their bins."""

    n: int
    ece: float
    confidence: float
    accuracy: float
    bins: tuple[Bin, ...]


class CalibrationTally:
    """Counts of one group of records."""

    __slots__ = ("_n", "_right", "_sure")

    def __init__(self) -> None:
        self._n = [0] * BINS
        self._right = [0] * BINS
        self._sure = [0.0] * BINS

    def add(self, probabilities: Sequence[float], choice: int, *, right: bool) -> None:
        sure = confidence(probabilities, choice)
        place = min(BINS - 1, max(0, math.ceil(sure * BINS) - 1))  # a bin includes its upper end
        self._n[place] += 1
        self._right[place] += right
        self._sure[place] += sure

    def calibration(self) -> Calibration | None:
        """The calibration, or None if no record had probabilities."""
        total = sum(self._n)
        if not total:
            return None
        gaps = (abs(r - s) for r, s in zip(self._right, self._sure, strict=True))
        return Calibration(
            n=total,
            ece=math.fsum(gaps) / total,
            confidence=math.fsum(self._sure) / total,
            accuracy=sum(self._right) / total,
            bins=tuple(
                Bin(
                    low=i / BINS,
                    high=(i + 1) / BINS,
                    n=n,
                    confidence=self._sure[i] / n if n else None,
                    accuracy=self._right[i] / n if n else None,
                )
                for i, n in enumerate(self._n)
            ),
        )


def probabilities_of(record: Mapping[str, Any]) -> Sequence[float] | None:
    """The options' probabilities up to a common factor; None if the record has none.

    Taken from its `probabilities`, else from label log-probabilities (null is −∞, for which
    JSON has no number).
    """
    given: Sequence[float] | None = record.get("probabilities")
    if given is not None or record["readout"] != "logprob" or record["scores"] is None:
        return given
    scores = [-math.inf if score is None else score for score in record["scores"]]
    top = max(scores)
    return [math.exp(score - top) if score > -math.inf else 0.0 for score in scores]


def confidence(probabilities: Sequence[float], choice: int) -> float:
    """The chosen option's share of the probabilities; 1 / options if all are 0."""
    total = math.fsum(probabilities)
    return probabilities[choice] / total if total > 0 else 1 / len(probabilities)
