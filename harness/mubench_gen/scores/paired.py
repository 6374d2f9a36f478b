"""Paired statistics on arrays: the same items answered twice or more, clustered by image.

An item's value is 0 or 1, or the mean over its orders, prompts or repeats. docs/statistics.md
explains each number, with the sources.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from mubench_gen.scores.estimand import Estimand, estimand
from mubench_gen.scores.interval import student

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DRAWS = 9_999  # of a permutation test without an exact distribution
MCNEMAR, SIGN_FLIP = "exact McNemar", "sign-flip permutation by image"
COCHRAN, PERMUTATION = "Cochran's Q", "permutation by image"

_UNITS = (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 16, 18, 20, 24, 30, 36, 40, 48, 60, 72, 120)
_MOST_STEPS = 100_000_000  # additions that an exact distribution may take
_LEAST_P = 1e-40  # the exact distribution is cut off below
_FEW_IMAGES = 100  # below, an omnibus test draws permutations instead of taking their limit
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Two series of values on the same items.

    first, second: their means over items; difference: first − second. ahead, behind: the sums
    over items by which the first, or the second, is better. ci95: of the difference, by Tango's
    score interval with the effective sample size of clustered data. p: two-sided, of `test`;
    draws: None if its distribution is exact. detectable: the smallest true difference that 80 %
    of such samples would find at 5 %; None if there is none.
    """

    n: int
    images: int
    first: float
    second: float
    difference: float
    ahead: float
    behind: float
    ci95: tuple[float, float]
    p: float
    test: str
    draws: int | None
    detectable: float | None


@dataclass(frozen=True, slots=True)
class Omnibus:
    """Whether three or more series differ at all; fields as in PairedDifference."""

    n: int
    images: int
    statistic: float
    freedom: int
    p: float
    test: str
    draws: int | None


@dataclass(frozen=True, slots=True)
class Probability:
    """A two-sided p, and the number of random draws behind it; None if it is exact."""

    p: float
    draws: int | None


def compare_pair(
    first: npt.ArrayLike, second: npt.ArrayLike, images: npt.ArrayLike, *, seed: int = 0
) -> PairedDifference:
    """Compare two series of values between 0 and 1 on the same items, one or more.

    `images` has each item's image, any integers. Raises ValueError without items.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    n = len(one)
    if not n:
        raise ValueError("no items to compare")
    _, image = np.unique(np.asarray(images), return_inverse=True)
    count = int(image.max()) + 1
    each = one - other
    totals: Floats = np.bincount(image, weights=each).astype(np.float64)
    ahead, behind = float(each[each > 0].sum()), float(-each[each < 0].sum())
    size, quantile = effective_size(estimand(each, image), float(np.abs(each).mean()))
    single = count == n and _whole(each)
    found = (
        Probability(mcnemar(round(ahead), round(behind)), None)
        if single
        else sign_flip(totals, seed=seed)
    )
    return PairedDifference(
        n=n,
        images=count,
        first=float(one.mean()),
        second=float(other.mean()),
        difference=(ahead - behind) / n,
        ahead=ahead,
        behind=behind,
        ci95=score_interval(ahead / n, behind / n, size=size, quantile=quantile),
        p=found.p,
        test=MCNEMAR if single else SIGN_FLIP,
        draws=found.draws,
        detectable=detectable(size, (ahead + behind) / n, quantile=quantile),
    )


def compare_means(
    first: npt.ArrayLike, second: npt.ArrayLike, images: npt.ArrayLike, *, seed: int = 0
) -> PairedDifference:
    """Compare two series of values of any size on the same items, of two images or more.

    The interval is Student's t with the cluster-robust variance, p by sign flips of images.
    Raises ValueError with fewer than two images.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    _, image = np.unique(np.asarray(images), return_inverse=True)
    n, count = len(one), int(image.max(initial=-1)) + 1
    if count < 2:
        raise ValueError("fewer than two images to compare on")
    each = one - other
    totals: Floats = np.bincount(image, weights=each).astype(np.float64)
    mean = float(each.mean())
    known = estimand(each, image).precision()
    error, quantile = known.error, student(0.95, known.robust_freedom)
    found = sign_flip(totals, seed=seed)
    return PairedDifference(
        n=n,
        images=count,
        first=float(one.mean()),
        second=float(other.mean()),
        difference=mean,
        ahead=float(each[each > 0].sum()),
        behind=float(-each[each < 0].sum()),
        ci95=(mean - quantile * error, mean + quantile * error),
        p=found.p,
        test=SIGN_FLIP,
        draws=found.draws,
        detectable=(quantile + NormalDist().inv_cdf(0.8)) * error,
    )


def effective_size(apart: Estimand, discordance: float) -> tuple[float, float]:
    """The number of independent right-or-wrong pairs with the same information, and the
    quantile of Student's t for their interval.

    `apart` has the items' differences, `discordance` is the mean of their absolute values.
    """
    known = apart.precision()
    return known.size(discordance - apart.value**2), student(0.95, known.freedom)


def score_interval(
    ahead: float, behind: float, *, size: float, quantile: float
) -> tuple[float, float]:
    """Tango's score interval (1998) of a paired difference of shares, ahead − behind.

    `ahead` and `behind` are the shares of pairs in which the first, the second alone is
    right; `size` is the number of pairs, which need not be whole.
    """
    difference = ahead - behind

    def score(true: float) -> float:
        middle = 2 * true - (ahead + behind) - difference * true
        root = math.sqrt(max(0.0, middle**2 + 8 * behind * true * (1 - true)))
        variance = (root - middle) / 2 + true * (1 - true)
        distance = difference - true
        if variance <= 0:
            return math.copysign(math.inf, distance) if distance else 0.0
        return distance * math.sqrt(size / variance)

    def limit(end: float) -> float:
        inside, outside = difference, end
        for _ in range(60):
            middle = (inside + outside) / 2
            if abs(score(middle)) < quantile:
                inside = middle
            else:
                outside = middle
        return inside

    return limit(-1.0), limit(1.0)


def detectable(
    size: float, discordance: float, *, quantile: float = 1.959964, power: float = 0.8
) -> float | None:
    """The smallest difference that a paired comparison finds with that power (Connor 1987).

    `size` independent pairs, of which the share `discordance` is right in one series alone;
    a difference needs at least as much discordance as its own size. None if not even a
    difference of 1 would be found.
    """
    beta = NormalDist().inv_cdf(power)

    def found(difference: float) -> bool:
        apart = max(discordance, difference)
        spread = math.sqrt(max(0.0, apart - difference**2))
        return difference * math.sqrt(size) >= quantile * math.sqrt(apart) + beta * spread

    if not found(1.0):
        return None
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def mcnemar(ahead: int, behind: int) -> float:
    """p of the exact McNemar test: whether half of the discordant pairs are ahead."""
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(ahead, behind), ahead + behind, 0.5)))


def sign_flip(totals: npt.ArrayLike, *, seed: int = 0, draws: int = DRAWS) -> Probability:
    """Test whether sums by image are symmetric about zero, by flipping the images' signs.

    The distribution is exact if the sums are multiples of one unit and that is cheap enough
    (nearly always for items asked once), else drawn with the seed.
    """
    sums = np.abs(np.asarray(totals, np.float64))
    observed = abs(float(np.asarray(totals, np.float64).sum()))
    sums = sums[sums > _EQUAL]
    if observed < _EQUAL * max(1, len(sums)):
        return Probability(1.0, None)
    for unit in _UNITS:
        steps = np.rint(sums * unit)
        if np.abs(steps - sums * unit).max() < 1e-7:
            sizes, counts = np.unique(steps.astype(np.int64), return_counts=True)
            if _steps(sizes, counts) <= _MOST_STEPS:
                return Probability(_two_sided(sizes, counts, round(observed * unit)), None)
            break
    return Probability(_drawn_flips(sums, observed, seed=seed, draws=draws), draws)


def compare_all(
    values: npt.ArrayLike, images: npt.ArrayLike, *, seed: int = 0, shares: bool = True
) -> Omnibus:
    """Test whether three or more series differ; values have shape (items, series).

    Cochran's Q if each image has one item that is right or wrong, else the same statistic on
    sums by image, with the series permuted within each image. `shares` False: the values are
    not between 0 and 1.
    """
    from scipy.special import chdtrc

    series = np.asarray(values, np.float64)
    n, width = series.shape
    if not n:
        raise ValueError("no items to compare")
    _, image = np.unique(np.asarray(images), return_inverse=True)
    count = int(image.max()) + 1
    single = shares and count == n and _whole(series)
    sums = np.stack([np.bincount(image, weights=series[:, j]) for j in range(width)], axis=1)
    sums = sums - sums.mean(axis=1, keepdims=True)
    sums = sums[np.abs(sums).max(axis=1) > _EQUAL]
    spread = float((sums**2).sum())
    statistic = (width - 1) * float((sums.sum(axis=0) ** 2).sum()) / spread if len(sums) else 0.0
    draws = None
    if single or len(sums) >= _FEW_IMAGES or not len(sums):
        p = float(chdtrc(width - 1, statistic))
    else:
        draws, p = DRAWS, _drawn_orders(sums, seed=seed, draws=DRAWS)
    test = COCHRAN if single else PERMUTATION
    return Omnibus(n, count, statistic, width - 1, p, test, draws)


def holm(chances: Sequence[float]) -> list[float]:
    """p values adjusted for multiple testing (Holm 1979), in the given order."""
    adjusted = [0.0] * len(chances)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(chances)), key=lambda i: chances[i])):
        highest = max(highest, min(1.0, (len(chances) - rank) * chances[place]))
        adjusted[place] = highest
    return adjusted


def _whole(values: Floats) -> bool:
    return bool(np.all(values == np.rint(values)))


def _window(count: int) -> tuple[int, int]:
    """The range of heads among `count` coins; less than 1e-42 of the probability is outside."""
    half = math.ceil(7 * math.sqrt(count)) + 1
    return max(0, count // 2 - half), min(count, count - count // 2 + half)


def _steps(sizes: Integers, counts: Integers) -> int:
    steps = length = 0
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        low, high = _window(count)
        length += size * (high - low)
        steps += (high - low + 1) * (length + 1)
    return steps


def _two_sided(sizes: Integers, counts: Integers, observed: int) -> float:
    """P(|Σ ± size| ≥ observed) for random signs; `counts`: how often each size occurs.

    With U the sum of the sizes with a plus, the signed sum is 2 U − their total.
    """
    from scipy.special import gammaln

    chances, offset = np.ones(1), 0  # of U = offset, offset + 1, …
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        low, high = _window(count)
        heads = np.arange(low, high + 1)
        logs = gammaln(count + 1) - gammaln(heads + 1) - gammaln(count - heads + 1)
        weights = np.exp(logs - count * math.log(2))
        longer = np.zeros(len(chances) + size * (high - low))
        for place, weight in enumerate(weights.tolist()):
            begin = size * place
            longer[begin : begin + len(chances)] += weight * chances
        chances, offset = longer, offset + size * low
    total = int((sizes * counts).sum())
    sums = 2 * (offset + np.arange(len(chances))) - total
    return min(1.0, max(_LEAST_P, float(chances[np.abs(sums) >= observed].sum())))


def _drawn_flips(sums: Floats, observed: float, *, seed: int, draws: int) -> float:
    generator = np.random.default_rng(seed)
    rows = max(1, 4_000_000 // len(sums))
    width = (len(sums) + 7) // 8
    beyond = done = 0
    while done < draws:
        now = min(rows, draws - done)
        bits = np.frombuffer(generator.bytes(now * width), np.uint8).reshape(now, width)
        turned = np.unpackbits(bits, axis=1, count=len(sums)) @ sums.astype(np.float32)
        drawn = np.abs(sums.sum() - 2 * turned)
        beyond += int((drawn >= observed * (1 - 1e-5)).sum())
        done += now
    return (1 + beyond) / (1 + draws)


def _drawn_orders(sums: Floats, *, seed: int, draws: int) -> float:
    generator = np.random.default_rng(seed)
    observed = float((sums.sum(axis=0) ** 2).sum())
    beyond = 0
    for begin in range(0, draws, 1_000):
        now = min(1_000, draws - begin)
        many = np.broadcast_to(sums, (now, *sums.shape))
        drawn = generator.permuted(many, axis=2).sum(axis=1)
        beyond += int(((drawn**2).sum(axis=1) >= observed * (1 - _EQUAL)).sum())
    return (1 + beyond) / (1 + draws)
