"""runs of several α → the frontier: in-domain accuracy against the rest, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from mubench_gen.compare.answer_matrix import read_outcomes, values_of
from mubench_gen.compare.preconditions import comparability
from mubench_gen.errors import RunFolderError, SettingError
from mubench_gen.interpolation.merge.recipe import spelled
from mubench_gen.runs.results import Run
from mubench_gen.scores.interval import student
from mubench_gen.scores.paired import compare_pair

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

IN_DOMAIN, REST, MEAN = "in-domain", "rest", "mean"
BASE = "base"  # the base's name if no α gives it
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class Gain:
    """The difference from one end's accuracy, paired by item, clustered by image; in shares."""

    difference: float
    ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Point:
    """One α on one group of items: "in-domain", "rest", "mean" (of those two), or a task.

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
    """The best α by the mean on one half of the images, and its score on the other half.

    `chosen_on`, `scored_on`: images of the halves; `mean_there`: on the half that chose, which
    is biased upwards; `points`: of this α on the other half: in-domain, rest and mean.
    """

    alpha: str
    chosen_on: int
    scored_on: int
    mean_there: float
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Frontier:
    """The result of a sweep. `beats_both`: the α whose mean is above that of both ends."""

    alphas: tuple[str, ...]
    in_domain: tuple[str, ...]
    rest: tuple[str, ...]
    items: int
    n_excluded: int
    points: tuple[Point, ...]
    chosen: ChosenAlpha | None
    beats_both: tuple[str, ...]
    notes: tuple[str, ...]
    seed: int

    def of(self, part: str) -> list[Point]:
        """The points of one part, by ascending α."""
        return [point for point in self.points if point.part == part]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "confidence": 0.95}


def frontier(
    runs: Sequence[Run],
    alphas: Sequence[Decimal | None],
    in_domain: Sequence[str],
    *,
    seed: int = 0,
) -> Frontier:
    """Compare the runs of ascending α on the items that all of them answered.

    The ends are α 0 (or None: the base if no α gives it) and α 1, both required.
    `in_domain`: names of tasks.
    """
    reading = read_outcomes(runs)
    names = [named(alpha) for alpha in alphas]
    ends = names.index(BASE if None in alphas else "0"), names.index("1")
    found = comparability(reading, [f"α {name}" for name in names])
    values = values_of(reading.runs, found.wanted, by_id=True)
    there = ~np.isnan(values).any(axis=1)
    if not there.any():
        raise RunFolderError("No item was answered at every α: see the runs' records for why.")
    tasks, task = reading.values["task"], reading.groups["task"]
    inside = np.isin(task, [code for code, name in enumerate(tasks) if name in in_domain]) & there
    outside = there & ~inside
    if not inside.any() or not outside.any():
        raise SettingError(
            "--in-domain must leave some of the asked tasks in and some out; asked were: "
            + ", ".join(sorted(tasks))
        )
    table = _Table(values, reading.images(), inside, outside, names, ends)
    points = [table.points(part) for part in (IN_DOMAIN, REST, MEAN)]
    for code in sorted(range(len(tasks)), key=lambda code: tasks[code]):
        items = there & (task == code)
        if items.any():
            points.append(table.points_of(tasks[code], items))
    means = table.means(np.ones(len(values), bool))
    best = max(means[end] for end in ends)
    return Frontier(
        alphas=tuple(names),
        in_domain=tuple(sorted(name for name in tasks if name in in_domain)),
        rest=tuple(sorted(name for name in tasks if name not in in_domain)),
        items=int(there.sum()),
        n_excluded=len(values) - int(there.sum()),
        points=tuple(point for part in points for point in part),
        chosen=table.chosen(seed),
        beats_both=tuple(n for n, mean in zip(names, means, strict=True) if mean > best),
        notes=found.notes,
        seed=seed,
    )


def named(alpha: Decimal | None) -> str:
    """An α as text for tables and results."""
    return BASE if alpha is None else spelled(alpha)


@dataclass(frozen=True, slots=True)
class _Table:
    """Values (items, α); `inside` and `outside` mark the items of the domain and the others;
    `ends` are the indices of the base and of the fine-tune.
    """

    values: Floats
    images: Codes
    inside: Mask
    outside: Mask
    names: Sequence[str]
    ends: tuple[int, int]

    def points(self, part: str, among: Mask | None = None) -> list[Point]:
        """The points of in-domain, rest or mean, by ascending α, on some of the items."""
        kept = np.ones(len(self.values), bool) if among is None else among
        if part == IN_DOMAIN:
            return self.points_of(part, self.inside & kept)
        if part == REST:
            return self.points_of(part, self.outside & kept)
        halves = [self.inside & kept, self.outside & kept]
        everything = halves[0] | halves[1]
        return [
            Point(
                alpha=name,
                part=part,
                n=int(everything.sum()),
                images=len(np.unique(self.images[everything])),
                accuracy=float(np.mean([self.values[half, place].mean() for half in halves])),
                over_base=self._mean_gain(halves, place, self.ends[0]),
                over_finetuned=self._mean_gain(halves, place, self.ends[1]),
            )
            for place, name in enumerate(self.names)
        ]

    def points_of(self, part: str, items: Mask) -> list[Point]:
        return [
            Point(
                alpha=name,
                part=part,
                n=int(items.sum()),
                images=len(np.unique(self.images[items])),
                accuracy=float(self.values[items, place].mean()),
                over_base=self._gain(items, place, self.ends[0]),
                over_finetuned=self._gain(items, place, self.ends[1]),
            )
            for place, name in enumerate(self.names)
        ]

    def means(self, among: Mask) -> Floats:
        """The mean of in-domain and rest at each α."""
        halves = [self.values[part & among].mean(axis=0) for part in (self.inside, self.outside)]
        means: Floats = np.mean(halves, axis=0)
        return means

    def chosen(self, seed: int) -> ChosenAlpha | None:
        """The chosen α; None if a half lacks items in-domain or of the rest."""
        images = np.unique(self.images[self.inside | self.outside])
        drawn = np.random.default_rng(seed).permutation(images)
        first = np.isin(self.images, drawn[: len(drawn) // 2])
        halves = first, ~first
        if not all((half & part).any() for half in halves for part in (self.inside, self.outside)):
            return None
        means = self.means(first)
        best = int(np.argmax(np.round(means, 12)))  # of equal means the nearest to the base
        points = [self.points(part, ~first)[best] for part in (IN_DOMAIN, REST, MEAN)]
        return ChosenAlpha(
            alpha=self.names[best],
            chosen_on=len(drawn) // 2,
            scored_on=len(drawn) - len(drawn) // 2,
            mean_there=float(means[best]),
            points=tuple(points),
        )

    def _gain(self, items: Mask, place: int, end: int) -> Gain | None:
        if place == end:
            return None
        found = compare_pair(self.values[items, place], self.values[items, end], self.images[items])
        return Gain(found.difference, found.ci95)

    def _mean_gain(self, halves: Sequence[Mask], place: int, end: int) -> Gain | None:
        """The gain in the mean of two means: linearised, clustered by image, Student's t.

        Without any variance between items, from the two intervals (Zou & Donner 2008).
        """
        if place == end:
            return None
        each = self.values[:, place] - self.values[:, end]
        totals = np.zeros(int(self.images.max()) + 1)
        difference = 0.0
        for half in halves:
            mean = float(each[half].mean())
            difference += mean / 2
            weight = 1 / (2 * int(half.sum()))
            totals += weight * np.bincount(
                self.images[half], weights=each[half] - mean, minlength=len(totals)
            )
        images = len(np.unique(self.images[halves[0] | halves[1]]))
        if images < 2:
            return Gain(difference, (-1.0, 1.0))
        spread = float(np.sqrt(images / (images - 1) * (totals**2).sum()))
        if spread < _EQUAL:
            gains = [gain for half in halves if (gain := self._gain(half, place, end))]
            below, above = (
                math.hypot(*(gain.ci95[side] - gain.difference for gain in gains)) / 2
                for side in (0, 1)
            )
        else:
            below = above = student(0.95, images - 1) * spread
        return Gain(difference, (max(-1.0, difference - below), min(1.0, difference + above)))
