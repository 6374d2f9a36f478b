"""records → scores by the values of fields: stain, organism, institution, licence, scale, …"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import repeat

from mubench_gen.parser.strictness import is_strict
from mubench_gen.scores.clusters import Clustering
from mubench_gen.scores.metadata import ABSENT, check_fields, field_names, value_of
from mubench_gen.scores.open_answers import is_apart
from mubench_gen.scores.tally import Score, ScoreTally, counted
from mubench_gen.storage.records import Record

Breakdown = Mapping[str, Mapping[str, Score]]  # field → value → score

_LOOKED_AT = 1_000  # records from which the names of fields are collected
_MOST_VALUES = 100_000  # per field, so that a field of ids does not fill the memory


class BreakdownTally:
    """Counts records by the values of some fields."""

    def __init__(self, fields: Sequence[str], clustering: Clustering | None = None) -> None:
        self._fields = tuple(dict.fromkeys(fields))
        self._clustering = clustering or Clustering()
        new = partial(ScoreTally, self._clustering.ways)
        self._tallies: dict[str, defaultdict[str, ScoreTally]] = {
            name: defaultdict(new) for name in self._fields
        }
        self._known: set[str] = set()
        self._seen = 0

    def add(self, record: Record) -> None:
        if not self._fields:
            return
        self._seen += 1
        if self._seen <= _LOOKED_AT:
            self._known |= field_names(record)
        one = counted(
            record["status"],
            bool(record["correct"]),
            len(record["options"]),
            self._clustering(record),
            strict=is_strict(record["rule"]),
        )
        for name, tallies in self._tallies.items():
            value = value_of(record, name)
            if value in tallies or len(tallies) < _MOST_VALUES:
                tallies[value].add(one)

    def scores(self) -> dict[str, dict[str, Score]]:
        """The scores by field and value, in the order of `value_order`."""
        return {
            name: {
                value: found[value].score(self._clustering.noun)
                for value in sorted(found, key=value_order)
            }
            for name, found in self._tallies.items()
        }

    @property
    def fields(self) -> tuple[str, ...]:
        return self._fields

    @property
    def known(self) -> set[str]:
        """The names of the fields that the records have; empty without records."""
        return self._known

    def counts(self) -> dict[str, int]:
        """The number of distinct values of each field."""
        return {name: len(found.keys() - {ABSENT}) for name, found in self._tallies.items()}


def breakdowns(
    several: Iterable[Iterable[Record]],
    fields: Sequence[str],
    clusterings: Sequence[Clustering] | None = None,
) -> list[Breakdown]:
    """The scores of each run's multiple-choice records, by the values of each field.

    `clusterings`: what is drawn together in each run, as in `score`.

    Raises SettingError for a field that no record has, or one with too many values.
    """
    tallies = []
    for records, clustering in zip(several, clusterings or repeat(None), strict=False):
        tally = BreakdownTally(fields, clustering)
        for record in records:
            if not is_apart(record):
                tally.add(record)
        tallies.append(tally)
    check_tallies(tallies)
    return [tally.scores() for tally in tallies]


def check_tallies(tallies: Sequence[BreakdownTally]) -> None:
    """Raise SettingError for a field that no record of any run has, or with too many values."""
    known = set[str]().union(*(tally.known for tally in tallies))
    if known:
        for name in tallies[0].fields:
            check_fields([name], known, {name: max(tally.counts()[name] for tally in tallies)})


def value_order(value: str) -> tuple[bool, float, str]:
    """A sort key: numbers by size, then texts alphabetically, "(not given)" last."""
    try:
        return False, float(value), ""
    except ValueError:
        return value == ABSENT, float("inf"), value
