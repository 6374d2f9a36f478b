"""What items are drawn together: those of an image, or of a slide, a donor, a well, a plate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mubench_gen.errors import SettingError, did_you_mean
from mubench_gen.scores.interval import estimand_of_shares
from mubench_gen.scores.metadata import ABSENT, value_of
from mubench_gen.storage.index import FEW, DiskTable, hashed
from mubench_gen.storage.records import Record

if TYPE_CHECKING:
    from mubench_gen.scores.estimate import Estimate

Kinds = Counter[tuple[int, int, int]]

IMAGE = "image"
BY_IMAGE = (IMAGE,)
MOST_WAYS = 2
OF_RECORDS = ("prompt", "readout", "order")  # differ between the records of an item
OF_THE_RUN = (IMAGE, "item", "dataset", "task", *OF_RECORDS)
_N = 32  # bits per count
_COUNT = (1 << _N) - 1


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


class Clustering:
    """The hashes of a record's clusters: one, or for two fields theirs and that of both.

    `of_tasks`: the fields of the tasks, where no field is given.
    """

    def __init__(
        self, fields: Sequence[str] = (), of_tasks: Mapping[str, str] | None = None
    ) -> None:
        self.fields = cluster_fields(fields)
        own = {} if fields else dict(of_tasks or {})
        self._of_tasks = own if {*own.values()} - {IMAGE} else {}
        by = "The cluster of a task," if self._of_tasks else "--cluster"
        self.check = ClusterCheck([*self.fields, *self._of_tasks.values()], by)
        self._by_image = self.fields == BY_IMAGE and not self._of_tasks

    @property
    def ways(self) -> int:
        """How many hashes a record has."""
        return 1 if len(self.fields) == 1 else 3

    @property
    def noun(self) -> str:
        """What a cluster is called."""
        return self.by if len(self.fields) == 1 else "cluster"

    @property
    def by(self) -> str:
        """What a cluster of the first field is called."""
        names = self._names
        return names[0] if len(names) == 1 else "cluster"

    @property
    def words(self) -> str:
        """By what items are clustered, in words: "image", "slide and plate", …"""
        if len(self._names) == 1:
            return " and ".join([*self._names, *self.fields[1:]])
        return f"{' or '.join(self._names)}, as the task says"

    @property
    def _names(self) -> list[str]:
        return sorted(set(self._of_tasks.values())) or [self.fields[0]]

    def name(self, record: Record) -> str:
        """The cluster of a record by the first field."""
        if self._by_image:
            return image_of(record)
        self.check.add(record)
        return cluster_of(record, self._of_tasks.get(record["task"], self.fields[0]))

    def __call__(self, record: Record) -> tuple[int, ...]:
        if self._by_image:
            return (hashed(image_of(record)),)
        names = [self.name(record), *(cluster_of(record, field) for field in self.fields[1:])]
        return tuple(map(hashed, names if len(names) == 1 else [*names, "\0".join(names)]))


def cluster_fields(given: Sequence[str]) -> tuple[str, ...]:
    """The fields of `--cluster`, one or two; by image without any. SettingError for more."""
    if len(given) > MOST_WAYS:
        raise SettingError(
            f"--cluster takes one field or two, not {len(given)}: {', '.join(given)}."
        )
    return tuple(given) or BY_IMAGE


class ClusterCheck:
    """Sees whether the records have the fields that they are clustered by, with a value."""

    _LOOKED_AT = 1_000

    def __init__(self, fields: Sequence[str], by: str = "--cluster") -> None:
        self._by = by
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

    @property
    def satisfied(self) -> bool:
        """Whether every field was seen."""
        return not self._missing

    def done(self) -> None:
        """Raise SettingError for a field that no record had."""
        if self._seen and self._missing:
            field = self._missing[0]
            raise SettingError(
                f"{self._by} {field}: no item has a value of such a field. "
                + did_you_mean(field, {*self._known, *OF_THE_RUN} - {field})
            )


def counts_of(*, right: bool, answered: bool = True) -> int:
    """What an item adds to the counts of its cluster, above 0."""
    return (answered << 2 * _N) | (1 << _N) | right


class Clusters:
    """(items, right) for each image or other cluster, by its hash, in arbitrary order.

    Items of one image are mostly adjacent, so they are written to the table together.
    """

    __slots__ = ("_counts", "_image", "_table")

    def __init__(self) -> None:
        self._table = DiskTable(combine=int.__add__, in_memory=FEW)
        self._image = self._counts = 0

    def add(self, image: int, *, right: bool, answered: bool = True) -> None:
        """Count an item; `image` is the hash (`hashed`) of the image's name."""
        self.put(image, counts_of(right=right, answered=answered))

    def put(self, image: int, counts: int) -> None:
        """Count an item by its `counts_of`."""
        if image != self._image:
            self._flush()
            self._image = image
        self._counts += counts

    def __iter__(self) -> Iterator[tuple[int, int]]:
        self._flush()
        for counts in self._table.values():
            yield counts >> _N & _COUNT, counts & _COUNT

    def kinds(self) -> Kinds:
        """How many clusters have the same (items, answered, right)."""
        self._flush()
        found: Kinds = Counter()
        for counts in self._table.values():
            found[counts >> _N & _COUNT, counts >> 2 * _N, counts & _COUNT] += 1
        return found

    def _flush(self) -> None:
        if self._counts:
            self._table.put(self._image, self._counts)
            self._counts = 0


def of_items(kinds: Kinds) -> Counter[tuple[int, int]]:
    """How many clusters have the same (items, right)."""
    found: Counter[tuple[int, int]] = Counter()
    for (items, _, right), count in kinds.items():
        found[items, right] += count
    return found


def of_answered(kinds: Kinds) -> Counter[tuple[int, int]]:
    """How many clusters have the same (answered, right), of those with an answer."""
    found: Counter[tuple[int, int]] = Counter()
    for (_, answered, right), count in kinds.items():
        if answered:
            found[answered, right] += count
    return found


def share_of_kinds(kinds: Sequence[Counter[tuple[int, int]]], noun: str) -> Estimate:
    """A share from (items, right) by cluster, an item or more, of one clustering, or of two and
    of both."""
    from mubench_gen.scores.estimate import share_estimate

    found = [one for one in map(estimand_of_shares, kinds) if one is not None]
    return share_estimate(found[0], also=found[1:], noun=noun)
