"""Sums by cluster and stratum, in memory that does not grow with the clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from mubench_gen.storage.index import FEW, DiskTable

MOST_STRATA = 1 << 16
_STRATA = MOST_STRATA - 1
_BITS = 64  # per number
_NUMBER = (1 << _BITS) - 1


class CellTable:
    """`width` sums of whole numbers, none negative, for each cluster and stratum.

    Clusters are told apart by 48 bits of their hash.
    """

    def __init__(self, width: int) -> None:
        self._table = DiskTable(combine=int.__add__, in_memory=FEW)
        self._places = [_BITS * place for place in range(width)]

    def add(self, cluster: int, stratum: int, numbers: Sequence[int]) -> None:
        """Add an item's numbers; `cluster` is a hash (`hashed`), `stratum` below MOST_STRATA."""
        packed = sum(number << place for number, place in zip(numbers, self._places, strict=True))
        self._table.put(cluster & ~_STRATA | stratum, packed)

    def clusters(self) -> Iterator[list[tuple[int, list[int]]]]:
        """The strata of each cluster with their sums."""
        for _, cells in groupby(self._table.items(), lambda entry: entry[0] & ~_STRATA):
            yield [
                (key & _STRATA, [packed >> place & _NUMBER for place in self._places])
                for key, packed in cells
            ]
