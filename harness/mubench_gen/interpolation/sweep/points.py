"""What a sweep tells of one α: accuracies, gains over both ends, and how it was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gain:
    """The difference from one end's accuracy, paired by item; in shares.

    ci95: of this α alone. band: of all α at once, so that one may look for the best.
    """

    difference: float
    ci95: tuple[float, float]
    band: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Point:
    """One α on one group of items: "in-domain", "rest", "mean" (of those two), a task, or a part
    that is named in `parts`.

    `accuracy` counts unanswered items as wrong; the mean weights both halves equally, whatever
    their numbers of items. `over_base`, `over_finetuned`: gains over the ends, None at that end.
    """

    alpha: str
    part: str
    n: int
    images: int
    accuracy: float
    over_base: Gain | None
    over_finetuned: Gain | None


@dataclass(frozen=True, slots=True)
class ChosenAlpha:
    """The α with the best mean, and what choosing it so is worth on images that did not choose.

    equally_good: the α of which none can be said to be worse than the best: a set that holds
    the truly best in 95 % of samples. mean_there: of `alpha` on the images that chose it, which
    is biased upwards; mean: cross-fitted over `folds` of the images, `repeats` times; shares:
    how often each α was chosen in that. over_base, over_finetuned: the gains of `mean`.
    """

    alpha: str
    equally_good: tuple[str, ...]
    images: int
    mean_there: float
    mean: float
    over_base: Gain
    over_finetuned: Gain
    shares: Mapping[str, float]
    folds: int
    repeats: int
