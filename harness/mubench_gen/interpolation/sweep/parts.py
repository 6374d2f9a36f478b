"""Parts of a sweep's items beside its two halves, and published points of the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mubench_gen.compare.answer_matrix import Reading
from mubench_gen.errors import SettingError

Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

IN_DOMAIN, REST, MEAN = HALVES = "in-domain", "rest", "mean"


@dataclass(frozen=True, slots=True)
class ItemPart:
    """A named part of the items: of some tasks, where their data sets are those of the in-domain
    tasks ("in-domain"), others ("rest"), or any ("all"). mean: over items, or over data sets of
    their means, whatever their sizes.
    """

    name: str
    tasks: tuple[str, ...]
    where: Literal["all", "in-domain", "rest"] = "all"
    mean: Literal["items", "datasets"] = "items"


@dataclass(frozen=True, slots=True)
class PublishedPoints:
    """Published accuracies in %: models maps a model to its value on each part that has one.

    read_off: the error of reading them off a figure, in points. differs: in what the sweep
    differs from what was published, so that the two can't be compared; empty where in nothing
    that the sweep knows of. notes: what else to know.
    """

    source: str
    read_off: float
    models: Mapping[str, Mapping[str, float]]
    differs: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartItems:
    """Which items a part has, (items,); `strata` of those items: their data sets, or None."""

    items: Mask
    strata: Codes | None


def items_of(part: ItemPart, reading: Reading, inside: Mask, there: Mask) -> PartItems:
    """The items of a part. `inside`: the items of the in-domain tasks; `there`: all that count."""
    tasks, dataset = reading.values["task"], reading.groups["dataset"]
    meant = [code for code, name in enumerate(tasks) if name in part.tasks]
    items = there & np.isin(reading.groups["task"], meant)
    if part.where != "all":
        domain = np.isin(dataset, np.unique(dataset[inside]))
        items &= domain if part.where == "in-domain" else ~domain
    return PartItems(items, dataset[items] if part.mean == "datasets" else None)


def check_names(names: Sequence[str], tasks: Sequence[str]) -> None:
    """SettingError where a part is named as a half of the sweep, or as a task."""
    taken = [name for name in names if name in (*HALVES, *tasks)]
    if taken:
        raise SettingError(f"A part of the study is named {taken[0]!r}, as a half of every sweep "
                           "or a task is: rename it.")  # fmt: skip
