"""Counts records that belong together: one item under several orders or read-outs."""

from __future__ import annotations

from collections import defaultdict

from mubench_gen.scores.agreement import AgreementTally
from mubench_gen.scores.option_order import Circular, CircularTally
from mubench_gen.storage.records import Record


class Siblings:
    """Counts records that belong together: one item under several orders or read-outs.

    Counting starts only if the first records show that a run has such items, whose records
    are always close together; other runs save the time. `cluster`: the hash of what a record is
    clustered by (of two fields, the first).
    """

    _LOOKED_AT = 4_096

    def __init__(self) -> None:
        self.agreement = AgreementTally()
        self._circular = defaultdict[str, CircularTally](CircularTally)
        self._first: list[tuple[Record, int]] | None = []
        self._seen: dict[tuple[str, str], tuple[str, str]] = {}
        self._several = False

    def add(self, record: Record, cluster: int) -> None:
        if self._several:
            self._count(record, cluster)
        elif self._first is not None:
            self._look(self._first, record, cluster)

    def circular(self) -> dict[str, Circular]:
        names = sorted(self._circular, key=lambda name: (name != "pooled", name))
        found = {name: self._circular[name].circular() for name in names}
        return {name: one for name, one in found.items() if one is not None}

    def _look(self, first: list[tuple[Record, int]], record: Record, cluster: int) -> None:
        item, readout, order, repeat = record["id"].rsplit("/", 3)
        first.append((record, cluster))
        self._several = self._seen.setdefault((item, repeat), (readout, order)) != (readout, order)
        if self._several:
            for earlier in first:
                self._count(*earlier)
        if self._several or len(first) >= self._LOOKED_AT:
            self._first = None

    def _count(self, record: Record, cluster: int) -> None:
        self.agreement.add(record, cluster)
        for name in ("pooled", record["task"]):
            self._circular[name].add(record, cluster)
