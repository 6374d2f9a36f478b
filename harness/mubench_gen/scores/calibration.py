"""Calibration: the expected calibration error, proper scores, and a reliability plot's data.

Confidence is the chosen option's share of the options' probabilities. For a softmax that is its
probability; those of a sigmoid (SigLIP) need not sum to 1, and shares are comparable. For label
log-probabilities it is the label's share among the offered labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mubench_gen.scores.cluster_sums import CellTable, pack

BINS = 15  # of equal width, as in Guo et al. 2017
MOST_NLL = 30.0  # of an item whose right option has no probability
_UNIT = 1 << 32


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
    """How far a model's confidence is that of its being right.

    ece: the mean over the answers of |accuracy − confidence| in their bins. It is above 0 by
    chance alone. brier: the mean of Σ (probability − 1 if right, 0 if not)² over the options
    (Brier 1950); nll: of −ln(probability of the right option), at most MOST_NLL. Each has its
    95 % interval, clustered; None with fewer than two clusters.
    """

    n: int
    ece: float
    confidence: float
    accuracy: float
    bins: tuple[Bin, ...]
    brier: float
    nll: float
    ece_ci95: tuple[float, float] | None = None
    brier_ci95: tuple[float, float] | None = None
    nll_ci95: tuple[float, float] | None = None


class CalibrationTally:
    """Counts of one group of records."""

    __slots__ = ("_n", "_right", "_sure", "_ways")

    def __init__(self, ways: int = 1) -> None:
        # By cluster and bin: items, then sums, each with its squares.
        self._ways = [CellTable(7) for _ in range(ways)]
        self._n = [0] * BINS
        self._right = [0] * BINS
        self._sure = [0.0] * BINS

    def add(
        self,
        probabilities: Sequence[float],
        choice: int,
        clusters: Sequence[int],
        *,
        gold: int,
        right: bool,
    ) -> None:
        """Count an item; `clusters` as of `Clustering`."""
        sure = confidence(probabilities, choice)
        place = min(BINS - 1, max(0, math.ceil(sure * BINS) - 1))  # a bin includes its upper end
        self._n[place] += 1
        self._right[place] += right
        self._sure[place] += sure
        each = [confidence(probabilities, option) for option in range(len(probabilities))]
        brier = math.fsum((p - (option == gold)) ** 2 for option, p in enumerate(each))
        nll = -math.log(max(each[gold], math.exp(-MOST_NLL)))
        numbers = [_whole(value) for x in (1 + right - sure, brier, nll) for value in (x, x * x)]
        for table, cluster in zip(self._ways, clusters, strict=True):
            table.add(cluster, place, pack((1, *numbers)))

    def calibration(self) -> Calibration | None:
        """The calibration, or None if no record had probabilities."""
        total = sum(self._n)
        if not total:
            return None
        gaps = [r - s for r, s in zip(self._right, self._sure, strict=True)]
        ece, brier, nll = self._estimates([1 if gap >= 0 else -1 for gap in gaps])
        return Calibration(
            n=total,
            ece=math.fsum(map(abs, gaps)) / total,
            brier=brier[0],
            nll=nll[0],
            ece_ci95=ece[1],
            brier_ci95=brier[1],
            nll_ci95=nll[1],
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

    def _estimates(self, signs: Sequence[int]) -> list[tuple[float, tuple[float, float] | None]]:
        """ECE, Brier score and NLL with their intervals; `signs` of the gaps of the bins."""
        from mubench_gen.scores.estimand import estimand_of_sums
        from mubench_gen.scores.estimate import mean_estimate

        ways = [
            list(zip(*sorted(_of_cluster(c, signs) for c in way.clusters()), strict=True))
            for way in self._ways
        ]
        found = []
        for place, most in ((1, 1.0), (3, 2.0), (5, MOST_NLL)):
            mean, *also = (estimand_of_sums(s[0], s[place], s[place + 1]) for s in ways)
            estimate = mean_estimate(mean, (0.0, most), also=also)
            found.append((mean.value, None if estimate is None else estimate.ci95))
        return found


def _of_cluster(
    cells: list[tuple[int, tuple[int, ...]]], signs: Sequence[int]
) -> tuple[float, ...]:
    """A cluster's items, and the sums with squares of gaps, Brier scores and NLL.

    A gap is stored as 1 + right − confidence, so that it isn't negative.
    """
    rows = []
    for place, (items, *whole) in cells:
        gap, gap2, *others = (number / _UNIT for number in whole)
        plain = signs[place] * (gap - items), gap2 - 2 * gap + items
        rows.append((items, *plain, *others))
    return tuple(math.fsum(column) for column in zip(*rows, strict=True))


def _whole(value: float) -> int:
    return round(value * _UNIT)


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
