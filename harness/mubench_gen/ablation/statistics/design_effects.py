"""The effects that a fraction of a grid estimates, by least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mubench_gen.ablation.design import Design, columns_of, contrasts_of, name_of
from mubench_gen.ablation.grid import Grid
from mubench_gen.ablation.statistics.answers import Answers


@dataclass(frozen=True, slots=True)
class DesignEffect:
    """The least-squares effect of one level, or of a pair of levels: a share of right answers over
    the mean of the grid, with its interval (clusters of items, Student's t)."""

    term: str
    level: str
    effect: float
    ci95: tuple[float, float] | None


def design_effects(design: Design, grid: Grid, answers: Answers) -> list[DesignEffect]:
    """The effects of the terms, on the items that all cells answered; of two clusterings the first
    counts."""
    from scipy import stats

    right = answers.right[:, list(design.cells)]
    sound = np.isfinite(right).all(axis=1)
    if not sound.any():
        return []
    names = [factor.name for factor in grid.factors]
    lengths = {factor.name: len(factor.levels) for factor in grid.factors}
    levels = np.array(np.unravel_index(design.cells, grid.shape)).T
    weights = np.linalg.pinv(columns_of(levels, names, lengths, design.terms))
    each = right[sound] @ weights.T  # items × columns
    clusters = np.unique(np.atleast_2d(answers.clusters.codes[sound].T)[0], return_inverse=True)[1]
    groups = int(clusters.max()) + 1
    found, at = [], 1
    for term in design.terms:
        combos, contrasts = contrasts_of(term, lengths)
        own = each[:, at : at + contrasts.shape[1]] @ contrasts.T
        at += contrasts.shape[1]
        means = own.mean(axis=0)
        sums = np.zeros((groups, len(combos)))
        np.add.at(sums, clusters, own - means)
        error = np.sqrt((sums**2).sum(axis=0) * groups / max(1, groups - 1)) / len(own)
        reach = stats.t.ppf(0.975, groups - 1) * error if groups > 1 else None
        for place, combo in enumerate(combos):
            level = " × ".join(
                grid.factors[names.index(name)].levels[one]
                for name, one in zip(term, combo, strict=True)
            )
            mean = float(means[place])
            ends = None if reach is None else (mean - reach[place], mean + reach[place])
            ci95 = None if ends is None else (float(ends[0]), float(ends[1]))
            found.append(DesignEffect(name_of(term), level, mean, ci95))
    return found
