"""How often 95 % intervals hold the truth: those of a share, and of a paired difference.

    python benchmarks/coverage.py shares [REPLICATES]
    python benchmarks/coverage.py differences [REPLICATES]

Shares: images have 5 items each ("equal"), from 1 to 6, or a tenth of them 50 and the others 2
("heavy"); two items of an image have the correlation given (a beta distribution of the images'
chances). 600 REPLICATES a cell: a coverage of 95 % is then known to within 1.7 points. *Cautioned*
is the share of the intervals beside which a caution stands.

Differences: each image has a chance of its own that its items are answered right (a beta
distribution as above), partly shared by the two models; 5 items
an image, or a geometric number of 4 in the mean. The naive interval is the same one with every
item taken as independent. 2,000 REPLICATES a row: known to within 1 point.
"""

from __future__ import annotations

import math
import sys
from itertools import product

import numpy as np
from scipy.stats import beta

from mubench_gen.scores.estimand import estimand, estimand_of_sums
from mubench_gen.scores.estimate import share_estimate
from mubench_gen.scores.paired import score_interval
from mubench_gen.scores.quantile import student

PAIRS = ((0.2, 0.25), (0.5, 0.6), (0.9, 0.9))
CORRELATIONS = (0.05, 0.3, 0.6)
GRID = (
    ("equal", "1-6", "heavy"),
    (10, 20, 50, 100, 200),
    (0.02, 0.1, 0.5, 0.9, 0.99),
    (0.0, 0.2, 0.5, 0.8),
)


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


def sizes_of(kind: str, images: int, drawn: np.random.Generator) -> np.ndarray:
    """The numbers of items of the images."""
    if kind == "heavy":
        return np.where(np.arange(images) < max(1, images // 10), 50, 2)
    return np.full(images, 5) if kind == "equal" else drawn.integers(1, 7, images)


def share_held(
    kind: str, images: int, share: float, correlation: float, replicates: int
) -> tuple[float, float]:
    """How often the interval of a share holds it, and carries a caution."""
    drawn = np.random.default_rng(round(1e6 * share) + round(100 * correlation) + images)
    held = cautioned = 0
    for _ in range(replicates):
        sizes = sizes_of(kind, images, drawn)
        chances = np.full(images, share)
        if correlation:
            about = 1 / correlation - 1
            chances = drawn.beta(share * about, (1 - share) * about, images)
        right = drawn.binomial(sizes, chances)
        found = share_estimate(estimand_of_sums(sizes, right, right))
        held += found.ci95[0] <= share <= found.ci95[1]
        cautioned += bool(found.cautions)
    return held / replicates, cautioned / replicates


def shares(replicates: int) -> None:
    """Print the grid: held, and in brackets cautioned, in per cent, by correlation."""
    print("items   images  share" + "".join(f"  correlation {c:<3}" for c in GRID[3]))
    outside = []
    for kind, images, share in product(*GRID[:3]):
        row = [share_held(kind, images, share, c, replicates) for c in GRID[3]]
        cells = "".join(f"   {100 * h:5.1f} ({100 * c:3.0f})  " for h, c in row)
        print(f"{kind:6}  {images:6}  {share:5.2f}{cells}", flush=True)
        outside += [(kind, images, share, r, h, c)
                    for r, (h, c) in zip(GRID[3], row, strict=True)
                    if not 0.93 <= h <= 0.975]  # fmt: skip
    bare = [cell for cell in outside if cell[-1] < 0.5]
    print(f"{math.prod(map(len, GRID))} cells; {len(outside)} hold less than 93 % or more than "
          f"97.5 %, of which {len(bare)} with a caution beside fewer than half of the "
          "intervals:")  # fmt: skip
    for kind, images, share, correlation, held, cautioned in bare:
        print(f"  {kind}, {images} images, share {share}, correlation {correlation}: "
              f"{100 * held:.1f} ({100 * cautioned:.0f})")  # fmt: skip


def differences(replicates: int) -> None:
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


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else "shares"
    given = int(sys.argv[2]) if len(sys.argv) > 2 else None
    if what == "shares":
        shares(given or 600)
    else:
        differences(given or 2_000)


if __name__ == "__main__":
    main()
