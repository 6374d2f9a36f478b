"""Sums by cluster and stratum, in memory that does not grow with the clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mubench_gen.storage.index import FEW, DiskTable

MOST_STRATA = 1 << 16
_CODE, _NUMBER = 16, 64  # bits


def pack(numbers: Sequence[int]) -> int:
    """One number of several, so that a sum of them has the sums of all."""
    packed = 0
    for number in numbers:
        packed = packed << _NUMBER | number
    return packed


class CellTable:
    """`width` sums of whole numbers for each cluster and stratum; none is negative, and the
    first, the number of items, is above 0.

    Items of one cluster are mostly adjacent, so they are written to the table together.
    """

    def __init__(self, width: int) -> None:
        self._bits = _CODE + width * _NUMBER
        self._width = width
        self._table = DiskTable(combine=self._beside, in_memory=FEW)
        self._cluster = -1
        self._cells: dict[int, int] = {}

    def add(self, cluster: int, stratum: int, packed: int) -> None:
        """Add an item's numbers (`pack`); `cluster` is a hash (`hashed`), `stratum` below
        MOST_STRATA."""
        if cluster != self._cluster:
            self._flush()
            self._cluster = cluster
        self._cells[stratum] = self._cells.get(stratum, 0) + packed

    def clusters(self) -> Iterator[list[tuple[int, tuple[int, ...]]]]:
        """The strata of each cluster, in order, with their sums."""
        self._flush()
        for packed in self._table.values():
            cells = sorted(self._unpacked(packed))
            if len({code for code, _ in cells}) < len(cells):
                cells = _together(cells)
            yield cells

    def _flush(self) -> None:
        packed = 0
        for code, numbers in self._cells.items():
            packed = packed << self._bits | numbers << _CODE | code
        if packed:
            self._table.put(self._cluster, packed)
            self._cells = {}

    def _beside(self, earlier: int, later: int) -> int:
        cells = -(-later.bit_length() // self._bits)
        return earlier << cells * self._bits | later

    def _unpacked(self, packed: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        while packed:
            code = packed & (1 << _CODE) - 1
            packed >>= _CODE
            numbers = [packed >> place * _NUMBER & (1 << _NUMBER) - 1
                       for place in range(self._width)]  # fmt: skip
            packed >>= self._width * _NUMBER
            yield code, tuple(reversed(numbers))


def _together(cells: list[tuple[int, tuple[int, ...]]]) -> list[tuple[int, tuple[int, ...]]]:
    sums: dict[int, tuple[int, ...]] = {}
    for code, numbers in cells:
        earlier = sums.get(code, (0,) * len(numbers))
        sums[code] = tuple(a + b for a, b in zip(earlier, numbers, strict=True))
    return sorted(sums.items())
