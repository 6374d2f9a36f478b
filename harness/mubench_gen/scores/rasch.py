"""A Rasch-type model of the answers to a part of a grid, from which the whole is estimated.

An answer is right with the probability σ(ability of the cell on the task − difficulty of the
item), as in PromptEval (Maia Polo et al. 2024). A cell's ability is the sum of the task's mean,
effects of its factors' levels, effects of those levels on the task, and an effect of the cell.
All but the mean have normal priors with estimated variances, and so do the items' difficulties,
over which the likelihood is integrated (by quadrature, EM: Bock & Aitkin 1981). `posterior.py`
draws the accuracies of the whole grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

NODES = 21
_ROUNDS = 200
_MOST_COLUMNS = 2_500  # effects; beyond, those of cells or of levels on tasks are left out
TASK_VARIANCE = 25.0  # prior variance of a task's mean: almost uninformative
_PRIOR_WEIGHT, _PRIOR_VARIANCE = 1.0, 0.04  # of the other variances, for the mode: worth one effect
_CLOSE = 1e-4


@dataclass(frozen=True, slots=True)
class Responses:
    """The answers: for each its item, its cell, and how right it was, 0 to 1.

    `levels` (cells, factors): the code of each cell's level of each factor; `task`: the code of
    each item's task, for items without answers too. `times`: for how many items of the same
    answers each item stands, 1 by default.
    """

    item: Codes
    cell: Codes
    right: Floats
    levels: Codes
    task: Codes
    times: Floats | None = None

    @property
    def each(self) -> Floats:
        """For how many items each answer stands."""
        return np.ones(len(self.item)) if self.times is None else self.times[self.item]

    @property
    def cells(self) -> int:
        return len(self.levels)

    @property
    def items(self) -> int:
        return len(self.task)


@dataclass(frozen=True, slots=True)
class Fit:
    """The fitted model: effects, their information matrix (the inverse of their covariance), the
    standard deviation of the items' difficulties, and the variances of the effects."""

    effects: Floats
    information: Floats
    difficulty: float
    variances: Floats
    rounds: int


def responses_of(right: Floats, levels: Codes, task: Codes) -> Responses:
    """The responses in a table (items, cells) with NaN for missing ones."""
    item, cell = np.nonzero(~np.isnan(right))
    return Responses(item, cell, right[item, cell], levels, task)


@dataclass(frozen=True, slots=True)
class Incidence:
    """The design matrices of the abilities (sparse), and the variance of each effect.

    `all` has a row for each (cell, task), `asked` one for each answer. `block` is the index of
    an effect's variance, −1 for the tasks' means.
    """

    all: Any
    asked: Any
    block: Codes
    tasks: int

    @classmethod
    def of(cls, asked: Responses) -> Incidence:
        from scipy import sparse

        tasks = int(asked.task.max()) + 1
        cell = np.repeat(np.arange(asked.cells), tasks)
        task = np.tile(np.arange(tasks), asked.cells)
        parts, blocks = [sparse.csr_matrix(np.eye(tasks)[task])], [np.full(tasks, -1)]

        def add(codes: Codes, number: int) -> None:
            if sum(len(block) for block in blocks) + number > _MOST_COLUMNS or number < 2:
                return
            rows = np.arange(len(codes))
            one = sparse.csr_matrix((np.ones(len(codes)), (rows, codes)), (len(codes), number))
            parts.append(one)
            blocks.append(np.full(number, len(blocks) - 1))

        sizes = asked.levels.max(axis=0) + 1
        for factor, size in enumerate(sizes.tolist()):
            add(asked.levels[cell, factor], size)
        if tasks > 1:
            for factor, size in enumerate(sizes.tolist()):
                if size > 1:
                    add(asked.levels[cell, factor] * tasks + task, size * tasks)
        if len(parts) > 2:  # with one factor a cell's own effect would repeat its level's
            add(cell, asked.cells)
        whole = sparse.csr_matrix(sparse.hstack(parts))
        rows = asked.cell * tasks + asked.task[asked.item]
        return cls(whole, whole[rows], np.concatenate(blocks), tasks)

    def precision(self, variances: Floats) -> Floats:
        inverse = 1 / np.append(variances, TASK_VARIANCE)
        found: Floats = inverse[self.block]
        return found


class Quadrature:
    """Integrates over the items' standard normal difficulties, at a few nodes."""

    def __init__(self, asked: Responses) -> None:
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        self.nodes: Floats = nodes
        self.log_weights: Floats = np.log(weights / weights.sum())
        self.items, self._starts = np.unique(asked.item, return_index=True)
        self.place = np.repeat(
            np.arange(len(self.items)), np.diff(np.append(self._starts, len(asked.item)))
        )

    def posterior(self, chances: Floats, right: Floats) -> Floats:
        """The probability of each node, (asked items, nodes), given `chances` (answers, nodes)."""
        likely = right[:, None] * np.log(chances) + (1 - right[:, None]) * np.log1p(-chances)
        logs = np.add.reduceat(likely, self._starts, axis=0) + self.log_weights
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        found: Floats = weights / weights.sum(axis=1, keepdims=True)
        return found


def chances_of(abilities: Floats, difficulties: Floats) -> Floats:
    from scipy.special import expit

    found: Floats = expit(abilities[:, None] - difficulties[None, :])
    return np.clip(found, 1e-9, 1 - 1e-9)


def fitted(asked: Responses, design: Incidence) -> Fit:
    """The posterior mode, by EM. `asked` must be sorted by item."""
    from scipy import linalg, sparse

    quadrature = Quadrature(asked)
    effects = np.zeros(len(design.block))
    difficulty = 1.0
    variances = np.full(int(design.block.max()) + 1, 0.25)
    gather = sparse.csr_matrix(
        (np.ones(len(asked.item)), (quadrature.place, np.arange(len(asked.item)))),
        (len(quadrature.items), len(asked.item)),
    )
    information = np.eye(len(effects))
    each = asked.each
    of_items = each[np.unique(quadrature.place, return_index=True)[1]]
    rounds = 0
    while rounds < _ROUNDS:
        rounds += 1
        chances = chances_of(design.asked @ effects, difficulty * quadrature.nodes)
        nodes = quadrature.posterior(chances, asked.right)[quadrature.place]
        precision = design.precision(variances)
        residual = asked.right - (nodes * chances).sum(axis=1)
        weight = (nodes * chances * (1 - chances)).sum(axis=1)
        # The unknown difficulties of the items reduce the information on the effects.
        carried = gather @ sparse.diags(weight) @ design.asked
        known = np.asarray(gather @ weight)[:, None].ravel() + 1 / max(difficulty, 1e-2) ** 2
        information = (design.asked.T @ sparse.diags(each * weight) @ design.asked).toarray()
        information -= (carried.T @ sparse.diags(of_items / known) @ carried).toarray()
        information[np.diag_indices_from(information)] += precision
        factor = linalg.cho_factor(information)
        covariance = linalg.cho_solve(factor, np.eye(len(effects)))
        slope = design.asked.T @ (each * residual) - precision * effects
        step = covariance @ slope
        step *= min(1.0, 2.0 / max(1e-12, np.abs(step).max()))
        effects = effects + step
        spread = float(each @ ((nodes * (asked.right[:, None] - chances)) @ -quadrature.nodes))
        curve = float(each @ ((nodes * chances * (1 - chances)) @ quadrature.nodes**2))
        before = difficulty, variances
        difficulty = float(np.clip(difficulty + spread / max(curve, 1e-9), 0.0, 6.0))
        variances = _variances(design, effects, covariance)
        moved = max(
            float(np.abs(step).max()),
            abs(difficulty - before[0]),
            float(np.abs(np.sqrt(variances) - np.sqrt(before[1])).max(initial=0)),
        )
        if moved < _CLOSE * 10:
            break
    return Fit(effects, information, difficulty, before[1], rounds)


def _variances(design: Incidence, effects: Floats, covariance: Floats) -> Floats:
    """The variance of each block: the mean square of its effects plus their variances (EM)."""
    random = design.block >= 0
    counts = np.bincount(design.block[random])
    squares = (effects**2 + np.diag(covariance))[random]
    sums = np.bincount(design.block[random], weights=squares)
    found: Floats = (sums + _PRIOR_WEIGHT * _PRIOR_VARIANCE) / (counts + _PRIOR_WEIGHT)
    return found
