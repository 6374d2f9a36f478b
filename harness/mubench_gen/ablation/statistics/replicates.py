"""Replicates of the cells' accuracies, as other images would give them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.statistics.spread import ByImage

Floats = npt.NDArray[np.float64]

_CHUNK = 4_000_000  # numbers that are in memory at once


def replicates(table: ByImage, *, seed: int, draws: int) -> list[Floats]:
    """The cells' accuracies, in parts of (draws, cells).

    On images drawn with replacement (the bootstrap); of two clusterings at once, of which no
    bootstrap has the variance (Owen 2007), draws from the normal limit.
    """
    generator = np.random.default_rng([seed, 1])
    crossed = len(table.ways) > 1
    rows = table.influences() if crossed else table.sums
    groups, cells = rows.shape
    at_once = max(1, min(draws, _CHUNK // max(groups, cells)))
    found = []
    for begin in range(0, draws, at_once):
        now = min(at_once, draws - begin)
        if crossed:
            found.append(table.means + generator.normal(size=(now, groups)) @ rows)
            continue
        times = generator.multinomial(groups, np.full(groups, 1 / groups), size=now)
        weights = times.astype(np.float64)
        found.append((weights @ rows) / (weights @ table.sizes)[:, None])
    return found
