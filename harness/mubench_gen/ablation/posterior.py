"""What the whole grid would show: draws from what the Rasch-type model knows of it.

Normal for abilities (the likelihood as at its mode, Laplace), exact for difficulties given
those; the answers that were not asked for are drawn too.

How far cells lie apart is hardly known from few answers, and what is taken for granted of it
moves the extremes. So there are draws under two priors: an open one, and a sceptical one under
which cells are as good as alike unless the answers say otherwise; an interval holds what
either finds likely.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.rasch import (
    NODES,
    TASK_VARIANCE,
    Asked,
    Design,
    Fit,
    Quadrature,
    chances_of,
    fitted,
)

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

DRAWS = 400  # of each prior
_OPEN, _SCEPTICAL = 1.0, 0.02  # how far cells may lie apart beforehand, in logits
_BURN_IN = 100  # draws


@dataclass(frozen=True, slots=True)
class Estimate:
    """The accuracies that the whole grid would have: draws from what is known of them.

    `drawn` (draws, cells); `sceptical`: the same under the sceptical prior; `answered` (cells,):
    how many answers of each cell there are.
    """

    drawn: Floats
    sceptical: Floats
    answered: Codes
    fit: Fit

    def interval(self, over: Callable[[Floats], Floats]) -> Floats:
        """The 95 % interval (2, …) of what `over` makes of accuracies, draw by draw.

        It holds those of both priors.
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


def estimate(asked: Asked, *, seed: int, draws: int = DRAWS) -> Estimate:
    """Fit the model and draw what the whole grid would score. ValueError for no answer."""
    if not len(asked.item):
        raise ValueError("no answers to estimate from")
    order = np.argsort(asked.item, kind="stable")
    asked = Asked(
        asked.item[order], asked.cell[order], asked.right[order], asked.levels, asked.task
    )
    design = Design.of(asked)
    fit = fitted(asked, design)
    drawn, sceptical = (
        _drawn(asked, design, _Chain(design, fit, generator, scale), generator, draws=draws)
        for scale, generator in (
            (_OPEN, np.random.default_rng([seed, 3])),
            (_SCEPTICAL, np.random.default_rng([seed, 4])),
        )
    )
    answered = np.bincount(asked.cell, minlength=asked.cells)
    return Estimate(drawn, sceptical, answered, fit)


def _drawn(
    asked: Asked, design: Design, chain: _Chain, generator: np.random.Generator, *, draws: int
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
    """Draws of the effects and their variances by turns (Gibbs), the likelihood as at its mode.

    An effect is the product of a scale common to all (normal, its standard deviation `scale`),
    one of its block, and a number of its own, so that all of them may be nil together, or
    those of a block, and the chain does not stick there (redundant parameters, Gelman et al.
    2008): a block's standard deviation is half-Cauchy given the common scale.
    """

    def __init__(
        self, design: Design, fit: Fit, generator: np.random.Generator, scale: float
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
        self._every = 1 + (len(fit.effects) // 400) ** 2  # draws from one set of variances
        self._number = 0
        for _ in range(max(10, _BURN_IN // self._every)):
            self._renew()
            self._draw()

    def next(self) -> Floats:
        """The effects, once more."""
        if self._number % self._every == 0:
            self._renew()
        self._number += 1
        self._draw()
        return self._own * self._scaling()

    def _scaling(self) -> Floats:
        return np.append(self._common * self._scales, 1.0)[self._block]

    def _renew(self) -> None:
        """Scales and variances, given the effects; and what follows from them."""
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
        """A draw from a normal distribution, by its information and that times its mean."""
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
    """One place a row, drawn by the row's probabilities."""
    below = np.cumsum(chances, axis=1) < generator.random((len(chances), 1))
    places: Codes = np.minimum(below.sum(axis=1), chances.shape[1] - 1)
    return places
