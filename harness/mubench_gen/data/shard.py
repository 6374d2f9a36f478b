"""A part of a run, by the images' digests: what one of several processes asks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from mubench_gen.errors import ImageError, SettingError
from mubench_gen.types import Row

_FORM = re.compile(r"(\d{1,9})/(\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index` of `of` parts, counted from 1. Every image is in exactly one of them."""

    index: int
    of: int

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"

    def holds(self, row: Row, *, salt: str = "") -> bool:
        """Whether the row is in this part, by the digest of its own image's bytes alone.

        So it depends neither on the order of the rows nor on what is asked of them. Where the
        image cannot be read, the row's key stands for it. `salt` makes another division.
        """
        try:
            digest = row.image.sha256
        except ImageError:
            digest = hashlib.sha256(row.key.encode("utf-8", "surrogatepass")).hexdigest()
        if salt:
            digest = hashlib.sha256(f"{salt}\0{digest}".encode()).hexdigest()
        return int(digest[:16], 16) % self.of == self.index - 1


def parse_shard(text: str) -> Shard:
    """The shard that "2/5" names. SettingError if the text does not name one."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise SettingError(f"{text!r} is not a shard: write I/N, such as 2/5")
    index, of = int(found[1]), int(found[2])
    if of < 1:
        raise SettingError(f"{text!r} is not a shard: a run has 1 part or more")
    if not 1 <= index <= of:
        raise SettingError(
            f"there is no shard {text}: {of} parts are counted from 1/{of} to {of}/{of}"
        )
    return Shard(index, of)


def rows_of(shard: Shard, rows: Iterable[Row], *, salt: str = "") -> bytes:
    """One byte per row, 1 where the shard holds it. Reads and hashes every image once."""
    return bytes(shard.holds(row, salt=salt) for row in rows)
