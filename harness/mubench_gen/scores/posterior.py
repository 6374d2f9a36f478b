"""Posterior draws of the whole grid's accuracies under the Rasch-type model.

Abilities are normal (Laplace approximation at the mode), difficulties exact given those; the
answers that were not asked for are drawn too.

Few answers hardly determine the variance between cells, and its prior moves the extremes. So
there are draws under two priors: a wide one, and a sceptical one under which cells are nearly
equal unless the answers say otherwise. An interval covers those of both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mubench_gen.scores.rasch import (
    NODES,
    TASK_VARIANCE,
    Fit,
    Incidence,
    Quadrature,
    Responses,
    chances_of,
    fitted,
)

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

DRAWS = 400  # of each prior
_OPEN, _SCEPTICAL = 1.0, 0.02  # prior scale of the differences between cells, in logits
_BURN_IN = 100  # draws


@dataclass(frozen=True, slots=True)
class GridEstimate:
    """Posterior draws of the accuracies of the whole grid.

    `drawn` (draws, cells); `sceptical`: the same under the sceptical prior; `answered` (cells,):
    the number of answers in each cell.
    """

    drawn: Floats
    sceptical: Floats
    answered: Codes
    fit: Fit

    def interval(self, over: Callable[[Floats], Floats]) -> Floats:
        """The 95 % interval (2, …) of `over` applied to each draw of the accuracies.

        It covers the intervals of both priors.
        """
        low, high = (
            np.stack(
                [np.quantile(over(drawn), end, axis=0) for drawn in (self.drawn, self.sceptical)]
            )
            for end in (0.025, 0.975)
        )
        return np.stack([low.min(axis=0), high.max(axis=0)])

    @property
    def means(self) -> Floats:
        means: Floats = self.drawn.mean(axis=0)
        return means

    @property
    def errors(self) -> Floats:
        """The standard error of each cell's accuracy."""
        errors: Floats = self.drawn.std(axis=0, ddof=1)
        return errors


def estimate(asked: Responses, *, seed: int, draws: int = DRAWS) -> GridEstimate:
    """Fit the model and draw the whole grid's accuracies. Raises ValueError without answers."""
    asked, design, fit = _fit(asked)
    drawn, sceptical = (
        _drawn(asked, design, _Chain(design, fit, generator, scale), generator, draws=draws)
        for scale, generator in (
            (_OPEN, np.random.default_rng([seed, 3])),
            (_SCEPTICAL, np.random.default_rng([seed, 4])),
        )
    )
    answered = np.bincount(asked.cell, minlength=asked.cells)
    return GridEstimate(drawn, sceptical, answered, fit)


def abilities(asked: Responses, *, seed: int, draws: int = DRAWS) -> tuple[Floats, float]:
    """Draws of each cell's ability, (draws, cells × tasks), and the spread of the difficulties.

    Raises ValueError without answers.
    """
    _, design, fit = _fit(asked)
    chain = _Chain(design, fit, np.random.default_rng([seed, 3]), _OPEN)
    return np.stack([design.all @ chain.next() for _ in range(draws)]), fit.difficulty


def accuracies(ability: Floats, difficulty: float) -> Floats:
    """The accuracy on new items of that ability, whose difficulties are normal."""
    from scipy.special import expit

    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    found: Floats = expit(ability[..., None] - difficulty * nodes) @ (weights / weights.sum())
    return found


def _fit(asked: Responses) -> tuple[Responses, Incidence, Fit]:
    """The answers sorted by item, their design and the fit to them."""
    if not len(asked.item):
        raise ValueError("no answers to estimate from")
    order = np.argsort(asked.item, kind="stable")
    answers = replace(
        asked, item=asked.item[order], cell=asked.cell[order], right=asked.right[order]
    )
    design = Incidence.of(answers)
    return answers, design, fitted(answers, design)


def _drawn(
    asked: Responses,
    design: Incidence,
    chain: _Chain,
    generator: np.random.Generator,
    *,
    draws: int,
) -> Floats:
    """Accuracies of the whole grid, (draws, cells)."""
    quadrature = Quadrature(asked)
    difficulties = chain.difficulty * quadrature.nodes
    right = np.bincount(asked.cell, weights=asked.right, minlength=asked.cells)
    prior = np.exp(quadrature.log_weights)
    unasked = np.setdiff1d(np.arange(asked.items), quadrature.items)
    found = np.empty((draws, asked.cells))
    for number in range(draws):
        effects = chain.next()
        chances = chances_of(design.asked @ effects, difficulties)
        nodes = quadrature.posterior(chances, asked.right)
        node = np.empty(asked.items, np.int64)
        node[quadrature.items] = _categorical(nodes, generator)
        node[unasked] = generator.choice(NODES, size=len(unasked), p=prior)
        counts = np.bincount(asked.task * NODES + node, minlength=design.tasks * NODES)
        everywhere = chances_of(design.all @ effects, difficulties)
        everywhere = everywhere.reshape(asked.cells, design.tasks * NODES)
        here = chances[np.arange(len(asked.item)), node[asked.item]]
        mean = everywhere @ counts - np.bincount(asked.cell, here, asked.cells)
        variance = (everywhere * (1 - everywhere)) @ counts
        variance -= np.bincount(asked.cell, here * (1 - here), asked.cells)
        noise = np.sqrt(np.maximum(variance, 0)) * generator.normal(size=asked.cells)
        found[number] = (right + mean + noise) / asked.items
    return np.clip(found, 0, 1)


class _Chain:
    """A Gibbs sampler of effects and variances, with the likelihood approximated at its mode.

    An effect is the product of a common scale (normal, with standard deviation `scale`), the
    scale of its block, and its own number, so that all effects, or those of a block, can be
    near zero without trapping the chain there (redundant parameters, Gelman et al. 2008). A
    block's standard deviation is half-Cauchy given the common scale.
    """

    def __init__(
        self, design: Incidence, fit: Fit, generator: np.random.Generator, scale: float
    ) -> None:
        self.difficulty = fit.difficulty
        self._block = design.block
        self._random = design.block >= 0
        self._generator = generator
        self._scale = scale
        self._data = fit.information - np.diag(design.precision(fit.variances))
        self._told = fit.information @ fit.effects
        self._counts = np.bincount(self._block[self._random], minlength=len(fit.variances))
        self._common = 1.0
        self._scales = np.sqrt(fit.variances)
        self._own = fit.effects / self._scaling()
        self._every = 1 + (len(fit.effects) // 400) ** 2  # draws per update of the variances
        self._number = 0
        for _ in range(max(10, _BURN_IN // self._every)):
            self._renew()
            self._draw()

    def next(self) -> Floats:
        """The next draw of the effects."""
        if self._number % self._every == 0:
            self._renew()
        self._number += 1
        self._draw()
        return self._own * self._scaling()

    def _scaling(self) -> Floats:
        return np.append(self._common * self._scales, 1.0)[self._block]

    def _renew(self) -> None:
        """Draw scales and variances given the effects, and update what depends on them."""
        from scipy import linalg

        random, blocks = self._random, len(self._scales)
        fixed = np.where(random, 0.0, self._own)
        told = self._told - self._data @ fixed
        carried = np.zeros((len(self._own), blocks))
        carried[random, self._block[random]] = self._own[random]
        at = self._common * carried
        self._scales = self._normal(at.T @ self._data @ at + np.eye(blocks), at.T @ told)
        one = (carried @ self._scales)[:, None]
        self._common = float(
            self._normal(one.T @ self._data @ one + np.eye(1) / self._scale**2, one.T @ told)[0]
        )
        squares = np.bincount(self._block[random], self._own[random] ** 2, minlength=blocks)
        variances = (squares + 1) / 2 / self._generator.gamma((self._counts + 1) / 2)
        scaling = self._scaling()
        precision = 1 / np.append(variances, TASK_VARIANCE)[self._block]
        whole = scaling[:, None] * self._data * scaling + np.diag(precision)
        self._root = linalg.cholesky(whole, lower=True)
        self._mean = linalg.cho_solve((self._root, True), scaling * self._told)

    def _normal(self, information: Floats, told: Floats) -> Floats:
        """Draw from a normal distribution; `told` is its information matrix times its mean."""
        from scipy import linalg

        root = linalg.cholesky(information, lower=True)
        noise = self._generator.normal(size=len(told))
        drawn: Floats = linalg.cho_solve((root, True), told)
        drawn += linalg.solve_triangular(root, noise, lower=True, trans=1)
        return drawn

    def _draw(self) -> None:
        from scipy import linalg

        noise = self._generator.normal(size=len(self._mean))
        self._own = self._mean + linalg.solve_triangular(self._root, noise, lower=True, trans=1)


def _categorical(chances: Floats, generator: np.random.Generator) -> Codes:
    """Draw an index for each row, by the row's probabilities."""
    below = np.cumsum(chances, axis=1) < generator.random((len(chances), 1))
    places: Codes = np.minimum(below.sum(axis=1), chances.shape[1] - 1)
    return places
