"""records → the means of metrics with intervals: pooled, by task, data set and field."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mubench_gen.errors import UsageError
from mubench_gen.plugins.extension import Metric
from mubench_gen.plugins.offered import names_file
from mubench_gen.scores.breakdown import value_order
from mubench_gen.scores.clusters import IMAGE, Clustering
from mubench_gen.scores.estimand import estimands
from mubench_gen.scores.estimate import mean_estimate, share_estimate
from mubench_gen.scores.metadata import value_of
from mubench_gen.scores.metrics import ChosenMetric, MetricError, choose_metrics, needs_of
from mubench_gen.scores.paired import PairedDifference, compare_means, compare_pair
from mubench_gen.storage.records import Record

Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer[Any]]

_PARTS = {"tasks": "task", "datasets": "dataset", "prompts": "prompt", "readouts": "readout"}
_WHERE_SEVERAL = ("datasets", "prompts", "readouts")


@dataclass(frozen=True, slots=True)
class MetricScore:
    """The mean of a metric over some items; None if no item has a value.

    n: items with a value; missing: items without (failed items are in neither). ci95: clustered
    as the run is.
    """

    n: int
    missing: int
    value: float | None
    ci95: tuple[float, float] | None


Groups = Mapping[str, Mapping[str, MetricScore]]  # part → name → score


@dataclass(frozen=True, slots=True)
class MetricScores:
    """A metric on a run: pooled, by task, data set, prompt, read-out, and by fields.

    clustered: what its intervals are clustered by, in words.
    """

    chosen: ChosenMetric
    groups: Groups
    clustered: str = IMAGE

    def as_dict(self) -> dict[str, Any]:
        """For JSON, without parts whose only group has all items."""
        found = {part: {name: asdict(one) for name, one in groups.items()}
                 for part, groups in self.groups.items()}  # fmt: skip
        pooled = found.pop("pooled")["pooled"]
        return {**self.chosen.described(), "pooled": pooled, **found}


@dataclass(frozen=True, slots=True)
class Measured:
    """The metrics of a run by their keys, and why others that it was scored with are missing.

    `recorded` has the entries of scores.json for the missing ones.
    """

    metrics: Mapping[str, MetricScores]
    unavailable: Mapping[str, str]
    recorded: Mapping[str, Mapping[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: metrics by their keys, with what is unavailable and why."""
        found = {key: one.as_dict() for key, one in self.metrics.items()}
        missing = {
            key: {**self.recorded.get(key, {}), "unavailable": why}
            for key, why in self.unavailable.items()
        }
        return {**found, **missing}

    @property
    def notes(self) -> list[str]:
        """The notes below the tables."""
        return [
            f"The run was scored with the metric {key}, which is not shown: {why}"
            for key, why in self.unavailable.items()
        ]


NOTHING_MEASURED = Measured({}, {}, {})


def measure(
    records: Iterable[Record],
    metrics: Sequence[ChosenMetric],
    by: Sequence[str] = (),
    clustering: Clustering | None = None,
) -> dict[str, MetricScores]:
    """The means of the metrics by their keys. Records of failed items count nowhere.

    `clustering` as in `score`.
    """
    clustering = clustering or Clustering()
    images = array("Q")
    columns = [array("d") for _ in metrics]
    fields = {**_PARTS, **{name: name for name in by}}
    codes: dict[str, dict[str, int]] = {part: {} for part in fields}
    places = {part: array("i") for part in fields}
    for record in records:
        if record["status"] == "error":
            continue
        images.extend(clustering(record))
        for metric, column in zip(metrics, columns, strict=True):
            column.append(metric.value(record))
        for part, field in fields.items():
            known = codes[part]
            places[part].append(known.setdefault(value_of(record, field), len(known)))
    clustering.check.done()
    image = np.array(images, np.uint64)
    if clustering.ways > 1:
        image = image.reshape(-1, clustering.ways)
    at = {part: np.array(place, np.int64) for part, place in places.items()}
    return {
        metric.key: MetricScores(
            metric,
            _grouped(metric.metric, np.array(column, np.float64), image, codes, at),
            clustering.words,
        )
        for metric, column in zip(metrics, columns, strict=True)
    }


def _grouped(
    metric: Metric,
    values: Values,
    images: Codes,
    codes: Mapping[str, Mapping[str, int]],
    at: Mapping[str, Codes],
) -> Groups:
    found = {"pooled": {"pooled": score_of(metric, values, images)}}
    for part, names in codes.items():
        if len(names) > 1 or part not in _WHERE_SEVERAL:
            ends = np.cumsum(np.bincount(at[part], minlength=len(names)))
            pieces = np.split(np.argsort(at[part], kind="stable"), ends[:-1])
            found[part] = {
                name: score_of(metric, values[pieces[names[name]]], images[pieces[names[name]]])
                for name in sorted(names, key=value_order)
            }
    return found


def score_of(metric: Metric, values: Values, images: Codes) -> MetricScore:
    """The mean of some items' values (NaN: no value), with its interval, clustered by `images`."""
    there = ~np.isnan(values)
    n = int(there.sum())
    mean = float(values[there].mean()) if n else None
    ends = mean_interval(values[there], images[there], metric.bounds)
    return MetricScore(n, len(values) - n, mean, ends)


def mean_interval(
    values: Values, images: Codes, bounds: tuple[float, float]
) -> tuple[float, float] | None:
    """The 95 % interval of a mean, clustered by `images` (as in `crossing.ways_of`); None with too
    few.

    With finite bounds Wilson's interval of the mean rescaled to 0 … 1, else Student's t.
    """
    if not len(values):
        return None
    low, high = bounds
    if not math.isfinite(high - low):
        mean, *also = estimands(values, images)
        found = mean_estimate(mean, bounds, also=also)
        return None if found is None else found.ci95
    width = high - low
    mean, *also = estimands((values - low) / width, images)
    ends = share_estimate(mean, also=also).ci95
    return low + width * ends[0], low + width * ends[1]


def difference_of(
    first: Values,
    second: Values,
    images: Codes,
    *,
    bounds: tuple[float, float] = (0.0, 1.0),
    strata: Codes | None = None,
    noun: str = "image",
) -> PairedDifference:
    """The paired difference of two series of a metric's values: as for accuracies if the
    bounds are 0 and 1, else of means. Raises ValueError with too few images.
    """
    if bounds == (0.0, 1.0):
        return compare_pair(first, second, images, strata=strata, noun=noun)
    return compare_means(first, second, images, strata=strata, noun=noun)


def measure_recorded(
    records: Callable[[Sequence[str]], Iterable[Record]],
    recorded: Mapping[str, Mapping[str, Any]],
    by: Sequence[str] = (),
    clustering: Clustering | None = None,
) -> Measured:
    """Compute the metrics that a run was scored with, if they are available here.

    `records` yields the records with the named long fields. `unavailable` says what failed.
    """
    chosen, unavailable = choose_recorded(recorded)
    while True:
        try:
            found = measure(records(needs_of(chosen)), chosen, by, clustering)
        except MetricError as error:
            unavailable[error.key] = str(error)
            chosen = [one for one in chosen if one.key != error.key]
        else:
            return Measured(found, unavailable, recorded)


def choose_recorded(
    recorded: Mapping[str, Mapping[str, Any]],
) -> tuple[list[ChosenMetric], dict[str, str]]:
    """The metrics that `scores.json` names, and why some are unavailable here."""
    chosen: list[ChosenMetric] = []
    unavailable: dict[str, str] = {}
    for key, facts in recorded.items():
        if names_file(key) or facts.get("asked") != key:  # data must not say which code to run
            unavailable[key] = f"it is defined in a file. Name that: --metric {facts.get('asked')}"
            continue
        try:
            chosen += choose_metrics([key])
        except UsageError as error:
            unavailable[key] = str(error)
    return chosen, unavailable


def rows_of(metrics: Iterable[MetricScores]) -> Iterator[tuple[str, str]]:
    """(part, name) of all groups that any of the metrics has, in the order of the tables."""
    metrics = list(metrics)
    parts = dict.fromkeys(part for one in metrics for part in one.groups)
    for part in parts:
        names = dict.fromkeys(name for one in metrics for name in one.groups.get(part, {}))
        yield from ((part, name) for name in names)
