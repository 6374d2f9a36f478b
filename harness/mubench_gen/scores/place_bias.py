"""Position bias: how much recalls differ by the position of the right option.

Its number is RStd of Zheng et al. 2024.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_DRAWS = 4_000


@dataclass(frozen=True, slots=True)
class PlaceBias:
    """The standard deviation of the recalls by position, pooled over numbers of options, and
    its approximate expectation (`noise`) if the position had no effect."""

    spread: float
    noise: float


def place_bias(
    gold: Mapping[int, Counter[int]], right: Mapping[int, Counter[int]]
) -> PlaceBias | None:
    """Position bias from counts by position, for each number of options: of right options
    there (`gold`), and of those answered right.

    None unless for some number of options the right ones were at two positions or more.
    """
    spread = noise = weight = 0.0
    for options, places in gold.items():
        if len(places) < 2:
            continue
        recalls = {place: right[options][place] / n for place, n in places.items()}
        mean, n = math.fsum(recalls.values()) / len(recalls), places.total()
        spread += n * math.fsum((r - mean) ** 2 for r in recalls.values()) / len(recalls)
        share = right[options].total() / n
        expected = math.fsum(share * (1 - share) / places[place] for place in places) / len(places)
        noise += n * expected * (len(places) - 1) / len(places)
        weight += n
    return PlaceBias(math.sqrt(spread / weight), math.sqrt(noise / weight)) if weight else None


def place_inference(
    clusters: Iterable[Sequence[tuple[int, tuple[int, ...]]]],
    positions: Mapping[tuple[int, int], int],
) -> tuple[tuple[float, float], float] | None:
    """The 95 % interval of the bias without noise, and p of the test that there is none.

    `clusters` has, of each image, (items, right) by the code of a number of options and position.
    The recalls' covariance is cluster-robust; the interval is of draws from their normal limit
    less the noise, p is of a Wald test. None where nothing could differ or vary.
    """
    import numpy as np
    from scipy.special import chdtrc

    # By the positions themselves: sums are bitwise the same whatever the order of the records.
    ranks = {positions[place]: rank for rank, place in enumerate(sorted(positions))}
    kinds = Counter(tuple(sorted((ranks[c], n) for c, n in cells)) for cells in clusters)
    table = np.zeros((len(kinds), 2, len(positions)))
    counts = np.empty(len(kinds))
    for row, (cells, count) in enumerate(sorted(kinds.items())):
        counts[row] = count
        for code, numbers in cells:
            table[row, :, code] = numbers
    items, right = np.tensordot(counts, table, 1)
    of_options: dict[int, list[int]] = defaultdict(list)
    for code, (options, _) in enumerate(sorted(positions)):
        if items[code]:
            of_options[options].append(code)
    groups = [codes for codes in of_options.values() if len(codes) > 1]
    images = counts.sum()
    if not groups or images < 2:
        return None
    recalls = right / np.maximum(items, 1)
    each = (table[:, 1] - table[:, 0] * recalls) / np.maximum(items, 1)
    covariance = (each * counts[:, None]).T @ each * images / (images - 1)
    used = [code for codes in groups for code in codes]
    weights = np.concatenate([np.full(len(g), items[g].sum() / len(g)) for g in groups])
    weights /= sum(items[codes].sum() for codes in groups)
    centre = _centring([len(codes) for codes in groups])
    apart, spread = centre @ recalls[used], centre @ covariance[np.ix_(used, used)] @ centre.T
    if np.trace(spread) <= 1e-15:
        return None
    noise = float(weights @ np.diag(spread))
    root = np.linalg.eigh(spread)
    normal = np.random.default_rng(0).normal(size=(_DRAWS, len(used)))
    drawn = apart + normal @ (root[1] * np.sqrt(np.maximum(root[0], 0))).T
    true = np.sqrt(np.maximum(0.0, drawn**2 @ weights - 2 * noise))
    low, high = np.quantile(true, [0.025, 0.975]).tolist()
    statistic = float(apart @ np.linalg.pinv(spread, hermitian=True) @ apart)
    return (low, high), float(chdtrc(np.linalg.matrix_rank(spread, hermitian=True), statistic))


def _centring(sizes: Sequence[int]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The matrix that takes from each recall the mean of those with as many options."""
    import numpy as np

    found = np.eye(sum(sizes))
    begin = 0
    for size in sizes:
        found[begin : begin + size, begin : begin + size] -= 1 / size
        begin += size
    return found
