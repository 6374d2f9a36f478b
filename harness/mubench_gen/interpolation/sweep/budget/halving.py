"""Sequential halving: spends answers on the α that may still be the best (Karnin et al. 2013).

In each round all that are left are asked about the same new items, and the better half stays. Then
the best is compared with the ends on images that chose nothing, so that intervals need not allow
for the search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from mubench_gen.errors import SettingError

# Asks these sets of weights about these items; returns the mean of each, of both halves.
Ask = Callable[[Sequence[str], Sequence[str]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class PoolItem:
    """An item that may be asked: its name, what it is drawn with (its image, or slide, …), and
    whether it is in-domain."""

    name: str
    cluster: str
    inside: bool


@dataclass(frozen=True, slots=True)
class Pool:
    """Items in-domain and of the rest, in the order in which they are asked: those of the images
    that choose, and those of the other images, which confirm."""

    search: tuple[tuple[str, ...], tuple[str, ...]]
    confirm: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def room(self) -> int:
        """The items of the smaller half of those that choose."""
        return min(map(len, self.search))

    def first(self, count: int) -> list[str]:
        """So many items of each half of those that choose."""
        return [*self.search[0][:count], *self.search[1][:count]]

    def confirming(self, count: int) -> list[str]:
        """So many items of each half of those that confirm."""
        return [*self.confirm[0][:count], *self.confirm[1][:count]]


@dataclass(frozen=True, slots=True)
class Round:
    """alphas: those that were still in; items: about how many each had been asked by then; means:
    of in-domain and rest, on these items, in shares."""

    alphas: tuple[str, ...]
    items: int
    means: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Search:
    """A search with a budget. spent: answers; rounds: what was asked; chosen: the α that was left;
    finalists: it and the ends; confirmed: on how many items they are compared, none of which is
    of an image that chose; answers: by α.
    """

    budget: int
    spent: int
    rounds: tuple[Round, ...]
    chosen: str
    finalists: tuple[str, ...]
    confirmed: int
    answers: Mapping[str, int]


def pool_of(items: Iterable[PoolItem], *, seed: int) -> Pool:
    """Half of the clusters choose, the others confirm; both in an order drawn by the seed."""
    found = list(items)
    clusters = sorted({item.cluster for item in found})
    generator = np.random.default_rng([seed, 12])
    rank = {clusters[place]: at for at, place in enumerate(generator.permutation(len(clusters)))}
    ordered = sorted(found, key=lambda item: (rank[item.cluster], item.name))
    parts = [
        tuple(
            item.name
            for item in ordered
            if item.inside is inside and (rank[item.cluster] % 2 == 0) is chooses
        )
        for chooses in (True, False)
        for inside in (True, False)
    ]
    if not all(parts):
        raise SettingError(
            "--budget: too few images (or what --cluster names). Half of them choose α and half "
            "confirm it, and each half "
            "needs items in-domain and of the rest."
        )
    return Pool((parts[0], parts[1]), (parts[2], parts[3]))


def sizes_of(count: int) -> list[int]:
    """How many are left in each round."""
    sizes = [count]
    while sizes[-1] > 2:
        sizes.append(ceil(sizes[-1] / 2))
    return sizes


def schedule(
    count: int, budget: int, cost: int, room: int, *, whole: int | None = None
) -> list[int]:
    """After each round, about how many items of each half all that are left were asked.

    Half of the budget is spent so, the same in each round. `cost`: answers an item; `room`: the
    items of the smaller half; `whole`: the answers that all takes. SettingError
    where the budget does not give each of them an item of each half in the first round.
    """
    sizes = sizes_of(count)
    each = budget / 2 / len(sizes)
    if each < 2 * cost * count:
        least = 4 * cost * count * len(sizes)
        least = least if whole is None else min(least, whole)
        raise SettingError(
            f"--budget {budget:,}: too few answers to choose among {count:,} sets of weights. Give "
            f"{least:,} or more, or fewer α."
        )
    found, so_far = [], 0
    for size in sizes:
        so_far = min(room, so_far + int(each / (2 * cost * size)))
        found.append(so_far)
    return found


def search(
    names: Sequence[str], ends: Sequence[str], ask: Ask, pool: Pool, *, budget: int, cost: int
) -> Search:
    """Choose among the names, and ask the chosen one and the ends about fresh images.

    `names`: from the base on; of equal means the earlier stays. `cost`: answers an item.
    """
    answers = dict.fromkeys(names, 0)
    left, before, rounds = list(names), 0, []
    for count in schedule(len(names), budget, cost, pool.room):
        items = pool.first(count)
        means = dict(zip(left, ask(left, items), strict=True))
        for name in left:
            answers[name] += 2 * (count - before) * cost
        rounds.append(Round(tuple(left), len(items), means))
        ranked = sorted(left, key=lambda name: -round(means[name], 12))  # stable
        kept = set(ranked[: ceil(len(left) / 2)])
        left, before = [name for name in left if name in kept], count
    finalists = [name for name in names if name in {left[0], *ends}]
    spare = budget - sum(answers.values())
    count = min(*map(len, pool.confirm), spare // (2 * cost * len(finalists)))
    items = pool.confirming(max(1, count))
    ask(finalists, items)
    for name in finalists:
        answers[name] += len(items) * cost
    spent = sum(answers.values())
    return Search(budget, spent, tuple(rounds), left[0], tuple(finalists), len(items), answers)
