"""runs of several α → the frontier: in-domain accuracy against the rest, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mubench_gen.compare.answer_matrix import read_outcomes, values_of
from mubench_gen.compare.preconditions import comparability
from mubench_gen.errors import RunFolderError
from mubench_gen.interpolation.merge.alphas import Alpha, spelled
from mubench_gen.interpolation.sweep.gains import ChosenAlpha, Point, Table, beats_both
from mubench_gen.interpolation.sweep.mixes import OutputMix
from mubench_gen.interpolation.sweep.parts import (
    IN_DOMAIN,
    MEAN,
    REST,
    Part,
    PublishedPoints,
    items_of,
)
from mubench_gen.interpolation.sweep.sheet import Sheet
from mubench_gen.runs.results import Run
from mubench_gen.scores.joint import Adjust
from mubench_gen.scores.pareto import undominated

BASE = "base"  # the base's name if no α gives it


@dataclass(frozen=True, slots=True)
class Frontier:
    """The result of a sweep. `beats_both`: the α whose mean is surely above that of both ends:
    the bands of both gains are above 0. clustered: what by, in words; noun: what one cluster is
    called. adjust: how bands are made, "maxt" for all α at once. parts: further parts of the items,
    those that have any; published: points of other people's models on them. beside: points of
    what is no α, whose bands hold together with those of the α; mix: how, where outputs are mixed.
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
    beside: tuple[Point, ...] = ()
    mix: OutputMix | None = None

    def of(self, part: str) -> list[Point]:
        """The points of one part, by ascending α."""
        return [point for point in self.points if point.part == part]

    def all_of(self, part: str) -> list[Point]:
        """The points of one part: of the α, then of what stands beside them."""
        return [*self.of(part), *(point for point in self.beside if point.part == part)]

    @property
    def names(self) -> tuple[str, ...]:
        """The α, then what stands beside them."""
        return (*self.alphas, *dict.fromkeys(point.alpha for point in self.beside))

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


def sheet_of(runs: Sequence[Run], alphas: Sequence[Alpha | None]) -> Sheet:
    """The values of a run of each α."""
    reading = read_outcomes(runs)
    names = [named(alpha) for alpha in alphas]
    found = comparability(reading, [f"α {name}" for name in names])
    values = values_of(reading.runs, found.wanted, by_id=True)
    ends = names.index(BASE if None in alphas else "0"), names.index("1")
    return Sheet(reading, values, names, ends, found.notes)


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
    sheet = sheet_of(runs, alphas)
    return frontier_of(sheet, in_domain, adjust=adjust, seed=seed, parts=parts, published=published)


def frontier_of(
    sheet: Sheet,
    in_domain: Sequence[str],
    *,
    adjust: Adjust = "maxt",
    seed: int = 0,
    parts: Sequence[Part] = (),
    published: PublishedPoints | None = None,
) -> Frontier:
    """The frontier of values that are known; the arguments are those of `frontier`."""
    reading, there, halves = sheet.reading, sheet.there, sheet.halves(in_domain)
    tasks, task = reading.values["task"], reading.groups["task"]
    codes, alphas = reading.clusters.codes, sheet.alphas
    table = Table(sheet.values, codes, *halves, sheet.names, sheet.ends, adjust, seed)
    of_alphas = replace(table, values=sheet.values[:, : len(alphas)], names=alphas)
    points = [table.points(part) for part in (IN_DOMAIN, REST, MEAN)]
    for code in sorted(range(len(tasks)), key=lambda code: tasks[code]):
        items = there & (task == code)
        if items.any():
            points.append(table.points_of(tasks[code], items))
    having = []
    for part in parts:
        meant = items_of(part, reading, halves[0], there)
        if meant.items.any():
            having.append(part)
            points.append(table.points_of(part.name, meant.items, meant.strata))
    return Frontier(
        alphas=tuple(alphas),
        in_domain=tuple(sorted(name for name in tasks if name in in_domain)),
        rest=tuple(sorted(name for name in tasks if name not in in_domain)),
        items=int(there.sum()),
        n_excluded=len(there) - int(there.sum()),
        points=tuple(point for part in points for point in part[: len(alphas)]),
        beside=tuple(point for part in points for point in part[len(alphas) :]),
        chosen=of_alphas.chosen(),
        beats_both=beats_both(points[2][: len(alphas)]),
        notes=(*sheet.notes, *reading.clusters.notes, *reading.clusters.cautions),
        clustered=reading.clusters.by,
        noun=reading.clusters.noun,
        adjust=adjust,
        seed=seed,
        parts=tuple(having),
        published=published,
    )


def named(alpha: Alpha | None) -> str:
    """An α as text for tables and results."""
    return BASE if alpha is None else spelled(alpha)
