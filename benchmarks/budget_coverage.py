"""How often the intervals of `ablate --budget` hold what the whole grid would have shown.

    python benchmarks/budget_coverage.py [GRIDS] [KIND…]

Grids of 12 cells (3 × 2 × 2 levels) and 180 items of three tasks are simulated, GRIDS (100) of
each KIND (all), by seed; a tenth, a third and two thirds of each are drawn as `--budget` draws
them, and the intervals held against the same grid in full. Kinds:

    large     levels lie apart (standard deviations of 0.8, 0.4 and 0.2 logits, cells 0.2)
    nil       all cells are as good as alike (0.02)
    outlier   as large, and one cell is a logit worse than the rest, as of a prompt not understood
    images    as large; three items an image, which share a difficulty, and cells that suit
              some images (0.5 logits) and not others, of which the model knows nothing

One process a core; CPU seconds are those of one estimate.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.budget import draw
from mubench_gen.scores.posterior import Floats, estimate
from mubench_gen.scores.rasch import responses_of

KINDS = ("large", "nil", "outlier", "images")
BUDGETS = (0.1, 1 / 3, 2 / 3)
ITEMS = 180
LEVELS = np.array(list(itertools.product(range(3), range(2), range(2))))
OVER: tuple[tuple[str, Callable[[Floats], Floats]], ...] = (
    ("mean", lambda cells: cells.mean(axis=1)),
    ("min", lambda cells: cells.min(axis=1)),
    ("median", lambda cells: np.asarray(np.median(cells, axis=1))),
    ("max", lambda cells: cells.max(axis=1)),
    ("cells", lambda cells: cells),
)


def world(kind: str, seed: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """All answers of a grid, (items, cells), and the items' tasks."""
    drawn = np.random.default_rng([seed, KINDS.index(kind)])
    spreads = (0.02,) * 4 if kind == "nil" else (0.8, 0.4, 0.2, 0.2)
    ability = drawn.normal(0, spreads[3], len(LEVELS))
    for factor in range(3):
        ability += drawn.normal(0, spreads[factor], 3)[LEVELS[:, factor]]
    if kind == "outlier":
        ability[drawn.integers(len(LEVELS))] -= 1
    task = drawn.integers(0, 3, ITEMS)
    image = np.arange(ITEMS) // (3 if kind == "images" else 1)
    hard = drawn.normal(0, 0.9, ITEMS)[image] + drawn.normal(0, 0.9, ITEMS)
    logits = ability[:, None] + drawn.normal(0.3, 0.8, 3)[task] - hard
    if kind == "images":
        logits += drawn.normal(0, 0.5, (len(LEVELS), ITEMS))[:, image]
    right = drawn.random(logits.shape) < 1 / (1 + np.exp(-logits))
    return right.T.astype(np.float64), task


def held(kind: str, share: float, seed: int) -> list[float]:
    """Whether each interval held the truth (of the cells the share that did), and CPU seconds."""
    right, task = world(kind, seed)
    seen = np.full_like(right, np.nan)
    budget = round(share * right.size)
    for item, chosen in enumerate(draw(ITEMS, len(LEVELS), budget, seed=seed)):
        seen[item, chosen] = right[item, chosen]
    began = time.process_time()
    found = estimate(responses_of(seen, LEVELS, task), seed=seed)
    cpu = time.process_time() - began
    truth = right.mean(axis=0)[None]
    row = []
    for _, over in OVER:
        (low, high), true = found.interval(over), over(truth)[0]
        row.append(float(np.mean((low - 1e-9 <= true) & (true <= high + 1e-9))))
    low, high = found.interval(OVER[3][1])
    return [*row, float(high - low), cpu]


def main() -> None:
    grids = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    kinds = sys.argv[2:] or KINDS
    print(f"{grids} grids each; held, %")
    print("kind      budget   mean    min  median    max  cells   width of max   CPU s")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for kind, share in itertools.product(kinds, BUDGETS):
            rows = pool.map(partial(held, kind, share), range(grids), chunksize=5)
            *shares, width, cpu = np.mean(list(rows), axis=0)
            told = "  ".join(f"{100 * value:5.1f}" for value in shares)
            print(f"{kind:8}  {share:6.0%}  {told}   {100 * width:12.1f}   {cpu:5.2f}", flush=True)


if __name__ == "__main__":
    main()
