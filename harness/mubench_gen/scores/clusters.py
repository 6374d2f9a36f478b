"""Counts by image for clustered intervals, in memory that does not grow with the images."""

from __future__ import annotations

from collections.abc import Iterator

from mubench_gen.storage.index import FEW, DiskTable

_N = 32  # bits per count


class Clusters:
    """(items, right) for each image, by the image's hash, in arbitrary order.

    Items of one image are mostly adjacent, so they are written to the table together.
    """

    __slots__ = ("_counts", "_image", "_table")

    def __init__(self) -> None:
        self._table = DiskTable(combine=int.__add__, in_memory=FEW)
        self._image = self._counts = 0

    def add(self, image: int, *, right: bool) -> None:
        """Count an item; `image` is the hash (`hashed`) of the image's name."""
        if image != self._image:
            self._flush()
            self._image = image
        self._counts += (1 << _N) | right

    def __len__(self) -> int:
        self._flush()
        return len(self._table)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        self._flush()
        for counts in self._table.values():
            yield counts >> _N, counts & ((1 << _N) - 1)

    def _flush(self) -> None:
        if self._counts:
            self._table.put(self._image, self._counts)
            self._counts = 0
