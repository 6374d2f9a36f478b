"""Whether two read-outs of one question give one answer: the same item, prompt, order, repeat."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from mubench_gen.interval import clustered_interval

_NONE = -1  # no answer


@dataclass(frozen=True, slots=True)
class Agreement:
    """n: questions read by both without an error. same: of these, both chose the same option,
    or neither one; with its 95 % interval clustered by image. answered: both chose one.
    same_answered: of those, the same. kappa: Cohen's, of the options' places with "none" as one
    more (Cohen 1960); None where one place is all there is. right: each one's accuracy on them.
    """

    n: int
    same: float
    ci95: tuple[float, float] | None
    answered: int
    same_answered: float | None
    kappa: float | None
    right: tuple[float, float]


@dataclass(slots=True)
class _Question:
    image: str
    choices: dict[str, tuple[int, bool]]


class AgreementTally:
    """Choices by question and read-out."""

    def __init__(self) -> None:
        self._questions: dict[int, _Question] = {}

    def add(self, record: Mapping[str, Any], image: str) -> None:
        if record["status"] == "error":
            return
        key = hash(_without_readout(record["id"]))
        question = self._questions.setdefault(key, _Question(image, {}))
        choice = _NONE if record["choice"] is None else record["choice"]
        question.choices[record["readout"]] = choice, bool(record["correct"])

    def agreements(self) -> dict[str, Agreement]:
        """By "A and B", of every two read-outs that share questions."""
        names = sorted({name for q in self._questions.values() for name in q.choices})
        found = {f"{a} and {b}": self._agreement(a, b) for a, b in combinations(names, 2)}
        return {pair: agreement for pair, agreement in found.items() if agreement is not None}

    def _agreement(self, first: str, second: str) -> Agreement | None:
        both = list(self._shared(first, second))
        if not both:
            return None
        n = len(both)
        same, answered, same_answered = 0, 0, 0
        right = [0, 0]
        places: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
        by_image: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for image, (a, a_right), (b, b_right) in both:
            same += a == b
            answered += a != _NONE and b != _NONE
            same_answered += a == b != _NONE
            right[0] += a_right
            right[1] += b_right
            places[0][a] += 1
            places[1][b] += 1
            by_image[image][0] += 1
            by_image[image][1] += a == b
        chance = sum(places[0][p] * places[1][p] for p in places[0]) / n**2
        return Agreement(
            n=n,
            same=same / n,
            ci95=clustered_interval([(k, s) for k, s in by_image.values()]),
            answered=answered,
            same_answered=same_answered / answered if answered else None,
            kappa=(same / n - chance) / (1 - chance) if chance < 1 else None,
            right=(right[0] / n, right[1] / n),
        )

    def _shared(
        self, first: str, second: str
    ) -> Iterator[tuple[str, tuple[int, bool], tuple[int, bool]]]:
        for question in self._questions.values():
            choices = question.choices
            if first in choices and second in choices:
                yield question.image, choices[first], choices[second]


def _without_readout(record_id: str) -> tuple[str, str, str]:
    """What a record's id says beside the read-out: "ITEM/PROMPT/READOUT/ORDER/REPEAT"."""
    item, _, order, repeat = record_id.rsplit("/", 3)
    return item, order, repeat
