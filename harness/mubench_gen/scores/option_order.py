"""Items asked under several orders of their options: how much answers depend on the position.

Consistent accuracy is CircularEval of MMBench (Liu et al. 2023): an item counts as right
only if it is right under every order. Position bias is the standard deviation of the recalls
by position of the right option, RStd of Zheng et al. 2024.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mubench_gen.prompts.orders import movable
from mubench_gen.scores.cluster_sums import CellTable, pack
from mubench_gen.scores.clusters import Clusters
from mubench_gen.scores.interval import clustered_interval
from mubench_gen.scores.place_bias import place_bias, place_inference
from mubench_gen.storage.index import FEW, DiskTable, hashed

_UNANSWERED = -1
_UNKNOWN = -2
_BITS = 16  # per number in a packed item
_MOST = (1 << _BITS) - 1


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the list of options, as shown.

    gold: the number of items with the right option here; recall: the share of those answered
    right; answered: the share of all answers that choose this position; expected: the share
    of the right options that are here.
    """

    gold: int
    recall: float | None
    answered: float
    expected: float


@dataclass(frozen=True, slots=True)
class Circular:
    """Consistency and position bias of items asked under several orders.

    items: asked under all their orders without an error; incomplete: items with an error, or
    with fewer orders than others of equally many options, because the run is unfinished. series:
    of the items each by every prompt, read-out and repeat, which all shares are of.
    accuracy: the mean over orders; consistent: right under every order, with its 95 % interval
    clustered; unmoved: the same option, right or wrong, under every order.
    place_bias: the standard deviation of the recalls by position, among items with equally many
    options; place_noise: its approximate expectation if the position had no effect; place_ci95:
    the 95 % interval of what it would be without noise; place_p: of the test that the position
    has no effect; both clustered.
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
    series: int = 0
    place_ci95: tuple[float, float] | None = None
    place_p: float | None = None


@dataclass(frozen=True, slots=True)
class _Item:
    """The state of an item by one prompt, read-out and repeat, stored as one number of 192 bits
    in a table on disk. `item` and `image` are hashes.

    `choice`: the original index of the answer; _UNANSWERED without one, _UNKNOWN before it.
    `kind`: a code of its numbers of options, all and movable; `orders`: the number of orders it
    was asked under, errors included.
    """

    item: int
    image: int
    orders: int
    right: int
    errors: bool
    choice: int
    moved: bool
    kind: int

    def packed(self) -> int:
        number = self.item << 64 | self.image
        for value in (self.orders, self.right, self.choice - _UNKNOWN):
            number = number << _BITS | min(value, _MOST)
        return number << _BITS | min(self.kind, _MOST >> 2) << 2 | self.errors << 1 | self.moved

    def is_whole(self, most: Mapping[int, int]) -> bool:
        """Whether it was asked under all orders (`most` of its kind) without an error."""
        return not self.errors and self.orders == most[self.kind]


def _unpacked(number: int) -> _Item:
    choice, right, orders = (number >> _BITS * place & _MOST for place in (1, 2, 3))
    item, image = number >> 64 + 4 * _BITS, number >> 4 * _BITS & (1 << 64) - 1
    kind, errors, moved = (number & _MOST) >> 2, bool(number & 2), bool(number & 1)
    return _Item(item, image, orders, right, errors, choice + _UNKNOWN, moved, kind)


def _together(earlier: int, later: int) -> int:
    one, other = _unpacked(earlier), _unpacked(later)
    known = other.choice if one.choice == _UNKNOWN else one.choice
    return _Item(
        one.item,
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
        self._cells = CellTable(2)  # by image and position: items, right
        self._positions: dict[tuple[int, int], int] = {}  # number of options and position → code

    def add(self, record: Mapping[str, Any], cluster: int) -> None:
        place, choice = record["gold"], record["choice"]
        key = hashed(_without_order(record["id"]))
        name = hashed(record["id"].rsplit("/", 4)[0])
        options = len(record["options"])
        kind = self._kinds.setdefault((options, movable(_as_given(record))), len(self._kinds))
        if record["status"] == "error":
            self._items.put(key, _Item(name, cluster, 1, 0, True, _UNKNOWN, False, kind).packed())
            return
        right = bool(record["correct"])
        original = _UNANSWERED if choice is None else record["order"][choice]
        item = _Item(name, cluster, 1, int(right), False, original, original == _UNANSWERED, kind)
        self._items.put(key, item.packed())
        self._gold[options][place] += 1
        self._right[options][place] += right
        code = self._positions.setdefault((options, place), len(self._positions))
        self._cells.add(cluster, code, pack((1, int(right))))
        if choice is not None:
            self._answered[choice] += 1

    def circular(self) -> Circular | None:
        """The result, or None if no item was asked under several orders."""
        whole = asked = consistent = unmoved = 0
        by_image, most = Clusters(), self._most()
        sound, broken = (DiskTable(in_memory=FEW) for _ in range(2))  # items by their hashes
        for item in map(_unpacked, self._items.values()):
            (sound if item.is_whole(most) else broken).put(item.item, 1)
            if item.is_whole(most):
                whole += 1
                asked += item.orders
                consistent += item.right == item.orders
                unmoved += not item.moved
                by_image.add(item.image, right=item.right == item.orders)
        if max(most.values(), default=0) < 2 or not whole:
            return None
        bias = place_bias(self._gold, self._right)
        known = place_inference(self._cells.clusters(), self._positions)
        return Circular(
            items=len(sound),
            incomplete=len(broken),
            series=whole,
            place_ci95=None if known is None else known[0],
            place_p=None if known is None else known[1],
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
        """The largest number of orders that an item of each kind was asked under."""
        most: dict[int, int] = {}
        for item in map(_unpacked, self._items.values()):
            most[item.kind] = max(most.get(item.kind, 0), item.orders)
        return most

    def _shares(self, most: Mapping[int, int]) -> Iterator[float]:
        """For each complete item, the share of its orders under which it was right."""
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


def _as_given(record: Mapping[str, Any]) -> list[str]:
    """The options in the order of the data set."""
    original = [""] * len(record["options"])
    for place, index in enumerate(record["order"]):
        original[index] = record["options"][place]
    return original


def _without_order(record_id: str) -> str:
    """A record's id, "ITEM/PROMPT/READOUT/ORDER/REPEAT", without the order."""
    item, _, repeat = record_id.rsplit("/", 2)
    return f"{item}/{repeat}"
