"""records → the probabilities of labels, by what their priors have in common."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mubench_gen.scores.calibration import probabilities_of
from mubench_gen.scores.clusters import Clustering
from mubench_gen.scores.item_clusters import ItemClusters, clusters_of_items
from mubench_gen.scores.localization import is_box_record
from mubench_gen.storage.records import Record

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Key = tuple[str, ...]
LEAST = 1e-9  # a probability, so that it has a logarithm
_ORDER = re.compile(r"(?<=[\[,])order=[^,\]]*,?|,order=[^,\]]*")


@dataclass(slots=True)
class LabelAnswers:
    """The answers to one prompt by one read-out, with equally many options."""

    width: int
    item: array[int] = field(default_factory=lambda: array("q"))
    gold: array[int] = field(default_factory=lambda: array("q"))
    choice: array[int] = field(default_factory=lambda: array("q"))
    order: array[int] = field(default_factory=lambda: array("q"))
    chances: array[float] = field(default_factory=lambda: array("d"))

    @property
    def logs(self) -> Floats:
        """Logarithms of the probabilities by position, (records, options)."""
        table = np.array(self.chances, np.float64).reshape(-1, self.width)
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), LEAST)
        found: Floats = np.log(np.maximum(shares, LEAST))
        return found

    @property
    def orders(self) -> Integers:
        """The option at each position, (records, options)."""
        return np.array(self.order, np.int64).reshape(-1, self.width)


class Readouts:
    """The records that have probabilities, by what their priors have in common."""

    def __init__(self, clustering: Clustering | None = None) -> None:
        self._clustering = clustering or Clustering()
        self._clusters = clusters_of_items(self._clustering)
        self.items: dict[str, int] = {}
        self.groups: dict[Key, LabelAnswers] = {}

    def add(self, records: Iterable[Record], condition: str = "") -> None:
        """Take the records of a run; `condition`: what sets it apart from other runs."""
        for record in records:
            if record["status"] == "error" or is_box_record(record):
                continue
            chances = probabilities_of(record)
            if chances is None or record["choice"] is None:
                continue
            item = self.items.setdefault(record["item"], len(self.items))
            for one in self._clusters:
                one.add(item, record)
            key = (condition, *_key(record))
            group = self.groups.setdefault(key, LabelAnswers(len(chances)))
            group.item.append(item)
            group.gold.append(record["gold"])
            group.choice.append(record["choice"])
            group.order.extend(record["order"])
            group.chances.extend(chances)

    def clusters(self) -> ItemClusters:
        self._clustering.check.done()
        return ItemClusters.of(self._clusters)


def _key(record: Record) -> Key:
    """Prompt, read-out and number of labels; of captions, which stand at no place, their texts."""
    prompt = _ORDER.sub("", record["prompt"]).replace("[]", "").replace(",]", "]")
    if record["readout"] == "similarity":
        return (prompt, record["readout"], record["task"], *record["options"])
    return (prompt, record["readout"], str(len(record["options"])))
