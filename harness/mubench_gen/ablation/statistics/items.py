"""answers → which items change between cells: flips, agreement, sensitivity, calibration shift.

Cells are compared in pairs that differ by one factor alone; an item's value is the mean over its
pairs, and its mean over the items has an interval by cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.grid import Factor, Grid
from mubench_gen.ablation.statistics.answers import MOVED, UNANSWERED, Answers
from mubench_gen.ablation.statistics.calibration_shift import CalibrationShift, calibration_shift
from mubench_gen.ablation.statistics.cell_pairs import Pairs, as_given, baseline_of, matched
from mubench_gen.ablation.statistics.item_pairs import (
    Known,
    answer_differs,
    asked_cells,
    asked_pairs,
    known,
    mean_of,
    over_pairs,
)
from mubench_gen.scores.joint import Adjust, adjust
from mubench_gen.scores.paired import PairedDifference, compare_pair

Floats = npt.NDArray[np.float64]
_Level = tuple[str, Pairs, Floats, Floats]

_MOST_UNSTABLE = 20
_MOST_CELLS = 100  # of a matrix of flips


@dataclass(frozen=True, slots=True)
class LevelFlips:
    """A level against another of its factor, by shares of the items.

    changed: the answer is another; destructive: right there and wrong here; corrective: wrong
    there and right here. difference: in accuracy, level − baseline, which is corrective −
    destructive; p_adjusted: for all rows of the model.
    """

    factor: str
    level: str
    baseline: str
    changed: Known
    destructive: Known
    corrective: Known
    difference: float
    ci95: tuple[float, float]
    p: float
    p_adjusted: float
    calibration: CalibrationShift | None = None


@dataclass(frozen=True, slots=True)
class Stability:
    """How much answers stay the same over the levels of a factor, right or wrong.

    agreement: the share of pairs of levels with the same answer; right, wrong: of those with the
    same right, and the same wrong answer. sensitivity: the entropy of an item's answers over the
    levels, as a share of the largest that there can be (0: always the same answer); None where no
    item was asked at all of them.
    """

    factor: str
    agreement: Known
    right: Known
    wrong: Known
    sensitivity: Known | None


@dataclass(frozen=True, slots=True)
class Untold:
    """A level of which it cannot be told what it changes, and why: of a grid that was asked in
    part."""

    factor: str
    level: str
    baseline: str
    why: str


@dataclass(frozen=True, slots=True)
class Unstable:
    """An item whose answers change: the share of pairs of cells in which they differ, and the
    share of cells in which it is right."""

    item: str
    changed: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class ItemFindings:
    """One model's items. matrix: for each two cells, the share of the items with another answer,
    empty of more than 100 cells; unstable: the items that change most. untold: levels that are
    not among the flips."""

    model: str
    flips: tuple[LevelFlips, ...]
    stability: tuple[Stability, ...]
    matrix: tuple[tuple[float | None, ...], ...]
    unstable: tuple[Unstable, ...]
    untold: tuple[Untold, ...] = ()


def item_findings(
    grid: Grid, answers: Answers, model: str, *, how: Adjust = "maxt", seed: int = 0
) -> ItemFindings:
    """The measures of one model's items. `how`: the p of the rows of flips are adjusted."""
    factors = [factor for factor in grid.factors if len(factor.levels) > 1]
    levels = [(factor, list(_by_level(grid, answers, factor))) for factor in factors]
    told = [one for factor, own in levels for one in _flips(answers, factor, own)]
    adjusted = adjust([p.p for _, p in told], None, how=how, seed=seed).adjusted
    flips = [_with_p(one, p) for (one, _), p in zip(told, adjusted, strict=True)]
    stable = [_stability(grid, answers, factor) for factor in factors]
    return ItemFindings(
        model,
        tuple(flips),
        tuple(one for one in stable if one is not None),
        _matrix(answers),
        _unstable(answers),
        tuple(one for factor, own in levels for one in _untold(answers, factor, own)),
    )


def _flips(
    answers: Answers, factor: Factor, levels: Sequence[_Level]
) -> Iterator[tuple[LevelFlips, PairedDifference]]:
    base, right = baseline_of(factor), answers.right
    for level, pairs, here, there in levels:
        sound = np.isfinite(here - there)
        if not _has_clusters(answers, sound):
            continue
        changed = known(mean_of([answer_differs(answers, *pair) for pair in pairs]), answers)
        shares = [
            known(mean_of([(sign * (right[:, one] - right[:, other])).clip(0)
                            for one, other in pairs]), answers)
            for sign in (-1, 1)
        ]  # fmt: skip
        if changed is None or shares[0] is None or shares[1] is None:
            continue
        found = compare_pair(
            here[sound], there[sound], answers.clusters.codes[sound], noun=answers.clusters.noun
        )
        shift = calibration_shift(answers, pairs)
        yield (
            LevelFlips(
                factor.name, level, base, changed, shares[0], shares[1], found.difference,
                found.ci95, found.p, found.p, shift,
            ),
            found,
        )  # fmt: skip


def _untold(answers: Answers, factor: Factor, levels: Sequence[_Level]) -> Iterator[Untold]:
    for level, pairs, here, there in levels:
        if _has_clusters(answers, np.isfinite(here - there)):
            continue
        why = (
            "fewer than two images have an answer in both of two such cells"
            if pairs
            else "no two cells that were asked differ by it alone"
        )
        yield Untold(factor.name, level, baseline_of(factor), why)


def _by_level(grid: Grid, answers: Answers, factor: Factor) -> Iterator[_Level]:
    """Each level but the baseline, with the pairs of cells that tell what it changes, and the
    items' shares of right answers in the first cells of these and in the second."""
    base = baseline_of(factor)
    for level in factor.levels:
        if level != base:
            pairs = asked_pairs(answers, matched(grid, factor.name, level, base))
            yield level, pairs, *over_pairs(answers.right, pairs)


def _has_clusters(answers: Answers, items: npt.NDArray[np.bool_]) -> bool:
    """Whether the items are of two clusters or more."""
    return bool(items.any()) and len(np.unique(answers.clusters.codes[items], axis=0)) > 1


def _stability(grid: Grid, answers: Answers, factor: Factor) -> Stability | None:
    same: dict[str, list[Floats]] = {"agreement": [], "right": [], "wrong": []}
    for one, other in combinations(factor.levels, 2):
        for pair in asked_pairs(answers, matched(grid, factor.name, one, other)):
            alike = 1 - answer_differs(answers, *pair)
            right = answers.right[:, pair[0]] > 0.5
            same["agreement"].append(alike)
            same["right"].append(np.where(np.isnan(alike), np.nan, alike * right))
            same["wrong"].append(np.where(np.isnan(alike), np.nan, alike * ~right))
    if not same["agreement"]:
        return None
    shares = {name: known(mean_of(rows), answers) for name, rows in same.items()}
    spread = known(_sensitivity(grid, answers, factor), answers)
    agreement, right_, wrong = shares["agreement"], shares["right"], shares["wrong"]
    if agreement is None or right_ is None or wrong is None:
        return None
    return Stability(factor.name, agreement, right_, wrong, spread)


def _sensitivity(grid: Grid, answers: Answers, factor: Factor) -> Floats:
    """Each item's entropy of answers over the levels, over the largest possible one."""
    at = [f.name for f in grid.factors].index(factor.name)
    groups: dict[tuple[str, ...], list[int]] = {}
    for place in as_given(grid, factor.name):
        groups.setdefault(grid.cells[place].but(at), []).append(place)
    found = []
    there = asked_cells(answers)
    for group in groups.values():
        cells = [place for place in group if there[place]]
        chosen = answers.choice[:, cells].astype(np.int64)
        if len(cells) < 2:
            continue
        unknown = (chosen <= MOVED).any(axis=1)
        counts = np.stack([(chosen == value).sum(axis=1) for value in _answers(chosen)])
        shares = counts / len(cells)
        logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
        most = np.log(np.minimum(len(cells), answers.options + 1))  # + 1: no answer
        entropy = -(shares * logs).sum(axis=0)
        found.append(np.where(unknown, np.nan, entropy / np.maximum(most, 1e-12)))
    return mean_of(found) if found else np.full(len(answers.items), np.nan)


def _answers(choice: npt.NDArray[np.int64]) -> range:
    """All that may be answered: nothing, or an option."""
    return range(UNANSWERED, max(UNANSWERED, int(choice.max(initial=UNANSWERED))) + 1)


def _matrix(answers: Answers) -> tuple[tuple[float | None, ...], ...]:
    width = answers.right.shape[1]
    if width > _MOST_CELLS:
        return ()
    found: list[list[float | None]] = [[0.0] * width for _ in range(width)]
    for one, other in combinations(range(width), 2):
        differs = answer_differs(answers, one, other)
        there = np.isfinite(differs)
        share = float(differs[there].mean()) if there.any() else None
        found[one][other] = found[other][one] = share
    return tuple(map(tuple, found))


def _unstable(answers: Answers) -> tuple[Unstable, ...]:
    """The items with the most different answers, the first of the records first."""
    choice = answers.choice.astype(np.int64)
    asked = choice > MOVED
    total = asked.sum(axis=1)
    same = sum(
        (n := ((choice == value) & asked).sum(axis=1)) * (n - 1) for value in _answers(choice)
    )
    pairs = np.maximum(total * (total - 1), 1)
    changed = np.where(total > 1, 1 - same / pairs, 0.0)
    accuracy = mean_of(answers.right.T)
    order = np.argsort(-changed, kind="stable")[:_MOST_UNSTABLE]
    return tuple(
        Unstable(answers.items[at], float(changed[at]), float(accuracy[at]))
        for at in order
        if changed[at] > 0
    )


def _with_p(one: LevelFlips, p: float) -> LevelFlips:
    return replace(one, p_adjusted=p)
