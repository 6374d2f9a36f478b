"""records → what each item is clustered by, where an item may have several records."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from mubench_gen.errors import SettingError
from mubench_gen.scores.clusters import IMAGE, OF_RECORDS, Clustering, cluster_of
from mubench_gen.scores.crossing import ways_of
from mubench_gen.scores.estimand import estimands
from mubench_gen.scores.estimate import cautions, weightiest
from mubench_gen.storage.records import Record


class OfItems:
    """The cluster of each item by one field, which all records of an item must share.

    Prompts and read-outs they do not share: an item's answers are taken together over those.
    """

    def __init__(self, field: str, label: str, cluster: Callable[[Record], str]) -> None:
        self.field, self.label = field, label
        self.alike = True
        self.codes, self._shown = array("q"), array("b")
        self._numbers: dict[str, int] = {}
        self._cluster = cluster

    def add(self, item: int, record: Record, *, shown: bool = True) -> None:
        """Count a record of the item, which has the next number where it is new.

        `shown`: whether the model saw the item's own image, by which it is then clustered.
        """
        number = self._numbers.setdefault(self._cluster(record), len(self._numbers))
        if item == len(self.codes):
            self.codes.append(number)
            self._shown.append(shown)
        elif self.codes[item] != number and self.field != IMAGE:
            self.alike = False
        elif shown and not self._shown[item]:
            self.codes[item], self._shown[item] = number, True


@dataclass(frozen=True, slots=True)
class ItemClusters:
    """What items are clustered by. codes: as in `crossing.ways_of`. by: in words, "slide" or
    "slide and plate"; noun: what one cluster is called; left_out: fields that differ within
    items."""

    codes: npt.NDArray[np.int64]
    by: str
    noun: str
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, found: Sequence[OfItems]) -> ItemClusters:
        """By the fields that are of items. SettingError where none is."""
        kept = [one for one in found if one.alike]
        if not kept:
            raise of_records(found[0].field)
        columns = [np.array(one.codes, np.int64) for one in kept]
        codes = columns[0]
        if len(columns) > 1 and len(codes):
            codes = np.stack(ways_of(np.stack(columns, axis=1)), axis=1)
        labels = [one.label for one in kept]
        return cls(
            codes,
            " and ".join(labels),
            labels[0] if len(labels) == 1 else "cluster",
            tuple(one.field for one in found if not one.alike),
        )

    @property
    def count(self) -> int:
        """How many clusters there are, by the first of two fields."""
        return len(np.unique(ways_of(self.codes)[0]))

    @property
    def cautions(self) -> list[str]:
        """What to say where the items of few clusters, or of a heavy one, tell little."""
        if not len(self.codes):
            return []
        found, *also = estimands(np.zeros(len(self.codes)), self.codes)
        heaviest, worth = weightiest(found, also)
        told = cautions(worth, heaviest, found.clusters, self.noun)
        return [f"Intervals may hold less often than they say: {'; '.join(told)}"] if told else []

    @property
    def notes(self) -> list[str]:
        """What to say where that is not what was asked for."""
        return [
            f"Clustered by {self.by} alone: an item has several values of {field}, over which its "
            "answers are taken together"
            for field in self.left_out
        ]


def clusters_of_items(clustering: Clustering) -> list[OfItems]:
    """What finds the clusters of items by each of the fields."""
    first, *others = clustering.fields
    by_first = OfItems(first, clustering.by, clustering.name)
    return [by_first, *(OfItems(one, one, partial(cluster_of, field=one)) for one in others)]


def check_of_items(fields: Sequence[str]) -> None:
    """Raise SettingError if each of these fields differs between the records of an item."""
    if fields and all(field in OF_RECORDS for field in fields):
        raise of_records(fields[0])


def of_records(field: str) -> SettingError:
    """The error of a field that differs between the records of an item."""
    return SettingError(
        f"--cluster {field}: an item is asked with several values of {field}, and its answers are "
        "taken together here. Name what items are drawn by: image, or a column of the data such "
        "as slide or donor."
    )
