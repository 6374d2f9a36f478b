"""What items are drawn together: those of an image, or of a slide, a donor, a well, a plate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mubench_gen.errors import SettingError
from mubench_gen.scores.metadata import ABSENT, value_of
from mubench_gen.storage.index import FEW, DiskTable
from mubench_gen.storage.records import Record

IMAGE = "image"
BY_IMAGE = (IMAGE,)
MOST_WAYS = 2
_OF_THE_RUN = (IMAGE, "dataset", "task", "prompt", "readout")
_N = 32  # bits per count


def image_of(record: Record) -> str:
    """The image that a record is clustered by: the shown one, else the row's.

    The row's includes the data set, because image ids repeat across data sets.
    """
    return record["image_sha256"] or f"{record['dataset']}/{record['image_id']}"


def cluster_of(record: Record, field: str = IMAGE) -> str:
    """The cluster of a record by a field: a column of the data, or prompt, readout, ….

    Values of the row's columns count within their data set: its slide 1 is not another's. A
    row without a value is clustered by its image.
    """
    if field == IMAGE:
        return image_of(record)
    value = value_of(record, field)
    if value == ABSENT:
        return image_of(record)
    return value if field in record else f"{record['dataset']}/{value}"


def cluster_fields(given: Sequence[str]) -> tuple[str, ...]:
    """The fields of `--cluster`, one or two; by image without any. SettingError for more."""
    if len(given) > MOST_WAYS:
        raise SettingError(
            f"--cluster takes one field or two, not {len(given)}: {', '.join(given)}."
        )
    return tuple(given) or BY_IMAGE


class ClusterCheck:
    """Sees whether the records have the fields that they are clustered by."""

    _LOOKED_AT = 1_000

    def __init__(self, fields: Sequence[str]) -> None:
        self._missing = [field for field in fields if field != IMAGE]
        self._known: set[str] = set()
        self._seen = 0

    def add(self, record: Record) -> None:
        if not self._missing:
            return
        self._seen += 1
        if self._seen <= self._LOOKED_AT:
            self._known |= {*record["meta"]}
        self._missing = [f for f in self._missing if value_of(record, f) == ABSENT]

    def done(self) -> None:
        """Raise SettingError for a field that no record had."""
        if self._seen and self._missing:
            raise SettingError(
                f"--cluster {self._missing[0]}: no record has such a field. The data have: "
                f"{', '.join(sorted(self._known)) or 'no further columns'}; of the run itself: "
                f"{', '.join(_OF_THE_RUN)}."
            )


class Clusters:
    """(items, right) for each image or other cluster, by its hash, in arbitrary order.

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
