"""Items asked under several orders of their options: how much the answer hangs on the place.

Consistent accuracy is CircularEval of MMBench (Liu et al. 2023): an item counts as right
only where it is right under every order. The place bias is the standard deviation of the
recalls of the places, RStd of Zheng et al. 2024.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mubench_gen.interval import clustered_interval

_UNANSWERED = -1


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list of options, as shown.

    gold: how often the right option stood here; recall: the share of those answered right;
    answered: the share of all answers that name this place; expected: the share of the right
    options that stood here.
    """

    gold: int
    recall: float | None
    answered: float
    expected: float


@dataclass(frozen=True, slots=True)
class PlaceBias:
    """The spread (standard deviation) of the places' recalls, pooled over numbers of options,
    and what it would be about if places made no difference."""

    spread: float
    noise: float


@dataclass(frozen=True, slots=True)
class Circular:
    """items: asked under all their orders without an error; incomplete: those with one.

    accuracy: the mean over orders; consistent: right under every order, with its 95 % interval
    clustered by image; unmoved: the same option, right or wrong, under every order.
    place_bias: the standard deviation of the places' recalls among items with equally many
    options; place_noise: what it would be about if places made no difference.
    """

    items: int
    incomplete: int
    orders: float
    accuracy: float
    consistent: float
    consistent_ci95: tuple[float, float] | None
    unmoved: float
    place_bias: float | None
    place_noise: float | None
    places: tuple[Place, ...]


@dataclass(slots=True)
class _Item:
    image: str
    orders: int = 0
    right: int = 0
    errors: int = 0
    choice: int | None = None  # the original index of the first answer
    unmoved: bool = True


class CircularTally:
    """Counts of one group of records."""

    def __init__(self) -> None:
        self._items: dict[int, _Item] = {}
        self._gold: defaultdict[int, Counter[int]] = defaultdict(Counter)  # options → place
        self._right: defaultdict[int, Counter[int]] = defaultdict(Counter)
        self._answered: Counter[int] = Counter()

    def add(self, record: Mapping[str, Any], image: str) -> None:
        place, choice = record["gold"], record["choice"]
        item = self._items.setdefault(hash(_without_order(record["id"])), _Item(image))
        if record["status"] == "error":
            item.errors += 1
            return
        right = bool(record["correct"])
        original = _UNANSWERED if choice is None else record["order"][choice]
        item.unmoved &= item.choice in (None, original) and original != _UNANSWERED
        item.choice = original
        item.orders += 1
        item.right += right
        options = len(record["options"])
        self._gold[options][place] += 1
        self._right[options][place] += right
        if choice is not None:
            self._answered[choice] += 1

    def circular(self) -> Circular | None:
        """None where no item was asked under several orders."""
        whole = [item for item in self._items.values() if not item.errors]
        if not any(item.orders > 1 for item in self._items.values()) or not whole:
            return None
        by_image: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for item in whole:
            by_image[item.image][0] += 1
            by_image[item.image][1] += item.right == item.orders
        asked = sum(item.orders for item in whole)
        bias = place_bias(self._gold, self._right)
        return Circular(
            items=len(whole),
            incomplete=len(self._items) - len(whole),
            orders=asked / len(whole),
            accuracy=math.fsum(item.right / item.orders for item in whole) / len(whole),
            consistent=sum(item.right == item.orders for item in whole) / len(whole),
            consistent_ci95=clustered_interval([(n, k) for n, k in by_image.values()]),
            unmoved=sum(item.unmoved for item in whole) / len(whole),
            place_bias=None if bias is None else bias.spread,
            place_noise=None if bias is None else bias.noise,
            places=self._places(),
        )

    def _places(self) -> tuple[Place, ...]:
        gold = sum(self._gold.values(), Counter[int]())
        right = sum(self._right.values(), Counter[int]())
        width = max((*gold, *self._answered), default=-1) + 1
        golds, answers = gold.total(), self._answered.total()
        return tuple(
            Place(
                gold=gold[place],
                recall=right[place] / gold[place] if gold[place] else None,
                answered=self._answered[place] / answers if answers else 0.0,
                expected=gold[place] / golds if golds else 0.0,
            )
            for place in range(width)
        )


def place_bias(
    gold: Mapping[int, Counter[int]], right: Mapping[int, Counter[int]]
) -> PlaceBias | None:
    """Of counts by place, for each number of options: right options there, and answered right.

    None where the right options of no number of options stood at two places.
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


def _without_order(record_id: str) -> tuple[str, str]:
    """What a record's id says beside the order: "ITEM/PROMPT/READOUT/ORDER/REPEAT"."""
    item, _, repeat = record_id.rsplit("/", 2)
    return item, repeat
