"""Agreement of two read-outs on the same question: same item, prompt, order and repeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, get_args

from mubench_gen.scores.clusters import Clusters
from mubench_gen.scores.interval import clustered_interval
from mubench_gen.storage.index import FEW, DiskTable, hashed
from mubench_gen.types import Readout

_NONE = -1  # no answer
_READOUTS: tuple[str, ...] = get_args(Readout)
_BITS = 16  # per read-out in a packed question
_IS_THERE = 1
_MOST = (1 << _BITS - 2) - 2  # options that fit


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two read-outs of a model agree.

    n: questions read by both without an error. same: the share with the same option, or with
    none by both; ci95: its 95 % interval, clustered. answered: questions with an option
    by both; same_answered: the share of those with the same one. kappa: Cohen's (1960), over
    positions, with "none" as a category; None with one category. right: each one's accuracy.
    """

    n: int
    same: float
    ci95: tuple[float, float] | None
    answered: int
    same_answered: float | None
    kappa: float | None
    right: tuple[float, float]


class AgreementTally:
    """Choices by question and read-out, in memory that does not grow with the questions.

    A question is packed into 128 bits: the hash of its cluster, then for each read-out whether it
    is there, whether it is right, and the choice.
    """

    def __init__(self) -> None:
        self._questions = DiskTable(combine=int.__or__, in_memory=FEW)
        self._there: set[str] = set()

    def add(self, record: Mapping[str, Any], cluster: int) -> None:
        if record["status"] == "error":
            return
        readout = record["readout"]
        self._there.add(readout)
        choice = _NONE if record["choice"] is None else min(record["choice"], _MOST)
        packed = _IS_THERE | bool(record["correct"]) << 1 | (choice - _NONE) << 2
        place = _BITS * _READOUTS.index(readout)
        key = hashed(_without_readout(record["id"]))
        self._questions.put(key, cluster << _BITS * len(_READOUTS) | packed << place)

    def agreements(self) -> dict[str, Agreement]:
        """The agreement of every two read-outs that share questions, by "A and B"."""
        pairs = combinations(sorted(self._there), 2)
        found = {f"{a} and {b}": self._agreement(a, b) for a, b in pairs}
        return {pair: agreement for pair, agreement in found.items() if agreement is not None}

    def _agreement(self, first: str, second: str) -> Agreement | None:
        n = 0
        same, answered, same_answered = 0, 0, 0
        right = [0, 0]
        places: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
        by_image = Clusters()
        for image, (a, a_right), (b, b_right) in self._shared(first, second):
            n += 1
            same += a == b
            answered += a != _NONE and b != _NONE
            same_answered += a == b != _NONE
            right[0] += a_right
            right[1] += b_right
            places[0][a] += 1
            places[1][b] += 1
            by_image.add(image, right=a == b)
        if not n:
            return None
        chance = sum(places[0][p] * places[1][p] for p in places[0]) / n**2
        return Agreement(
            n=n,
            same=same / n,
            ci95=clustered_interval(by_image),
            answered=answered,
            same_answered=same_answered / answered if answered else None,
            kappa=(same / n - chance) / (1 - chance) if chance < 1 else None,
            right=(right[0] / n, right[1] / n),
        )

    def _shared(
        self, first: str, second: str
    ) -> Iterator[tuple[int, tuple[int, bool], tuple[int, bool]]]:
        places = [_BITS * _READOUTS.index(name) for name in (first, second)]
        for question in self._questions.values():
            one, other = (question >> place & (1 << _BITS) - 1 for place in places)
            if one and other:
                image = question >> _BITS * len(_READOUTS)
                yield image, _unpacked(one), _unpacked(other)


def _unpacked(packed: int) -> tuple[int, bool]:
    """The choice, and whether it is right."""
    return (packed >> 2) + _NONE, bool(packed & 2)


def _without_readout(record_id: str) -> str:
    """A record's id, "ITEM/PROMPT/READOUT/ORDER/REPEAT", without the read-out."""
    item, _, order, repeat = record_id.rsplit("/", 3)
    return f"{item}/{order}/{repeat}"
