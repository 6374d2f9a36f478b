"""How good is the α that a budget chooses, where the truth is known? `sweep_budget.py 300`.

Twenty-five sets of weights on 800 items of 400 images; an answer depends on the item for the most
part. *Even*: as many answers of each, spent on the images that choose.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from mubench_gen.interpolation.sweep.budget.halving import PoolItem, pool_of, search

NAMES = [f"{number}" for number in range(25)]
ITEMS = [PoolItem(f"{n}/{half}", str(n), half == "in") for n in range(400) for half in ("in", "re")]
SHAPES = {
    "hump": [0.4 + 0.2 * np.sin(place / 24 * np.pi) for place in range(25)],
    "one": [0.5 if place != 7 else 0.6 for place in range(25)],
    "equal": [0.5] * 25,
}


def lost(shape: str, budget: int, seed: int) -> tuple[float, float, int]:
    """The points by which what was chosen is below the best: by halving, and by an even spread; and
    the answers that were asked."""
    true, drawn = np.array(SHAPES[shape]), np.random.default_rng([seed, 1])
    ease = {item.name: drawn.random() for item in ITEMS}
    place_of = {name: place for place, name in enumerate(NAMES)}
    right = {item.name: 0.7 * ease[item.name] + 0.3 * drawn.random(len(NAMES)) for item in ITEMS}
    cuts = np.quantile(np.concatenate(list(right.values())), true)  # so that these are the shares

    def ask(names: Sequence[str], items: Sequence[str]) -> Sequence[float]:
        places = [place_of[name] for name in names]
        answers = np.array([right[item][places] < cuts[places] for item in items])
        return list(answers.mean(axis=0).tolist())

    pool = pool_of(ITEMS, seed=seed)
    found = search(NAMES, [NAMES[0], NAMES[-1]], ask, pool, budget=budget, cost=1)
    even = ask(NAMES, pool.first(max(1, budget // 2 // (2 * len(NAMES)))))
    chosen = true[place_of[found.chosen]], true[int(np.argmax(even))]
    return 100 * float(true.max() - chosen[0]), 100 * float(true.max() - chosen[1]), found.spent


def main(repeats: int) -> None:
    """Print a line for each shape and budget."""
    print("shape  budget   spent  points lost: halving  even  the best was chosen: halving  even")
    for shape in SHAPES:
        for budget in (600, 1_000, 2_000, 5_000):
            told = np.array([lost(shape, budget, seed) for seed in range(repeats)])
            best = 100 * (told[:, :2] < 1e-9).mean(axis=0)
            means = told.mean(axis=0)
            print(
                f"{shape:>5}  {budget:6}  {means[2]:6.0f}  {means[0]:20.2f}  {means[1]:4.2f}  "
                f"{best[0]:28.0f}  {best[1]:4.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
