"""What a soup is worth on the images that did not choose it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mubench_gen.compare.answer_matrix import read_outcomes, values_of
from mubench_gen.errors import RunFolderError
from mubench_gen.runs.results import Run
from mubench_gen.scores.crossing import ways_of
from mubench_gen.scores.paired import compare_pair


@dataclass(frozen=True, slots=True)
class HalfScore:
    """An accuracy and its 95 % interval, clustered by image or what else was asked for."""

    accuracy: float
    ci95: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class GainOver:
    """The soup's accuracy minus another's on the same items, and its 95 % interval."""

    difference: float
    ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """On the half that did not choose: accuracies of each over what it answered, and gains over the
    `items` that all of them answered.

    `best`: of the fine-tune `name`, which was the best on the other half. `noun`: what is drawn
    together, of which there are `clusters`.
    """

    name: str
    items: int
    clusters: int
    noun: str
    soup: HalfScore
    best: HalfScore
    base: HalfScore
    over_best: GainOver
    over_base: GainOver
    notes: tuple[str, ...]


def held_out(soup: Run, *, best: Run, base: Run, name: str) -> HeldOutScores:
    """Compare the soup with the best fine-tune and with the base."""
    runs = (soup, best, base)
    reading = read_outcomes(runs)
    values = values_of(reading.runs, np.ones(len(reading.items), bool), by_id=True)
    there = ~np.isnan(values).any(axis=1)
    if not there.any():
        raise RunFolderError("No item was answered by all: see the runs' records for why.")
    values, clusters = values[there], reading.clusters.codes[there]

    def score(run: Run) -> HalfScore:
        pooled = run.scores.pooled
        return HalfScore(float(pooled.accuracy or 0), pooled.ci95)

    def gain(other: int) -> GainOver:
        found = compare_pair(values[:, 0], values[:, other], clusters)
        return GainOver(found.difference, found.ci95)

    return HeldOutScores(
        name=name,
        items=int(there.sum()),
        clusters=len(np.unique(ways_of(clusters)[0])),
        noun=reading.clusters.noun,
        soup=score(soup),
        best=score(best),
        base=score(base),
        over_best=gain(1),
        over_base=gain(2),
        notes=(*reading.notes, *reading.clusters.notes, *reading.clusters.cautions),
    )
