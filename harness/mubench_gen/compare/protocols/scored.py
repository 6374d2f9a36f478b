"""A run's numbers by a protocol, and whether they can be held against what others report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mubench_gen.compare.protocols.bootstrap import Bootstrapped
from mubench_gen.compare.protocols.reading import interval_of, read_run
from mubench_gen.runs.results import Run
from mubench_gen.scores.protocols.asked import cannot_read, reservations
from mubench_gen.scores.protocols.files import Protocol
from mubench_gen.scores.protocols.numbers import Valued, values
from mubench_gen.scores.protocols.tally import ProtocolTally


@dataclass(frozen=True, slots=True)
class ProtocolScores:
    """What a protocol gives for a run.

    refused: why it gives nothing at all; empty if it does. reservations: why its numbers are not
    comparable; empty if they are. left_out: the items that it does not count, by reason.
    intervals: of the numbers that are a share of items, by the basic bootstrap.
    """

    protocol: Protocol
    refused: str
    reservations: tuple[str, ...]
    left_out: Mapping[str, int]
    n_errors: int
    numbers: Sequence[Valued]
    intervals: Mapping[str, Bootstrapped]

    def as_dict(self) -> dict[str, Any]:
        """The scores for JSON."""
        file = self.protocol.file
        return {
            "title": file.title,
            "source": file.source,
            "sha256": self.protocol.sha256,
            "comparable": not self.refused and not self.reservations,
            "refused": self.refused or None,
            "reservations": list(self.reservations),
            "left_out": dict(self.left_out),
            "n_errors": self.n_errors,
            "numbers": {one.name: self._number(one) for one in self.numbers},
        }

    def _number(self, one: Valued) -> dict[str, Any]:
        interval = self.intervals.get(one.name)
        return {
            "title": one.title,
            "metric": one.definition.metric,
            "over": one.definition.over,
            **{
                part: list(getattr(one.definition, part))
                for part in ("groups", "datasets", "tasks")
            },
            "n": one.n,
            "value": one.value,
            "half_width": None if interval is None else interval.half_width,
            "ci95": None if interval is None else [interval.low, interval.high],
        }


def score_protocols(
    run: Run, protocols: Sequence[Protocol], *, seed: int = 0
) -> list[ProtocolScores]:
    """The run's stored replies under each protocol. `seed` is that of the bootstrap."""
    readable = [one for one in protocols if not cannot_read(run.manifest, one)]
    found = read_run(run, readable)
    places = {one.name: place for place, one in enumerate(readable)}
    return [_scores(run, one, found, places.get(one.name), seed) for one in protocols]


def _scores(
    run: Run, protocol: Protocol, found: ProtocolTally, place: int | None, seed: int
) -> ProtocolScores:
    if place is None:
        why = cannot_read(run.manifest, protocol)
        return ProtocolScores(protocol, why, (), {}, found.n_errors, (), {})
    numbers = [one for one in values(found, place) if one.n]
    left_out: Counter[str] = Counter()
    for alike, n in found.items.items():
        if alike.why_not[place]:
            left_out[alike.why_not[place]] += n
    notes = reservations(run.manifest, protocol, asked=found.asked, n_errors=found.n_errors)
    intervals = {
        one.name: interval
        for one in numbers
        if (interval := interval_of(one, seed=seed)) is not None
    }
    return ProtocolScores(
        protocol, "", tuple(notes), dict(left_out), found.n_errors, numbers, intervals
    )
