"""How often the 95 % interval of a paired difference holds the truth, and the naive one.

    python benchmarks/coverage.py [REPLICATES]

Each image has a chance of its own that its items are answered right (a beta distribution, so
that two items of an image have the correlation given), partly shared by the two models; 5 items
an image, or a geometric number of 4 in the mean. The naive interval is the same one with every
item taken as independent. REPLICATES (2,000) data sets each: a coverage of 95 % is then known to
within 1 point.
"""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
from scipy.stats import beta

from mubench_gen.scores.estimand import estimand
from mubench_gen.scores.interval import student
from mubench_gen.scores.paired import score_interval

PAIRS = ((0.2, 0.25), (0.5, 0.6), (0.9, 0.9))
CORRELATIONS = (0.05, 0.3, 0.6)


def covered(
    shares: tuple[float, float], correlation: float, images: int, sizes: str, seed: int
) -> tuple[bool, bool]:
    """Whether our interval and the naive one hold the true difference, on one data set."""
    drawn = np.random.default_rng(seed)
    each = np.full(images, 5) if sizes == "5" else np.minimum(drawn.geometric(0.25, images), 40)
    image = np.repeat(np.arange(images), each)
    ranks = drawn.random(images)
    others = np.where(drawn.random(images) < 0.5, ranks, drawn.random(images))
    about = (1 - correlation) / correlation
    right = []
    ease = drawn.random(len(image))
    for share, rank in zip(shares, (ranks, others), strict=True):
        chance = beta.ppf(rank, share * about, (1 - share) * about)[image]
        own = np.where(drawn.random(len(image)) < 0.5, ease, drawn.random(len(image)))
        right.append((own < chance).astype(float))
    apart = right[0] - right[1]
    ahead, behind = float((apart > 0).mean()), float((apart < 0).mean())
    known = estimand(apart, image).precision()
    size = known.size(ahead + behind - (ahead - behind) ** 2)
    quantile = student(0.95, known.freedom)
    low, high = score_interval(ahead, behind, size=size, quantile=quantile)
    naive = score_interval(ahead, behind, size=len(image), quantile=1.959964)
    true = shares[0] - shares[1]
    return low <= true <= high, naive[0] <= true <= naive[1]


def main() -> None:
    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    print("images  items an image  accuracies  correlation  held  naive")
    for images, sizes, shares, correlation in product(
        (200, 500), ("5", "1, 2, …"), PAIRS, CORRELATIONS
    ):
        held = np.mean(
            [covered(shares, correlation, images, sizes, seed) for seed in range(replicates)],
            axis=0,
        )
        told = f"{shares[0]:.2f}, {shares[1]:.2f}"
        print(f"{images:6}  {sizes:>14}  {told:>10}  {correlation:11.2f}  "
              f"{100 * held[0]:4.1f}  {100 * held[1]:5.1f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
