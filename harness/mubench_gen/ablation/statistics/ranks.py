"""The order of the models under noise: whether it depends on the cell, as far as items can tell.

The order of observed scores changes between cells by chance alone. So the differences between
models in each cell are estimated by a hierarchical model, whose noise is the covariance of the
scores between images:

    score (model, cell) = cell + model + model × cell + noise

A model's part and that of model × cell are normal; the share of the first in the variance of
both, on which the agreement of the orders depends, has a uniform prior with a mass at 1 (no
interaction). Everything told is of draws from its posterior (Gelman et al. 2013, chapter 5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DRAWS = 2_000
_TIE = 1e-12
_SHARES = np.append((np.arange(16) + 0.5) / 16, 1.0)  # of the models in the variance
_NO_INTERACTION = 0.2  # prior probability
_SPREADS = np.geomspace(0.003, 0.5, 14)  # standard deviations of models and interactions together
_LEAST = 1e-9  # variance
_MOST = 1_500  # scores; of more cells that many are drawn
_TELLS = 0.5  # the width of τ's interval beyond which the sample cannot tell


@dataclass(frozen=True, slots=True)
class RankStability:
    """The agreement between `rankings` of `models`.

    tau: Kendall's τ between the true orders, averaged over all pairs of rankings, corrected for
    the sampling of items; tau_ci95: its interval; raw_tau: τ-b of the observed orders, lower by
    noise alone; all None with fewer than two rankings, or models that never differ. known: False
    if the sample cannot tell whether the order holds. leads: for each ranking the probability
    that each model truly leads it, (rankings, models). one_leader: the probability that two
    rankings, drawn at random, have one leader, with its interval. best: the share of rankings
    that each model leads, as observed; a tie counts in equal parts.
    """

    models: int
    rankings: int
    tau: float | None
    tau_ci95: tuple[float, float] | None
    raw_tau: float | None
    known: bool
    leads: tuple[tuple[float, ...], ...]
    one_leader: float | None
    one_leader_ci95: tuple[float, float] | None
    best: tuple[float, ...]


def rank_stability(
    scores: Floats, influences: Floats, *, seed: int = 0, draws: int = DRAWS
) -> RankStability:
    """The stability of scores (models, rankings).

    `influences` (clusters, models × rankings) are what each cluster, mostly an image, adds to
    the scores; the sums of their squares and products are the covariance of the noise.
    """
    models, rankings = scores.shape
    leads = scores >= scores.max(axis=0) - _TIE
    raw = float(mean_tau(scores[None])[0])
    best = tuple(float(share) for share in (leads / leads.sum(axis=0)).mean(axis=1))
    known = rankings > 1 and np.isfinite(raw)
    if models < 2 or not np.isfinite(scores).all() or not _may_vary(scores, influences):
        return RankStability(
            models, rankings, raw if known else None, None, raw if known else None, known, (),
            None, None, best,
        )  # fmt: skip
    true = true_scores(scores, influences, seed=seed, draws=draws)
    first = true.argmax(axis=1)  # (draws, rankings)
    counts = np.stack([(first == model).sum(axis=1) for model in range(models)], axis=1)
    chances = np.stack([(first == model).mean(axis=0) for model in range(models)], axis=1)
    told = tuple(tuple(float(chance) for chance in row) for row in chances)
    if rankings < 2:
        return RankStability(models, rankings, None, None, None, False, told, None, None, best)
    taus, drawn = mean_tau(true), true.shape[2]
    one = (counts * (counts - 1)).sum(axis=1) / (drawn * (drawn - 1))
    interval = _interval(taus)
    return RankStability(
        models=models,
        rankings=rankings,
        tau=float(taus.mean()),
        tau_ci95=interval,
        raw_tau=raw if np.isfinite(raw) else None,
        known=interval[1] - interval[0] <= _TELLS,
        leads=told,
        one_leader=float(one.mean()),
        one_leader_ci95=_interval(one),
        best=best,
    )


def true_scores(scores: Floats, influences: Floats, *, seed: int = 0, draws: int = DRAWS) -> Floats:
    """Draws of the true scores less their cell's mean, of shape (draws, models, rankings)."""
    generator = np.random.default_rng([seed, 7])
    scores, influences = _some(scores, influences, generator)
    models, cells = scores.shape
    contrasts = _orthonormal(models)  # (models − 1, models): what is left of a cell's mean
    seen = contrasts @ scores
    each = np.einsum("im,gmc->gic", contrasts, influences.reshape(-1, models, cells))
    size = seen.size
    values, vectors = np.linalg.eigh(noise_of(each))
    values = values.clip(0)
    common = np.kron(np.eye(models - 1), np.full((cells, 1), 1 / np.sqrt(cells)))
    common = vectors.T @ common  # the models' own directions, in those of the noise
    turned = vectors.T @ seen.ravel()
    at = _posterior(turned, values, common, cells)
    chosen = generator.choice(at.size, size=draws, p=at.ravel())
    found = np.empty((draws, size))
    for number in np.unique(chosen).tolist():
        here = np.flatnonzero(chosen == number)
        spread, share = _SPREADS[number // len(_SHARES)], _SHARES[number % len(_SHARES)]
        own, of_models = spread**2 * (1 - share) + _LEAST, spread**2 * share * cells
        # A draw from the prior, moved by what it misses of the data (Matheron's rule).
        prior = np.sqrt(own) * generator.normal(size=(size, len(here)))
        prior += common @ (np.sqrt(of_models) * generator.normal(size=(models - 1, len(here))))
        missed = turned[:, None] - prior
        missed -= np.sqrt(values)[:, None] * generator.normal(size=(size, len(here)))
        solved = _solved(missed, own + values, common, of_models)
        found[here] = (prior + own * solved + of_models * (common @ (common.T @ solved))).T
    drawn: Floats = (found @ vectors.T).reshape(draws, models - 1, cells)
    centred: Floats = np.einsum("im,dic->dmc", contrasts, drawn, optimize=True)
    return centred


def _posterior(turned: Floats, values: Floats, common: Floats, cells: int) -> Floats:
    """The probability of each spread and share, (spreads, shares)."""
    logs = np.empty((len(_SPREADS), len(_SHARES)))
    for i, spread in enumerate(_SPREADS):
        for j, share in enumerate(_SHARES):
            own, of_models = spread**2 * (1 - share) + _LEAST, spread**2 * share * cells
            diagonal = own + values
            inner = np.eye(common.shape[1]) + of_models * (common.T / diagonal) @ common
            distance = turned @ _solved(turned[:, None], diagonal, common, of_models)[:, 0]
            logs[i, j] = -0.5 * (np.log(diagonal).sum() + np.linalg.slogdet(inner)[1] + distance)
    prior = np.full(len(_SHARES), (1 - _NO_INTERACTION) / (len(_SHARES) - 1))
    prior[-1] = _NO_INTERACTION
    found: Floats = np.exp(logs - logs.max()) * _SPREADS[:, None] * prior
    found /= found.sum()
    return found


def _solved(right: Floats, diagonal: Floats, common: Floats, of_models: float) -> Floats:
    """(diagonal + of_models · common commonᵀ)⁻¹ right, by Woodbury's identity."""
    plain = right / diagonal[:, None]
    inner = np.eye(common.shape[1]) + of_models * (common.T / diagonal) @ common
    carried = np.linalg.solve(inner, common.T @ plain)
    found: Floats = plain - of_models * (common / diagonal[:, None]) @ carried
    return found


def noise_of(each: Floats) -> Floats:
    """The covariance of the noise from influences of shape (clusters, contrasts, cells).

    Few clusters tell the covariance of many scores badly, and what looks like less noise than
    there is looks like interaction. So the covariance is mixed with a plain one, with one
    variance and one covariance between cells, as much as its own error says (Ledoit & Wolf
    2004).
    """
    clusters, contrasts, cells = each.shape
    flat = each.reshape(clusters, -1)
    found = flat.T @ flat
    blocks = found.reshape(contrasts, cells, contrasts, cells)
    mean = np.einsum("icid->cd", blocks) / contrasts
    variance = float(np.trace(mean)) / cells
    shared = (float(mean.sum()) - cells * variance) / max(1, cells * (cells - 1))
    one = np.full((cells, cells), shared)
    np.fill_diagonal(one, variance)
    plain = np.kron(np.eye(contrasts), one)
    error = float(((flat**2).sum(axis=1) ** 2).sum() - (found**2).sum() / clusters)
    apart = float(((found - plain) ** 2).sum())
    weight = min(1.0, max(0.0, error / apart)) if apart > 0 else 0.0
    mixed: Floats = weight * plain + (1 - weight) * found
    return mixed


def _some(
    scores: Floats, influences: Floats, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """At most `_MOST` scores, of rankings drawn at random."""
    models, cells = scores.shape
    most = max(2, _MOST // models)
    if cells <= most:
        return scores, influences
    kept = np.sort(generator.choice(cells, most, replace=False))
    places = (np.arange(models)[:, None] * cells + kept).ravel()
    return scores[:, kept], influences[:, places]


def _may_vary(scores: Floats, influences: Floats) -> bool:
    return bool(np.abs(influences).max() > _TIE or np.ptp(scores, axis=0).max() > _TIE)


def _orthonormal(models: int) -> Floats:
    """Orthonormal contrasts of the models, (models − 1, models)."""
    found: Floats = np.linalg.svd(np.eye(models) - 1 / models)[2][: models - 1]
    return found


def mean_tau(scores: Floats) -> Floats:
    """The mean τ-b over all pairs of rankings, for each draw of (draws, models, rankings).

    τ-b of two rankings is the cosine of their signs on all pairs of models, so that the mean
    over pairs of rankings follows from the sum of unit vectors.
    """
    unit = _signs(scores)
    number = (unit**2).sum(axis=1).round().sum(axis=1)  # rankings that are not complete ties
    together = (unit.sum(axis=2) ** 2).sum(axis=1)
    pairs = number * (number - 1)
    none = np.full(len(scores), np.nan)
    taus: Floats = np.divide(together - number, pairs, out=none, where=pairs > 0)
    return taus


def _signs(scores: Floats) -> Floats:
    """Unit vectors over the pairs of models, (draws, pairs, rankings); a complete tie is zero."""
    one, other = np.triu_indices(scores.shape[1], 1)
    apart = scores[:, one] - scores[:, other]
    signs = np.sign(np.where(np.abs(apart) < _TIE, 0.0, apart))
    lengths = np.sqrt((signs**2).sum(axis=1, keepdims=True))
    unit: Floats = np.divide(signs, lengths, out=np.zeros_like(signs), where=lengths > 0)
    return unit


def _interval(values: Floats) -> tuple[float, float]:
    """The shortest interval with 95 % of the draws; τ has few values, and 1 is an end of them."""
    ordered = np.sort(values)
    width = int(np.ceil(0.95 * len(ordered)))
    begin = int(np.argmin(ordered[width - 1 :] - ordered[: len(ordered) - width + 1]))
    return float(ordered[begin]), float(ordered[begin + width - 1])
