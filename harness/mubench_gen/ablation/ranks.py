"""Rank stability: whether the order of the models depends on the prompt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_TIE = 1e-12


@dataclass(frozen=True, slots=True)
class RankStability:
    """The agreement between `rankings` of `models`.

    tau: Kendall's τ-b, averaged over all pairs of rankings, with its bootstrap interval over
    images; None with fewer than two rankings that are not complete ties. lowest: the smallest τ
    of a pair. best: the share of rankings that each model leads; a tie counts in equal parts.
    """

    models: int
    rankings: int
    tau: float | None
    tau_ci95: tuple[float, float] | None
    lowest: float | None
    best: tuple[float, ...]


def rank_stability(scores: Floats, drawn: Floats | None = None) -> RankStability:
    """The stability of scores (models, rankings); `drawn`: bootstrap samples, (draws, …)."""
    tau = mean_tau(scores[None])[0]
    interval = None
    if drawn is not None and np.isfinite(tau):
        taus = mean_tau(drawn)
        taus = taus[np.isfinite(taus)]
        if len(taus):
            low, high = np.quantile(taus, [0.025, 0.975])
            interval = float(low), float(high)
    leads = scores >= scores.max(axis=0) - _TIE
    return RankStability(
        models=len(scores),
        rankings=scores.shape[1],
        tau=float(tau) if np.isfinite(tau) else None,
        tau_ci95=interval,
        lowest=_lowest(scores),
        best=tuple(float(share) for share in (leads / leads.sum(axis=0)).mean(axis=1)),
    )


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


def _lowest(scores: Floats) -> float | None:
    unit = _signs(scores[None])[0]
    unit = np.unique(unit[:, np.abs(unit).sum(axis=0) > 0], axis=1)  # many rankings are equal
    if unit.shape[1] < 2:
        return 1.0 if unit.shape[1] and scores.shape[1] > 1 else None
    return float((unit.T @ unit).min())
