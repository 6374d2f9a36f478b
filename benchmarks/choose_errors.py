"""How often `choose` tells equal models apart, and how many images it takes to tell others.

    python benchmarks/choose_errors.py [SERIES]

Simulated differences of two models, image by image: −1, 0 or 1. The first column is the share of
images on which one alone is right, the second the true difference. Of equal models: the share of
series in which they are told apart at any of 1,000 looks, one after each image. Of others: the
median of the images until they are told apart, and the 90th percentile.
"""

from __future__ import annotations

import sys

import numpy as np

from mubench_gen.scores import anytime
from mubench_gen.scores.anytime import anytime_interval

ERROR = 0.05
CASES = ((0.1, 0.0), (0.3, 0.0), (0.6, 0.0), (0.3, 0.3), (0.3, 0.2), (0.2, 0.1), (0.4, 0.1))


def told_apart(values: list[float]) -> int | None:
    """After how many values 0 is excluded; None if it never is."""
    if not _excludes(values):
        return None
    low, high = 0, len(values)  # excluded once is excluded for good: search by halves
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _excludes(values[:middle]) else (middle, high)
    return high


def _excludes(values: list[float]) -> bool:
    low, high = anytime_interval(values, error=ERROR)
    return low >= 0 or high <= 0


def main(series: int) -> None:
    anytime._STEPS = 8  # of the interval only 0 is asked for
    generator = np.random.default_rng(0)
    for apart, difference in CASES:
        shares = [(apart - difference) / 2, 1 - apart, (apart + difference) / 2]
        images = 2_000 if difference else 1_000
        drawn = [
            told_apart(list(generator.choice([-1.0, 0.0, 1.0], size=images, p=shares)))
            for _ in range(series)
        ]
        found = sorted(one for one in drawn if one is not None)
        told = f"told apart in {100 * len(found) / series:.1f} %"
        if difference:
            ninth = f"{found[series * 9 // 10]:,}" if len(found) > series * 9 // 10 else "more"
            told += f" within {images:,}; median {found[len(found) // 2]:,}, 90 % within {ninth}"
        print(f"one alone right {apart:.0%}, difference {difference:.0%}: {told}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
