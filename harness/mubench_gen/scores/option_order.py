"""Items asked under several orders of their options: how much the answer hangs on the place.

Consistent accuracy is CircularEval of MMBench (Liu et al. 2023): an item counts as right
only where it is right under every order. The place bias is the standard deviation of the
recalls of the places, RStd of Zheng et al. 2024.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mubench_gen.prompts.orders import movable
from mubench_gen.scores.clusters import Clusters
from mubench_gen.scores.interval import clustered_interval
from mubench_gen.storage.index import FEW, DiskTable, hashed

_UNANSWERED = -1
_UNKNOWN = -2
_BITS = 16  # of a number in a packed item
_MOST = (1 << _BITS) - 1


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
    """items: asked under all their orders without an error; incomplete: those with one, or that
    an unfinished run has not asked under all of them (as many as others of equally many options).

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


@dataclass(frozen=True, slots=True)
class _Item:
    """What is known of an item; as one number of 128 bits it stands in a table on the disk.

    `choice`: the original index of an answer; _UNANSWERED where none was given, _UNKNOWN before.
    `kind`: which number of options, all and movable, it has; `orders`: how many it was asked
    under, errors included.
    """

    image: int
    orders: int
    right: int
    errors: bool
    choice: int
    moved: bool
    kind: int

    def packed(self) -> int:
        number = self.image
        for value in (self.orders, self.right, self.choice - _UNKNOWN):
            number = number << _BITS | min(value, _MOST)
        return number << _BITS | min(self.kind, _MOST >> 2) << 2 | self.errors << 1 | self.moved

    def is_whole(self, most: Mapping[int, int]) -> bool:
        """Whether it was asked under all its orders, as `most` of its kind says, without error."""
        return not self.errors and self.orders == most[self.kind]


def _unpacked(number: int) -> _Item:
    choice, right, orders = (number >> _BITS * place & _MOST for place in (1, 2, 3))
    image = number >> 4 * _BITS
    kind, errors, moved = (number & _MOST) >> 2, bool(number & 2), bool(number & 1)
    return _Item(image, orders, right, errors, choice + _UNKNOWN, moved, kind)


def _together(earlier: int, later: int) -> int:
    one, other = _unpacked(earlier), _unpacked(later)
    known = other.choice if one.choice == _UNKNOWN else one.choice
    return _Item(
        one.image,
        one.orders + other.orders,
        one.right + other.right,
        one.errors or other.errors,
        known,
        one.moved or other.moved or other.choice not in (_UNKNOWN, known),
        one.kind,
    ).packed()


class CircularTally:
    """Counts of one group of records, in memory that does not grow with them."""

    def __init__(self) -> None:
        self._items = DiskTable(combine=_together, in_memory=FEW)
        self._kinds: dict[tuple[int, int], int] = {}  # numbers of options, all and movable
        self._gold: defaultdict[int, Counter[int]] = defaultdict(Counter)  # options → place
        self._right: defaultdict[int, Counter[int]] = defaultdict(Counter)
        self._answered: Counter[int] = Counter()

    def add(self, record: Mapping[str, Any], image: str) -> None:
        place, choice = record["gold"], record["choice"]
        key, cluster = hashed(_without_order(record["id"])), hashed(image)
        options = len(record["options"])
        kind = self._kinds.setdefault((options, movable(_as_given(record))), len(self._kinds))
        if record["status"] == "error":
            self._items.put(key, _Item(cluster, 1, 0, True, _UNKNOWN, False, kind).packed())
            return
        right = bool(record["correct"])
        original = _UNANSWERED if choice is None else record["order"][choice]
        item = _Item(cluster, 1, int(right), False, original, original == _UNANSWERED, kind)
        self._items.put(key, item.packed())
        self._gold[options][place] += 1
        self._right[options][place] += right
        if choice is not None:
            self._answered[choice] += 1

    def circular(self) -> Circular | None:
        """None where no item was asked under several orders."""
        items = whole = asked = consistent = unmoved = 0
        by_image, most = Clusters(), self._most()
        for item in map(_unpacked, self._items.values()):
            items += 1
            if item.is_whole(most):
                whole += 1
                asked += item.orders
                consistent += item.right == item.orders
                unmoved += not item.moved
                by_image.add(item.image, right=item.right == item.orders)
        if max(most.values(), default=0) < 2 or not whole:
            return None
        bias = place_bias(self._gold, self._right)
        return Circular(
            items=whole,
            incomplete=items - whole,
            orders=asked / whole,
            accuracy=math.fsum(self._shares(most)) / whole,
            consistent=consistent / whole,
            consistent_ci95=clustered_interval(by_image),
            unmoved=unmoved / whole,
            place_bias=None if bias is None else bias.spread,
            place_noise=None if bias is None else bias.noise,
            places=self._places(),
        )

    def _most(self) -> dict[int, int]:
        """The most orders that an item of a kind was asked under."""
        most: dict[int, int] = {}
        for item in map(_unpacked, self._items.values()):
            most[item.kind] = max(most.get(item.kind, 0), item.orders)
        return most

    def _shares(self, most: Mapping[int, int]) -> Iterator[float]:
        """For each whole item, under which share of its orders it was right."""
        for item in map(_unpacked, self._items.values()):
            if item.is_whole(most):
                yield item.right / item.orders

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


def _as_given(record: Mapping[str, Any]) -> list[str]:
    """The options in the order of the data set."""
    original = [""] * len(record["options"])
    for place, index in enumerate(record["order"]):
        original[index] = record["options"][place]
    return original


def _without_order(record_id: str) -> str:
    """What a record's id says beside the order: "ITEM/PROMPT/READOUT/ORDER/REPEAT"."""
    item, _, repeat = record_id.rsplit("/", 2)
    return f"{item}/{repeat}"
