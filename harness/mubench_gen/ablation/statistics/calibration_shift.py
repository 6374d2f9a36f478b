"""answers with probabilities → how far confidence and calibration move between two cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.statistics.answers import Answers
from mubench_gen.scores.calibration import BINS
from mubench_gen.scores.paired import PairedDifference, compare_means

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shift:
    """A mean at the level, at the baseline, and the difference with its 95 % interval."""

    here: float
    there: float
    ci95: tuple[float, float]
    p: float

    @property
    def difference(self) -> float:
        return self.here - self.there


@dataclass(frozen=True, slots=True)
class CalibrationShift:
    """What a level changes in the confidence (less accuracy: overconfidence), the expected
    calibration error, and the Brier score. The error is above 0 by chance alone, alike in both."""

    confidence: Shift
    overconfidence: Shift
    ece: Shift
    brier: Shift


def calibration_shift(
    answers: Answers, pairs: Sequence[tuple[int, int]]
) -> CalibrationShift | None:
    """The shift over pairs of cells (level, baseline), on the items that have probabilities in both
    of some; None without any."""
    both = [(answers.sure[:, one], answers.sure[:, other]) for one, other in pairs]
    known = np.stack([np.isfinite(a) & np.isfinite(b) for a, b in both], axis=1)
    sound = known.any(axis=1)
    codes = answers.clusters.codes[sound] if sound.any() else np.empty(0, np.int64)
    if len(np.unique(codes, axis=0)) < 2:
        return None
    sides: list[dict[str, Floats]] = []
    for side in (0, 1):
        cells = [pair[side] for pair in pairs]
        sure, right, brier = (
            np.where(known, values[:, cells], np.nan)[sound]
            for values in (answers.sure, answers.right, answers.brier)
        )
        sides.append(
            {
                "confidence": np.nanmean(sure, axis=1),
                "overconfidence": np.nanmean(sure - right, axis=1),
                "ece": _ece_parts(sure, right),
                "brier": np.nanmean(brier, axis=1),
            }
        )
    noun = answers.clusters.noun
    return CalibrationShift(
        **{
            name: _shift(compare_means(sides[0][name], sides[1][name], codes, noun=noun))
            for name in sides[0]
        }
    )


def _ece_parts(sure: Floats, right: Floats) -> Floats:
    """What each item adds to the expected calibration error, the mean of these: its gap with the
    sign of its bin's."""
    there = np.isfinite(sure)
    place = np.clip(np.ceil(np.where(there, sure, 0) * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = right - sure
    signs = np.where(np.bincount(place[there], gaps[there], BINS) < 0, -1.0, 1.0)
    found: Floats = np.nanmean(signs[place] * gaps, axis=1)
    return found


def _shift(found: PairedDifference) -> Shift:
    return Shift(found.first, found.second, found.ci95, found.p)
