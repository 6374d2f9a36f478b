"""records → scores by the values of fields: stain, organism, institution, licence, scale, …"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from mubench_gen.fields import ABSENT, check_fields, field_names, value_of
from mubench_gen.localization import is_box_record
from mubench_gen.records import Record
from mubench_gen.score import Score, Tally, image_of

Breakdown = Mapping[str, Mapping[str, Score]]  # field → value → score

_LOOKED_AT = 1_000  # records that say which fields there are
_MOST_VALUES = 100_000  # kept, so that a field of ids costs no memory


class BreakdownTally:
    """Counts records by the values of some fields."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = tuple(dict.fromkeys(fields))
        self._tallies: dict[str, defaultdict[str, Tally]] = {
            name: defaultdict(Tally) for name in self._fields
        }
        self._known: set[str] = set()
        self._seen = 0

    def add(self, record: Record) -> None:
        if not self._fields:
            return
        self._seen += 1
        if self._seen <= _LOOKED_AT:
            self._known |= field_names(record)
        right, image, options = bool(record["correct"]), image_of(record), len(record["options"])
        for name, tallies in self._tallies.items():
            value = value_of(record, name)
            if value in tallies or len(tallies) < _MOST_VALUES:
                tallies[value].add(record["status"], right, options, image)

    def scores(self) -> dict[str, dict[str, Score]]:
        """By field and value, values in the order of their names, "(not given)" last.

        SettingError for a field that no record has, or one of too many values.
        """
        if self._seen:
            counts = {name: len(found.keys() - {ABSENT}) for name, found in self._tallies.items()}
            check_fields(self._fields, self._known, counts)
        return {
            name: {value: found[value].score() for value in sorted(found, key=value_order)}
            for name, found in self._tallies.items()
        }


def breakdown(records: Iterable[Record], fields: Sequence[str]) -> Breakdown:
    """The scores of the records that ask for a choice, by the values of each field."""
    tally = BreakdownTally(fields)
    for record in records:
        if not is_box_record(record):
            tally.add(record)
    return tally.scores()


def value_order(value: str) -> tuple[bool, float, str]:
    """Numbers by size, then texts by name, "(not given)" last."""
    try:
        return False, float(value), ""
    except ValueError:
        return value == ABSENT, float("inf"), value
