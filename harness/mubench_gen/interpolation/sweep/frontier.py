"""runs of several α → the frontier: in-domain accuracy against the rest, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mubench_gen.compare.answer_matrix import read_outcomes, values_of
from mubench_gen.compare.preconditions import comparability
from mubench_gen.errors import RunFolderError, SettingError
from mubench_gen.interpolation.merge.alphas import Alpha, spelled
from mubench_gen.interpolation.sweep.choice import (
    Halves,
    apart,
    cross_fitted,
    equally_good,
    gain_over,
)
from mubench_gen.interpolation.sweep.parts import (
    IN_DOMAIN,
    MEAN,
    REST,
    Part,
    PublishedPoints,
    items_of,
)
from mubench_gen.runs.results import Run
from mubench_gen.scores.crossing import ways_of
from mubench_gen.scores.joint import Adjust, max_of_normals
from mubench_gen.scores.paired import compare_pair, weights_of
from mubench_gen.scores.pareto import undominated
from mubench_gen.scores.quantile import student, student_p

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BASE = "base"  # the base's name if no α gives it


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


@dataclass(frozen=True, slots=True)
class Frontier:
    """The result of a sweep. `beats_both`: the α whose mean is surely above that of both ends:
    the bands of both gains are above 0. clustered: what by, in words; noun: what one cluster is
    called. adjust: how bands are made, "maxt" for all α at once. parts: further parts of the items,
    those that have any; published: points of other people's models on them.
    """

    alphas: tuple[str, ...]
    in_domain: tuple[str, ...]
    rest: tuple[str, ...]
    items: int
    n_excluded: int
    points: tuple[Point, ...]
    chosen: ChosenAlpha | None
    beats_both: tuple[str, ...]
    notes: tuple[str, ...]
    clustered: str
    noun: str
    adjust: Adjust
    seed: int
    parts: tuple[Part, ...] = ()
    published: PublishedPoints | None = None

    def of(self, part: str) -> list[Point]:
        """The points of one part, by ascending α."""
        return [point for point in self.points if point.part == part]

    @property
    def pareto(self) -> tuple[str, ...]:
        """The α to which no other is better in-domain or on the rest without being worse on the
        other half."""
        halves = zip(self.of(IN_DOMAIN), self.of(REST), strict=True)
        kept = undominated([(inside.accuracy, rest.accuracy) for inside, rest in halves])
        return tuple(alpha for alpha, stays in zip(self.alphas, kept, strict=True) if stays)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "pareto": self.pareto, "confidence": 0.95}


def stored_frontier(results: Mapping[str, Any], folder: Path) -> Frontier:
    """The frontier of a sweep's stored results. RunFolderError where there is none yet, or one of
    a version that stored less."""
    from pydantic import TypeAdapter, ValidationError

    stored = dict(results.get("frontier") or {})
    for derived in ("confidence", "pareto"):
        stored.pop(derived, None)
    try:
        return TypeAdapter(Frontier).validate_python(stored)
    except ValidationError:
        what = "are not as this version has them" if stored else "are not there yet"
        raise RunFolderError(
            f"{folder}: the sweep's results {what}: type its command again, which asks only what "
            "is missing."
        ) from None


def frontier(
    runs: Sequence[Run],
    alphas: Sequence[Alpha | None],
    in_domain: Sequence[str],
    *,
    adjust: Adjust = "maxt",
    seed: int = 0,
    parts: Sequence[Part] = (),
    published: PublishedPoints | None = None,
) -> Frontier:
    """Compare the runs of ascending α on the items that all of them answered.

    The ends are α 0 (or None: the base if no α gives it) and α 1, both required.
    `in_domain`: names of tasks. `adjust`: "maxt" makes bands that hold all α at once, "holm"
    by Bonferroni; "bh" and "none" leave each α's own interval. `parts`: of the items, to be told
    besides; `published`: points on them, which the result keeps as they are.
    """
    reading = read_outcomes(runs)
    names = [named(alpha) for alpha in alphas]
    ends = names.index(BASE if None in alphas else "0"), names.index("1")
    found = comparability(reading, [f"α {name}" for name in names])
    values = values_of(reading.runs, found.wanted, by_id=True)
    there = np.asarray(~np.isnan(values).any(axis=1))
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
    table = _Table(values, reading.clusters.codes, inside, outside, names, ends, adjust, seed)
    points = [table.points(part) for part in (IN_DOMAIN, REST, MEAN)]
    for code in sorted(range(len(tasks)), key=lambda code: tasks[code]):
        items = there & (task == code)
        if items.any():
            points.append(table.points_of(tasks[code], items))
    having = []
    for part in parts:
        meant = items_of(part, reading, inside, there)
        if meant.items.any():
            having.append(part)
            points.append(table.points_of(part.name, meant.items, meant.strata))
    return Frontier(
        alphas=tuple(names),
        in_domain=tuple(sorted(name for name in tasks if name in in_domain)),
        rest=tuple(sorted(name for name in tasks if name not in in_domain)),
        items=int(there.sum()),
        n_excluded=len(values) - int(there.sum()),
        points=tuple(point for part in points for point in part),
        chosen=table.chosen(),
        beats_both=tuple(point.alpha for point in points[2] if _beats_both(point)),
        notes=(*found.notes, *reading.clusters.notes, *reading.clusters.cautions),
        clustered=reading.clusters.by,
        noun=reading.clusters.noun,
        adjust=adjust,
        seed=seed,
        parts=tuple(having),
        published=published,
    )


def _beats_both(point: Point) -> bool:
    gains = point.over_base, point.over_finetuned
    return all(gain is not None and gain.band[0] > 0 for gain in gains)


def named(alpha: Alpha | None) -> str:
    """An α as text for tables and results."""
    return BASE if alpha is None else spelled(alpha)


@dataclass(frozen=True, slots=True)
class _Table:
    """Values (items, α); `inside` and `outside` mark the items of the domain and the others;
    `ends` are the indices of the base and of the fine-tune.
    """

    values: Floats
    images: Codes  # or what else items are drawn by, as in `crossing.ways_of`
    inside: Mask
    outside: Mask
    names: Sequence[str]
    ends: tuple[int, int]
    adjust: Adjust
    seed: int

    def points(self, part: str) -> list[Point]:
        """The points of in-domain, rest or mean, by ascending α."""
        if part == MEAN:
            both = self.inside | self.outside
            return self.points_of(part, both, self.inside[both].astype(np.int64))
        return self.points_of(part, self.inside if part == IN_DOMAIN else self.outside)

    def points_of(self, part: str, items: Mask, layer: Codes | None = None) -> list[Point]:
        """The points on some items; with `layer`, these items' strata, of the strata's mean."""
        n, images = int(items.sum()), len(np.unique(ways_of(self.images)[0][items]))
        weights = weights_of(n, layer)
        gains = [self._gains(items, layer, weights, end) for end in self.ends]
        return [
            Point(
                alpha=name,
                part=part,
                n=n,
                images=images,
                accuracy=float(weights @ self.values[items, place]),
                over_base=gains[0][place],
                over_finetuned=gains[1][place],
            )
            for place, name in enumerate(self.names)
        ]

    def chosen(self) -> ChosenAlpha | None:
        """The chosen α; None if some images alone have all items of a half."""
        halves = Halves.of(self.values, self.images, self.inside, self.outside)
        found = cross_fitted(halves, seed=self.seed)
        if found is None:
            return None
        means = halves.means
        best = int(np.argmax(np.round(means, 12)))  # of equal means the nearest to the base
        gains = []
        for end in self.ends:
            difference, interval = gain_over(end, found, halves, seed=self.seed)
            gains.append(Gain(difference, interval, interval))
        good = equally_good(halves, seed=self.seed)
        return ChosenAlpha(
            alpha=self.names[best],
            equally_good=tuple(self.names[place] for place in good),
            images=halves.sizes.shape[1],
            mean_there=float(means[best]),
            mean=found.mean,
            over_base=gains[0],
            over_finetuned=gains[1],
            shares=dict(zip(self.names, found.chosen.tolist(), strict=True)),
            folds=found.folds,
            repeats=found.repeats,
        )

    def _gains(
        self, items: Mask, strata: Codes | None, weights: Floats, end: int
    ) -> list[Gain | None]:
        """The gains of all α over one end, None at the end itself."""
        values, images = self.values[items], self.images[items]
        others = [place for place in range(len(self.names)) if place != end]
        found = {
            place: compare_pair(values[:, place], values[:, end], images, strata=strata)
            for place in others
        }
        level = self._level((values - values[:, [end]])[:, others], images, strata, weights)
        gains: list[Gain | None] = [None] * len(self.names)
        for place, one in found.items():
            band = one.interval_at(student(1 - level, one.freedom))
            gains[place] = Gain(one.difference, one.ci95, band)
        return gains

    def _level(
        self, differences: Floats, images: Codes, strata: Codes | None, weights: Floats
    ) -> float:
        """The two-sided level of each gain's interval, so that all hold at once in 95 %.

        `differences` (items, gains): what each item adds to each gain.
        """
        if self.adjust in ("bh", "none"):
            return 0.05
        if self.adjust == "holm" or len(differences.T) < 2:
            return 0.05 / max(1, len(differences.T))
        rows, freedom = apart(differences, images, weights, strata)
        largest = max_of_normals(rows, freedom, seed=self.seed)
        return min(0.05, student_p(largest, freedom))
