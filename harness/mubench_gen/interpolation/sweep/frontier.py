"""runs of several α → the frontier: in-domain accuracy against the rest, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

from mubench_gen.compare.answer_matrix import read_outcomes, values_of
from mubench_gen.compare.preconditions import comparability
from mubench_gen.interpolation.sweep.gains import AlphaTable, ChosenAlpha, Point, beats_both
from mubench_gen.interpolation.sweep.outputs.words import OutputMix
from mubench_gen.interpolation.sweep.parts import (
    IN_DOMAIN,
    MEAN,
    REST,
    ItemPart,
    PublishedPoints,
    items_of,
)
from mubench_gen.interpolation.sweep.sheet import AlphaSheet
from mubench_gen.interpolation.sweep.stops import Stop
from mubench_gen.interpolation.sweep.stored import read_as
from mubench_gen.report.figures.studies import number_of
from mubench_gen.runs.results import Run
from mubench_gen.scores.joint import Adjust
from mubench_gen.scores.pareto import undominated


@dataclass(frozen=True, slots=True)
class Frontier:
    """The result of a sweep. alphas: the names of what was asked; by several methods they name
    the method too. `beats_both`: those whose mean is surely above that of both ends (of all, with
    several fine-tunes): the bands of all gains are above 0. clustered: what by, in words; noun:
    what one cluster is called. adjust: how bands are made, "maxt" for all α at once. parts: further
    parts of the items, those that have any; published: points of other people's models on them.
    methods: by which weights were made. models: the names that are no α, but models themselves.
    finetuned: the name of the fine-tune, of several the one with the highest mean. beside: points
    of what is none of these, whose bands hold together with theirs; mix: how, where outputs are
    mixed.
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
    parts: tuple[ItemPart, ...] = ()
    published: PublishedPoints | None = None
    methods: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    finetuned: str = "1"
    beside: tuple[Point, ...] = ()
    mix: OutputMix | None = None

    @property
    def several(self) -> bool:
        """Whether several methods were asked for, so that the names tell them."""
        return any(one.method and one.alpha.startswith(f"{one.method} ") for one in self.points)

    def spoken(self, name: str) -> str:
        """A name in a sentence: "α 0.5"."""
        named = self.several or name in self.models or name not in self.alphas
        return name if named else f"α {name}"

    @property
    def finetunes(self) -> tuple[str, ...]:
        """The names of several fine-tunes; empty for one."""
        return tuple(self.points[0].over_each)

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
        return tuple(compress(self.alphas, kept))

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "pareto": self.pareto, "confidence": 0.95}


def stored_frontier(results: Mapping[str, Any], folder: Path) -> Frontier:
    """The frontier of a sweep's stored results. RunFolderError where there is none yet, or one of
    a version that stored less."""
    stored = dict(results.get("frontier") or {})
    for derived in ("confidence", "pareto"):
        stored.pop(derived, None)
    stored["points"] = [{**point, "at": number_of(point)} for point in stored.get("points") or ()]
    there = bool(results.get("frontier"))
    what = "are not as this version has them" if there else "are not there yet"
    return read_as(
        Frontier, stored, f"{folder}: the sweep's results {what}: type its command again"
    )


def sheet_of(runs: Sequence[Run], stops: Sequence[Stop]) -> AlphaSheet:
    """The values of a run of each stop."""
    reading = read_outcomes(runs)
    names = [stop.name for stop in stops]
    found = comparability(reading, [f"α {stop.name}" if stop.line else stop.name for stop in stops])
    values = values_of(reading.runs, found.wanted, by_id=True)
    ends = [
        place
        for end in ("base", "finetuned")
        for place, stop in enumerate(stops)
        if stop.end == end
    ]
    by_name = {stop.name: stop for stop in stops}
    return AlphaSheet(reading, values, names, tuple(ends), found.notes, by_name)


def frontier(
    runs: Sequence[Run],
    stops: Sequence[Stop],
    in_domain: Sequence[str],
    *,
    adjust: Adjust = "maxt",
    seed: int = 0,
    parts: Sequence[ItemPart] = (),
    published: PublishedPoints | None = None,
) -> Frontier:
    """Compare the runs of these stops on the items that all of them answered.

    Among the stops are their ends, the base and each fine-tune.
    `in_domain`: names of tasks. `adjust`: "maxt" makes bands that hold all α at once, "holm"
    by Bonferroni; "bh" and "none" leave each α's own interval. `parts`: of the items, to be told
    besides; `published`: points on them, which the result keeps as they are.
    """
    sheet = sheet_of(runs, stops)
    return frontier_of(sheet, in_domain, adjust=adjust, seed=seed, parts=parts, published=published)


def frontier_of(
    sheet: AlphaSheet,
    in_domain: Sequence[str],
    *,
    adjust: Adjust = "maxt",
    seed: int = 0,
    parts: Sequence[ItemPart] = (),
    published: PublishedPoints | None = None,
) -> Frontier:
    """The frontier of values that are known; the arguments are those of `frontier`."""
    reading, there, halves = sheet.reading, sheet.there, sheet.halves(in_domain)
    tasks, task = reading.values["task"], reading.groups["task"]
    codes, alphas = reading.clusters.codes, sheet.alphas
    table = AlphaTable(sheet.values, codes, *halves, sheet.names, sheet.ends, adjust, seed)
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
        points=tuple(sheet.placed(point) for part in points for point in part[: len(alphas)]),
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
        methods=tuple(dict.fromkeys(one.line for one in sheet.stops.values() if one.line)),
        models=tuple(name for name, one in sheet.stops.items() if not one.line),
        finetuned=sheet.names[table.finetuned],
    )
