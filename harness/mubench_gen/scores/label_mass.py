"""Label mass: how much of a model's next-token probability the offered labels have together.

Where it is tiny, the model would have begun its reply with something else (a `<think>`, a word),
and which label has the most says little of what it would have answered.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEAST = 0.05  # a median below it is warned of


@dataclass(frozen=True, slots=True)
class LabelMass:
    """Of the items that were read by `logprob`: their number, the median of the labels' total
    probability, and the share of items in which it is below `LEAST`."""

    n: int
    median: float
    below: float

    @property
    def is_low(self) -> bool:
        """Whether the read-out says little: the median is below `LEAST`."""
        return self.median < LEAST

    @property
    def words(self) -> str:
        """It in a sentence, with a warning where it is low."""
        told = f"The labels have {_percent(self.median)} of the probability, in the median."
        if not self.is_low:
            return told
        return (
            f"{told} Caution: the model would begin its reply with something else (a thought, a "
            "word), so the log-probabilities say little of its answer; read it by --readout parse."
        )


class LabelMassTally:
    """Counts label masses by their first three digits: memory does not grow with the records."""

    __slots__ = ("_counts", "_low")

    def __init__(self) -> None:
        self._counts: Counter[float] = Counter()
        self._low = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """Count a record, if it was read by `logprob`."""
        mass = label_mass(record)
        if mass is None:
            return
        self._low += mass < LEAST
        self._counts[float(f"{mass:.3g}")] += 1

    def label_mass(self) -> LabelMass | None:
        """What was counted; None without a record that was read by `logprob`."""
        n = self._counts.total()
        if not n:
            return None
        passed = 0
        for mass in sorted(self._counts):
            passed += self._counts[mass]
            if 2 * passed >= n:
                break
        return LabelMass(n, mass, self._low / n)


def label_mass(record: Mapping[str, Any]) -> float | None:
    """The labels' total probability in a record that was read by `logprob`."""
    if record["readout"] != "logprob" or record["scores"] is None:
        return None
    return mass_of(record["scores"])


def mass_of(scores: Sequence[float | None]) -> float:
    """The labels' total probability; `scores`: a log-probability a label."""
    return min(1.0, math.fsum(math.exp(score) for score in scores if score is not None))


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.1f} %" if percent >= 0.1 else f"{percent:.1g} %"
