"""A data set's rows in two halves that share no image, or slide, donor, … (`--cluster`)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from mubench_gen.errors import ImageError, SettingError
from mubench_gen.plan.settings import Settings
from mubench_gen.scores.clusters import IMAGE
from mubench_gen.scores.metadata import ABSENT, value_of
from mubench_gen.types import Row


@dataclass(frozen=True, slots=True)
class RowHalves:
    """One byte per row, 1 where the half has it."""

    choosing: bytes
    held_out: bytes


def halved_by(settings: Settings) -> str:
    """What no two halves share: the first field of `--cluster`, or the image."""
    return (*settings.cluster, IMAGE)[0]


def halve(rows: Iterable[Row], *, field: str = IMAGE, seed: int = 0) -> RowHalves:
    """Two halves of about as many rows, drawn by the seed whatever the rows' order.

    Rows with an image in common (by its bytes), or with the same value of `field`, are in the same
    half. Memory grows with the number of images. SettingError if all rows hang together.
    """
    groups = _Groups()
    first = [groups.joined(_names(row, field)) for row in rows]
    found = [groups.find(one) for one in first]
    sizes = Counter(found)
    if len(sizes) < 2:
        what = "image" if field == IMAGE else f"image or {field}"
        raise SettingError(
            f"All rows of the data share one {what}: there are no two halves. Give other data, or "
            "another --cluster."
        )
    half_of: dict[int, int] = {}
    rows_in = [0, 0]
    for group in sorted(sizes, key=lambda one: _digest(f"{seed}\0{one}")):
        half = int(rows_in[1] < rows_in[0])
        half_of[group] = half
        rows_in[half] += sizes[group]
    halves = [half_of[one] for one in found]
    return RowHalves(bytes(half == 0 for half in halves), bytes(half == 1 for half in halves))


def _names(row: Row, field: str) -> list[int]:
    """The row's images, and its cluster."""
    names = []
    for place, image in enumerate(row.images):
        try:
            names.append(_digest(image.sha256))
        except ImageError:
            names.append(_digest(f"{row.key}\0{place}"))
    if field != IMAGE:
        value = value_of({"dataset": row.dataset, "meta": row.meta}, field)
        if value != ABSENT:
            names.append(_digest(f"{field}\0{row.dataset}/{value}"))
    return names


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")


class _Groups:
    """Disjoint sets; each is known by its smallest name, so that the order does not matter."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def joined(self, names: Iterable[int]) -> int:
        """Put all names into one set, and return one of them."""
        tops = {self.find(name) for name in names}
        top = min(tops)
        for one in tops:
            self._above[one] = top
        return top

    def find(self, name: int) -> int:
        above = self._above.setdefault(name, name)
        while above != self._above[above]:
            self._above[name] = above = self._above[above]
        return above
