"""A Rasch-type model of a part of a grid, and what it says of the whole.

An answer is right with the probability σ(ability of the cell on the task − difficulty of the
item), as in PromptEval (Maia Polo et al. 2024). A cell's ability is the task's mean, plus an
effect of each of its factors' levels, the same on one task alone, and its own; all but the
first are drawn from normal distributions whose variances are estimated, and so are the items'
difficulties, over which the likelihood is integrated (by quadrature, EM: Bock & Aitkin 1981).
The error is by draws from the posterior (normal for abilities, Laplace; exact for difficulties
given those), the answers that were not asked for drawn too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

DRAWS = 400
_NODES = 21
_ROUNDS = 200
_MOST_COLUMNS = 2_500  # effects; of more, those of cells or of levels on tasks are left out
_TASK_VARIANCE = 25.0  # of a task's mean: next to nothing is taken for granted
_PRIOR_WEIGHT, _PRIOR_VARIANCE = 1.0, 0.04  # of the other variances: as if one effect were known
_CLOSE = 1e-4


@dataclass(frozen=True, slots=True)
class Asked:
    """The answers there are: item and cell of each, and how right it was, 0 to 1.

    `levels` (cells, factors) are the cells' levels, codes of each factor; `task` is that of
    each item, asked or not.
    """

    item: Codes
    cell: Codes
    right: Floats
    levels: Codes
    task: Codes

    @property
    def cells(self) -> int:
        return len(self.levels)

    @property
    def items(self) -> int:
        return len(self.task)


@dataclass(frozen=True, slots=True)
class Fit:
    """The model fitted: effects, what the data and priors tell of them (the inverse of their
    covariance), the spread of the items' difficulties, and the variances of the effects."""

    effects: Floats
    information: Floats
    difficulty: float
    variances: Floats
    rounds: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """The accuracies that the whole grid would have: draws from what is known of them.

    `drawn` (draws, cells); `answered` (cells,): how many answers of each cell there are.
    """

    drawn: Floats
    answered: Codes
    fit: Fit

    @property
    def means(self) -> Floats:
        means: Floats = self.drawn.mean(axis=0)
        return means

    @property
    def errors(self) -> Floats:
        """The standard error of each cell's accuracy."""
        errors: Floats = self.drawn.std(axis=0, ddof=1)
        return errors


def asked_of(right: Floats, levels: Codes, task: Codes) -> Asked:
    """The answers of a table (items, cells), NaN where there is none."""
    item, cell = np.nonzero(~np.isnan(right))
    return Asked(item, cell, right[item, cell], levels, task)


def estimate(asked: Asked, *, seed: int, draws: int = DRAWS) -> Estimate:
    """Fit the model and draw what the whole grid would score. ValueError for no answer."""
    if not len(asked.item):
        raise ValueError("no answers to estimate from")
    order = np.argsort(asked.item, kind="stable")
    asked = Asked(
        asked.item[order], asked.cell[order], asked.right[order], asked.levels, asked.task
    )
    design = _Design.of(asked)
    fit = _fitted(asked, design)
    drawn = _drawn(asked, design, fit, seed=seed, draws=draws)
    answered = np.bincount(asked.cell, minlength=asked.cells)
    return Estimate(drawn, answered, fit)


@dataclass(frozen=True, slots=True)
class _Design:
    """The effects of each ability, as sparse matrices, and which variance each effect has.

    `all` has a row for each (cell, task), `asked` one for each answer. `block` is an effect's
    place among the variances, −1 for the tasks' means.
    """

    all: Any
    asked: Any
    block: Codes
    tasks: int

    @classmethod
    def of(cls, asked: Asked) -> _Design:
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
        if len(parts) > 2:  # of one factor the cells are its levels
            add(cell, asked.cells)
        whole = sparse.csr_matrix(sparse.hstack(parts))
        rows = asked.cell * tasks + asked.task[asked.item]
        return cls(whole, whole[rows], np.concatenate(blocks), tasks)

    def precision(self, variances: Floats) -> Floats:
        inverse = 1 / np.append(variances, _TASK_VARIANCE)
        found: Floats = inverse[self.block]
        return found


class _Quadrature:
    """The items' difficulties, of a standard normal distribution, at a few nodes."""

    def __init__(self, asked: Asked) -> None:
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        self.nodes: Floats = nodes
        self.log_weights: Floats = np.log(weights / weights.sum())
        self.items, self._starts = np.unique(asked.item, return_index=True)
        self.place = np.repeat(
            np.arange(len(self.items)), np.diff(np.append(self._starts, len(asked.item)))
        )

    def posterior(self, chances: Floats, right: Floats) -> Floats:
        """Of (answers, nodes) probabilities: that of each node, (asked items, nodes)."""
        likely = right[:, None] * np.log(chances) + (1 - right[:, None]) * np.log1p(-chances)
        logs = np.add.reduceat(likely, self._starts, axis=0) + self.log_weights
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        found: Floats = weights / weights.sum(axis=1, keepdims=True)
        return found


def _chances(abilities: Floats, difficulties: Floats) -> Floats:
    from scipy.special import expit

    found: Floats = expit(abilities[:, None] - difficulties[None, :])
    return np.clip(found, 1e-9, 1 - 1e-9)


def _fitted(asked: Asked, design: _Design) -> Fit:
    from scipy import linalg, sparse

    quadrature = _Quadrature(asked)
    effects = np.zeros(len(design.block))
    difficulty = 1.0
    variances = np.full(int(design.block.max()) + 1, 0.25)
    gather = sparse.csr_matrix(
        (np.ones(len(asked.item)), (quadrature.place, np.arange(len(asked.item)))),
        (len(quadrature.items), len(asked.item)),
    )
    information = np.eye(len(effects))
    rounds = 0
    while rounds < _ROUNDS:
        rounds += 1
        chances = _chances(design.asked @ effects, difficulty * quadrature.nodes)
        nodes = quadrature.posterior(chances, asked.right)[quadrature.place]
        precision = design.precision(variances)
        residual = asked.right - (nodes * chances).sum(axis=1)
        weight = (nodes * chances * (1 - chances)).sum(axis=1)
        # Of what the answers tell of the effects, the items' difficulties take a part.
        carried = gather @ sparse.diags(weight) @ design.asked
        known = np.asarray(gather @ weight)[:, None].ravel() + 1 / max(difficulty, 1e-2) ** 2
        information = (design.asked.T @ sparse.diags(weight) @ design.asked).toarray()
        information -= (carried.T @ sparse.diags(1 / known) @ carried).toarray()
        information[np.diag_indices_from(information)] += precision
        factor = linalg.cho_factor(information)
        covariance = linalg.cho_solve(factor, np.eye(len(effects)))
        slope = design.asked.T @ residual - precision * effects
        step = covariance @ slope
        step *= min(1.0, 2.0 / max(1e-12, np.abs(step).max()))
        effects = effects + step
        spread = ((nodes * (asked.right[:, None] - chances)) @ -quadrature.nodes).sum()
        curve = ((nodes * chances * (1 - chances)) @ quadrature.nodes**2).sum()
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


def _variances(design: _Design, effects: Floats, covariance: Floats) -> Floats:
    """Of each block: the mean square of its effects, their uncertainty included (EM)."""
    shapes, scales = _variance_posterior(design, effects**2 + np.diag(covariance))
    return scales / shapes


def _variance_posterior(design: _Design, squares: Floats) -> tuple[Floats, Floats]:
    """Shapes and scales of the inverse gamma distributions of the blocks' variances."""
    random = design.block >= 0
    counts = np.bincount(design.block[random])
    sums = np.bincount(design.block[random], weights=squares[random])
    return (counts + _PRIOR_WEIGHT) / 2, (sums + _PRIOR_WEIGHT * _PRIOR_VARIANCE) / 2


def _drawn(asked: Asked, design: _Design, fit: Fit, *, seed: int, draws: int) -> Floats:
    """Accuracies of the whole grid, (draws, cells)."""
    generator = np.random.default_rng([seed, 3])
    quadrature = _Quadrature(asked)
    difficulties = fit.difficulty * quadrature.nodes
    chain = _Chain(design, fit, generator)
    right = np.bincount(asked.cell, weights=asked.right, minlength=asked.cells)
    prior = np.exp(quadrature.log_weights)
    unasked = np.setdiff1d(np.arange(asked.items), quadrature.items)
    found = np.empty((draws, asked.cells))
    for number in range(draws):
        effects = chain.next()
        chances = _chances(design.asked @ effects, difficulties)
        nodes = quadrature.posterior(chances, asked.right)
        node = np.empty(asked.items, np.int64)
        node[quadrature.items] = _categorical(nodes, generator)
        node[unasked] = generator.choice(_NODES, size=len(unasked), p=prior)
        counts = np.bincount(asked.task * _NODES + node, minlength=design.tasks * _NODES)
        everywhere = _chances(design.all @ effects, difficulties)
        everywhere = everywhere.reshape(asked.cells, design.tasks * _NODES)
        here = chances[np.arange(len(asked.item)), node[asked.item]]
        mean = everywhere @ counts - np.bincount(asked.cell, here, asked.cells)
        variance = (everywhere * (1 - everywhere)) @ counts
        variance -= np.bincount(asked.cell, here * (1 - here), asked.cells)
        noise = np.sqrt(np.maximum(variance, 0)) * generator.normal(size=asked.cells)
        found[number] = (right + mean + noise) / asked.items
    return np.clip(found, 0, 1)


class _Chain:
    """Draws of the effects and their variances by turns (Gibbs), the likelihood as at its mode."""

    def __init__(self, design: _Design, fit: Fit, generator: np.random.Generator) -> None:
        self._design = design
        self._generator = generator
        self._data = fit.information - np.diag(design.precision(fit.variances))
        self._told = fit.information @ fit.effects
        self._effects = fit.effects
        self._every = 1 + (len(fit.effects) // 400) ** 2  # draws from one set of variances
        self._number = 0

    def next(self) -> Floats:
        from scipy import linalg

        if self._number % self._every == 0:
            shapes, scales = _variance_posterior(self._design, self._effects**2)
            precision = self._design.precision(scales / self._generator.gamma(shapes))
            self._root = linalg.cholesky(self._data + np.diag(precision), lower=True)
            self._mean = linalg.cho_solve((self._root, True), self._told)
        self._number += 1
        noise = self._generator.normal(size=len(self._mean))
        self._effects = self._mean + linalg.solve_triangular(self._root, noise, lower=True, trans=1)
        return self._effects


def _categorical(chances: Floats, generator: np.random.Generator) -> Codes:
    """One place a row, drawn by the row's probabilities."""
    below = np.cumsum(chances, axis=1) < generator.random((len(chances), 1))
    places: Codes = np.minimum(below.sum(axis=1), chances.shape[1] - 1)
    return places
