"""How often a sweep under conditions errs, where the truth is known: `sweep_conditions.py 300`.

Two items an image, one in the domain; answers along α and over conditions are correlated.
"""

from __future__ import annotations

import sys
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.grid import Factor
from mubench_gen.interpolation.sweep.conditions.dependence import (
    chosen_by_condition,
    interactions,
    one_for_all,
)
from mubench_gen.interpolation.sweep.conditions.sample import CompleteItems

Floats = npt.NDArray[np.float64]
_NORMAL = NormalDist()
ALPHAS = np.linspace(0, 1, 6)


def truth(kind: str, conditions: int) -> Floats:
    """True accuracies (halves, α, conditions) of a kind of sweep."""
    level = 0.5 + 0.06 * np.arange(conditions)
    hump = 0.3 * ALPHAS - 0.25 * ALPHAS**2
    found = np.empty((2, len(ALPHAS), conditions))
    found[:] = level + (hump[:, None] if kind != "flat" else 0.0)
    if kind == "halves":  # the domain gains where the rest loses: no interaction in their mean
        lean = 0.06 * ALPHAS[:, None] * (np.arange(conditions) - 0.5)
        found += np.stack([lean, -lean])
    if kind == "depends":  # under the last condition the base is the best
        found[:, :, -1] -= 0.25 * ALPHAS
    return found


def sample(true: Floats, images: int, seed: int) -> CompleteItems:
    """A sample of images with those true accuracies."""
    drawn = np.random.default_rng(seed)
    _, alphas, conditions = true.shape
    items = 2 * images
    inside = np.arange(items) % 2 == 0
    ease = np.sqrt(0.3) * np.repeat(drawn.normal(size=images), 2)[:, None, None]
    ease = ease + np.sqrt(0.5) * drawn.normal(size=(items, 1, 1))
    ease = ease + np.sqrt(0.1) * drawn.normal(size=(items, 1, conditions))
    ease = ease + np.sqrt(0.1) * drawn.normal(size=(items, alphas, conditions))
    limits = np.vectorize(_NORMAL.inv_cdf)(true.clip(0.01, 0.99))
    right = (ease < limits[np.where(inside, 0, 1)]).astype(float)
    levels = tuple(f"c{place}" for place in range(conditions))
    return CompleteItems(
        values=right,
        inside=inside,
        images=np.arange(items) // 2,
        alphas=tuple(f"{alpha:.1f}" for alpha in ALPHAS),
        factors=(Factor("prompt", levels),),
        levels=np.arange(conditions)[:, None],
        seed=seed,
    )


def tested(kind: str, conditions: int, images: int, repeats: int) -> str:
    """How often the test of interaction rejects, and its bands hold, in % of the samples."""
    means = truth(kind, conditions).mean(axis=0)  # (α, conditions)
    deviations = means - means.mean(axis=0) - means.mean(axis=1)[:, None] + means.mean()
    rejected, held = [], []
    for seed in range(repeats):
        (test,) = interactions(sample(truth(kind, conditions), images, seed))
        bands = np.array([one.band for one in test.deviations]).reshape(*means.shape, 2)
        inside = (bands[..., 0] - 1e-9 <= deviations) & (deviations <= bands[..., 1] + 1e-9)
        rejected.append(test.p < 0.05)
        held.append(inside.all())
    return f"{100 * np.mean(rejected):11.1f}  {100 * np.mean(held):10.1f}"


def chosen(kind: str, conditions: int, images: int, repeats: int) -> str:
    """One α for all: the set, and what choosing by condition is worth, where it is worth most."""
    means = truth(kind, conditions).mean(axis=0)
    best = means.mean(axis=1).argmax()
    found = []
    for seed in range(repeats):
        one = sample(truth(kind, conditions), images, seed)
        both = one_for_all(one)
        again = chosen_by_condition([one.halves(at) for at in range(conditions)], seed=seed)
        assert again is not None
        assert both.regrets is not None
        gaps = means.T[:, :, None] - means.T[:, None, :]  # (conditions, own, common)
        worth = (again.pairs * gaps).sum(axis=(1, 2))
        held = [
            regret.ci95[0] - 1e-9 <= true <= regret.ci95[1] + 1e-9
            for regret, true in zip(both.regrets, worth, strict=True)
        ]
        most = int(worth.argmax())
        found.append(
            [
                one.alphas[best] in both.common,
                not both.common,
                np.mean(held),
                worth[most],
                both.regrets[most].mean,
                both.regrets[most].here,
            ]
        )
    told = 100 * np.mean(found, axis=0)
    return (
        f"{told[0]:11.1f}  {told[1]:9.1f}  {told[2]:4.1f}  {told[3]:4.1f}  {told[4]:12.1f}  "
        f"{told[5]:18.1f}"
    )


def main(repeats: int) -> None:
    """Print a line for each kind of sweep, number of conditions, and number of images."""
    print("   kind  conditions  images  p < 0.05, %  bands hold  best in set  set empty  held  "
          "true  cross-fitted  on the same images")  # fmt: skip
    for kind in ("flat", "same", "halves", "depends"):
        for conditions, images in ((2, 30), (2, 100), (4, 100), (4, 400)):
            told = tested(kind, conditions, images, repeats)
            more = chosen(kind, conditions, images, max(1, repeats // 10))
            print(f"{kind:>7}  {conditions:10}  {images:6}  {told}  {more}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
