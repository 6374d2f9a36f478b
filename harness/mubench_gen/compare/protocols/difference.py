"""What makes two protocols' numbers of one run differ, cause by cause.

The way from the first number to the second is walked in steps: items that only the first counts
are left out, replies are read as the second reads them, the metric and the weights become the
second's, and items that only the second counts are added. Each step changes the number by its
points; together they are the whole difference.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mubench_gen.compare.protocols.causes import CAUSES, Causes
from mubench_gen.scores.protocols.numbers import Cells, Valued, cells_of, numbers_of, value, valued
from mubench_gen.scores.protocols.rules import RuleReading
from mubench_gen.scores.protocols.tally import LikeItems, ProtocolTally

Kind = Literal["items", "reading", "counting"]
_MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One cause of the difference.

    kind: which items are counted, how replies are read, or how items are counted. who: the
    protocol that errs, or that alone counts the items. n: items. points: what it adds to the first
    number minus the second, in hundredths.
    """

    name: str
    kind: Kind
    text: str
    n: int
    points: float
    who: str = ""
    effect: str = ""
    examples: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ProtocolDifference:
    """One number of two protocols; the points of all steps sum to `points`, first − second."""

    first: Valued
    second: Valued
    in_both: int
    points: float
    steps: tuple[Step, ...]

    def as_dict(self) -> dict[str, Any]:
        """The difference for JSON."""
        sides = {"first": self.first, "second": self.second}
        return {
            **{key: {"name": s.name, "n": s.n, "value": s.value} for key, s in sides.items()},
            "in_both": self.in_both,
            "points": self.points,
            "causes": [asdict(step) for step in self.steps],
        }


def difference(
    found: ProtocolTally, causes: Causes, first: str, second: str
) -> ProtocolDifference | None:
    """The difference of two protocols' numbers of these names.

    None if one of them has no value, or no item is counted in both.
    """
    walk = _Walk(found, first, second)
    start, end = walk.first.value, walk.second.value
    if start is None or end is None or not walk.both:
        return None
    steps = [*walk.only("first"), *walk.readings(causes), *walk.counting(), *walk.only("second")]
    return ProtocolDifference(
        first=walk.first,
        second=walk.second,
        in_both=sum(n for _, n in walk.both),
        points=100 * (start - end),
        steps=tuple(sorted(steps, key=lambda step: -abs(step.points))),
    )


class _Walk:
    """Where the way between two numbers is: the items, the readings and the number so far."""

    def __init__(self, found: ProtocolTally, first: str, second: str) -> None:
        self._found = found
        self._names = tuple(protocol.name for protocol in found.protocols)
        one, other = found.protocols
        self._numbers = (numbers_of(one)[first], numbers_of(other)[second])
        self._cells = tuple(cells_of(found, i, number) for i, number in enumerate(self._numbers))
        inside = tuple({alike for alike, _ in cells} for cells in self._cells)
        self.both: Cells = [cell for cell in self._cells[0] if cell[0] in inside[1]]
        self._alone = tuple(
            [cell for cell in self._cells[i] if cell[0] not in inside[1 - i]] for i in range(2)
        )
        self._number = self._numbers[0]
        self._domains_of = 0
        self._pick: Callable[[LikeItems], RuleReading] = lambda alike: alike.readings[0]
        self._at: Cells = self._cells[0]
        self.first, self.second = (
            valued(found, i, name, self._numbers[i], self._cells[i])
            for i, name in enumerate((first, second))
        )
        self._now = self.first.value or 0.0

    def only(self, which: Literal["first", "second"]) -> list[Step]:
        """Items that one protocol alone counts: left out of the first's, added to the second's."""
        place = 0 if which == "first" else 1
        reasons: dict[str, list[tuple[LikeItems, int]]] = defaultdict(list)
        for alike, n in self._alone[place]:
            reasons[alike.why_not[1 - place] or "excluded"].append((alike, n))
        return [self._only(place, reason, cells) for reason, cells in sorted(reasons.items())]

    def readings(self, causes: Causes) -> list[Step]:
        """Replies that the two read differently."""
        parted: dict[tuple[str, bool], int] = Counter()
        for alike, n in self.both:
            if alike.cause:
                parted[alike.cause, alike.readings[0].right] += n
        order = list(CAUSES)
        steps = []
        read: set[tuple[str, bool]] = set()
        for key in sorted(parted, key=lambda key: (order.index(key[0]), key[1])):
            read.add(key)
            self._pick = _picker(frozenset(read))
            steps.append(self._reading(key, parted[key], causes))
        self._pick = lambda alike: alike.readings[1]
        # Wrong answers that differ: they change no accuracy, but the F1 of other places.
        if rest := self._step("wrong_answers", "reading", "other wrong answers", 0):
            steps.append(rest)
        return steps

    def counting(self) -> list[Step]:
        """The metric, and what has equal weight."""
        first, second = self._numbers
        n = sum(n for _, n in self.both)
        steps = []
        if first.metric != second.metric:
            self._number = first.model_copy(update={"metric": second.metric})
            text = f"{first.metric} against {second.metric}"
            steps.append(self._step("metric", "counting", text, n))
        self._number, self._domains_of = second, 1
        text = f"the mean over {first.over} against that over {second.over}"
        steps.append(self._step("weighting", "counting", text, n))
        return [step for step in steps if step is not None]

    def _only(self, place: int, reason: str, cells: Cells) -> Step:
        left = {alike for alike, _ in cells}
        if place:
            self._at = [*self._at, *cells]
        else:
            self._at = [cell for cell in self._at if cell[0] not in left]
        name = "exclusions" if reason == "excluded" else reason
        who = self._names[place]
        text = f"only {who} counts them: {_places(cells)}"
        if reason == "prompts":
            text = f"only {who} counts them: asked with other prompts or captions"
        elif reason == "read_outs":
            text = f"only {who} counts them: another read-out"
        step = self._step(name, "items", text, sum(n for _, n in cells), who=who, always=True)
        assert step is not None
        return step

    def _reading(self, key: tuple[str, bool], n: int, causes: Causes) -> Step:
        cause = CAUSES[key[0]]
        errs = key[1] if cause.effect == "false hit" else not key[1]
        step = self._step(
            cause.name, "reading", cause.text, n, who=self._names[0 if errs else 1],
            effect=cause.effect, examples=tuple(causes.examples[key]), always=True,
        )  # fmt: skip
        assert step is not None
        return step

    def _step(
        self, name: str, kind: Kind, text: str, n: int, *, always: bool = False, **facts: Any
    ) -> Step | None:
        """The step to where the way is now; None if it changes nothing, unless `always`."""
        before, self._now = self._now, self._value() or 0.0
        points = 100 * (before - self._now)
        return Step(name, kind, text, n, points, **facts) if points or always else None

    def _value(self) -> float | None:
        protocol = self._found.protocols[self._domains_of]
        return value(self._number, protocol, self._at, self._pick, self._found)


def _picker(read: frozenset[tuple[str, bool]]) -> Callable[[LikeItems], RuleReading]:
    """The second protocol's reading where the causes are among these, else the first's."""

    def pick(alike: LikeItems) -> RuleReading:
        key = alike.cause, alike.readings[0].right
        return alike.readings[1 if key in read else 0]

    return pick


def _places(cells: Sequence[tuple[LikeItems, int]]) -> str:
    """The data sets of items, or their tasks if these are fewer."""
    datasets = Counter[str]()
    tasks = Counter[str]()
    for alike, n in cells:
        datasets[alike.dataset] += n
        tasks[alike.task] += n
    fewer = min((datasets, tasks), key=len)
    named = [f"{name} ({n:,})" for name, n in fewer.most_common(_MOST_NAMED)]
    more = f" and {len(fewer) - _MOST_NAMED} more" if len(fewer) > _MOST_NAMED else ""
    return ", ".join(named) + more


def shared_numbers(found: ProtocolTally) -> list[str]:
    """The names of numbers that both protocols have, in the first's order."""
    one, other = (numbers_of(protocol) for protocol in found.protocols)
    return [name for name in one if name in other]
