"""records → arrays of each run's answers to each item, for several runs at once.

They take about twenty bytes per record, and the text of each item's id once.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mubench_gen.compare.by_content import ByContent
from mubench_gen.runs.results import Run
from mubench_gen.scores.clusters import Clustering, image_of
from mubench_gen.scores.item_clusters import ItemClusters, clusters_of_items
from mubench_gen.scores.label_mass import LabelMassTally
from mubench_gen.scores.metadata import ABSENT, check_fields, field_names, value_of
from mubench_gen.scores.metrics import ChosenMetric, needs_of
from mubench_gen.scores.open_answers import asked_form
from mubench_gen.storage.records import Record
from mubench_gen.types import Form

Codes = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

ERROR = -1  # in `right`
UNREAD = "\0unread"  # as a metric: which replies name no option


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One run's answers, arrays with one entry per record, without items of other forms.

    `item`, `variant` (prompt, read-out, order and repeat), `image` (as it was shown) and `answer`
    (the right option's original position and the number of options) are codes that all runs of
    one reading share; `right` is 1, 0 or ERROR; `unread` is 1 where a reply names no option.
    `apart`: how many records ask for another form of answer. `measured` holds further metrics by
    their keys, NaN for a missing value.
    """

    run: Run
    item: Codes
    variant: Codes
    image: Codes
    answer: Codes
    right: npt.NDArray[np.int8]
    unread: npt.NDArray[np.int8]
    contradictions: int
    apart: int
    measured: Mapping[str, Values]

    def values(self, metric: str | None) -> Values:
        """1 or 0 for each record, or its value of that metric; NaN for a missing value.

        The metric UNREAD is 1 where a reply names no option.
        """
        if metric == UNREAD:
            return np.where(self.right == ERROR, np.nan, self.unread)
        if metric is not None:
            return self.measured[metric]
        return np.where(self.right == ERROR, np.nan, self.right)

    @property
    def unanswered(self) -> int:
        return int(self.unread.sum())

    @property
    def errors(self) -> int:
        return int((self.right == ERROR).sum())

    @property
    def planned(self) -> int:
        return int(self.run.manifest["planned"])

    @property
    def recorded(self) -> int:
        """The number of records, with failed items and items of other forms."""
        return len(self.right) + self.apart

    @property
    def finished(self) -> bool:
        """Whether every item has been asked; some may have failed."""
        return self.recorded >= self.planned

    @property
    def shows_images(self) -> bool:
        """Whether the model saw the item's own image."""
        return bool(self.run.manifest["settings"]["control"] == "none")


@dataclass(frozen=True, slots=True)
class Reading:
    """The outcomes of several runs, and their items: ids, and codes of some fields.

    `groups[field]` has for each item an index into `values[field]`. `clusters`: what the items are
    drawn by, as the first run is clustered. `notes`: what of imported runs was paired.
    """

    runs: tuple[Outcomes, ...]
    items: Sequence[str]
    groups: dict[str, Codes]
    values: dict[str, list[str]]
    clusters: ItemClusters
    notes: tuple[str, ...] = ()


class _Index:
    """Numbers distinct texts in the order in which they first appear."""

    def __init__(self) -> None:
        self.codes: dict[Any, int] = {}

    def __call__(self, text: Any) -> int:
        return self.codes.setdefault(text, len(self.codes))


class _Items:
    """The items of all runs: their codes, their fields, and what they are drawn by."""

    def __init__(self, fields: Sequence[str], clustering: Clustering, form: Form) -> None:
        self._variants, self._images, self._opened = _Index(), _Index(), _Index()
        self._form = form
        self._grouped = {field: array("q") for field in fields}
        self._indices = {field: _Index() for field in fields}
        self._known: set[str] = set()
        self._clustering = clustering
        self._clusters = clusters_of_items(clustering)
        self.items = _Index()

    def codes(self, record: Record, *, shown: bool) -> tuple[int, int, int, int]:
        """Item, variant, image and right answer of a record; `shown`: with its own image."""
        name, before = record["item"], len(self.items.codes)
        item = self.items(name)
        if item == before:
            for field, codes in self._grouped.items():
                codes.append(self._indices[field](value_of(record, field)))
            self._known |= field_names(record) if item < 1_000 else set()
        for one in self._clusters:
            one.add(item, record, shown=shown)
        of_options = self._form == "option"
        answer = _right_answer(record) if of_options else self._opened(_open_answer(record))
        return (
            item,
            self._variants(record["id"][len(name) :]),
            self._images(image_of(record)),
            answer,
        )

    def reading(self, runs: Sequence[Outcomes], notes: Sequence[str]) -> Reading:
        """All of it. SettingError if no record has one of the fields."""
        if self.items.codes:
            counts = {f: len(index.codes.keys() - {ABSENT}) for f, index in self._indices.items()}
            check_fields(tuple(self._grouped), self._known, counts)
        return Reading(
            runs=tuple(runs),
            items=list(self.items.codes),
            groups={field: _array(codes) for field, codes in self._grouped.items()},
            values={field: list(index.codes) for field, index in self._indices.items()},
            clusters=ItemClusters.of(self._clusters),
            notes=tuple(notes),
        )


def read_outcomes(
    runs: Sequence[Run],
    fields: Sequence[str] = ("task", "dataset"),
    metrics: Sequence[ChosenMetric] = (),
    watch: Sequence[Sequence[Callable[[Record], None]]] = (),
    content: ByContent | None = None,
    form: Form = "option",
) -> Reading:
    """Read the runs. Raises SettingError if no record has one of the fields, MetricError if a
    metric fails.

    `watch`: for each run, what else is to see its records, in the order of the arrays. `content`:
    what names the items of imported runs, made here if it is not given. `form`: what the items ask
    for that are read; those of other forms are counted.
    """
    clustering = runs[0].clustering
    items = _Items(fields, clustering, form)
    content = content or ByContent(runs)
    found, notes = [], list[str]()
    for number, run in enumerate(runs):
        mass = LabelMassTally()
        watching = (*(watch[number] if watch else ()), mass.add)
        records = content.records(run, run.outcomes((*fields, *needs_of(metrics))))
        found.append(_read_run(run, records, items, metrics, watching, form))
        clustering.check.done()
        found_mass = mass.label_mass()
        if found_mass is not None and found_mass.is_low:
            notes.append(f"run {number + 1}: {found_mass.words.rstrip('.')}")
    return items.reading(found, (*content.notes, *notes))


def _read_run(
    run: Run,
    records: Iterable[Record],
    items: _Items,
    metrics: Sequence[ChosenMetric],
    watching: Sequence[Callable[[Record], None]],
    form: Form,
) -> Outcomes:
    """One run's answers; `watching` see its records of that form."""
    shown = run.manifest["settings"]["control"] == "none"
    columns = [array("q") for _ in range(4)]
    rights, unread = array("b"), array("b")
    measured = [array("d") for _ in metrics]
    contradictions = apart = 0
    for record in records:
        if asked_form(record) != form:
            apart += 1
            continue
        for see in watching:
            see(record)
        for column, code in zip(columns, items.codes(record, shown=shown), strict=True):
            column.append(code)
        status = record["status"]
        unread.append(status not in ("answered", "error"))
        contradictions += status == "contradiction"
        rights.append(ERROR if status == "error" else bool(record["correct"]))
        for metric, values in zip(metrics, measured, strict=True):
            values.append(np.nan if status == "error" else metric.value(record))
    item, variant, image, answer = map(_array, columns)
    return Outcomes(
        run, item, variant, image, answer, _small(rights), _small(unread), contradictions, apart,
        {m.key: np.array(v, np.float64) for m, v in zip(metrics, measured, strict=True)},
    )  # fmt: skip


def _right_answer(record: Record) -> int:
    """The right option's original place and the number of options, as one number."""
    order, gold = record["order"], record["gold"]
    place: int = order[gold] if gold < len(order) else gold
    return place * 1_000 + len(record["options"])


def _open_answer(record: Record) -> str:
    """What is right of an open answer, with options by their original places."""
    told = record["open"]
    gold = told["gold"]
    if told["form"] == "several":
        gold = sorted(record["order"][place] for place in gold)
    return json.dumps([gold, told.get("tolerance"), told.get("relative"), told.get("unit")])


def values_of(
    runs: Sequence[Outcomes],
    wanted: npt.NDArray[np.bool_],
    *,
    by_id: bool,
    metric: str | None = None,
) -> Values:
    """The accuracy of each run on each item, of shape (items, runs); NaN for a missing value.

    An item's value is the mean over its records without an error. `by_id`: only over ids that
    all runs answered, so that a failed order or repeat is left out of all of them. `metric`:
    the values of that metric instead.
    """
    each = [run.values(metric) for run in runs]
    sound = [~np.isnan(found) for found in each]
    if by_id:
        sound = _shared(runs, sound)
    values = np.full((len(wanted), len(runs)), np.nan)
    for place, (run, found, kept) in enumerate(zip(runs, each, sound, strict=True)):
        item = run.item[kept]
        counts = np.bincount(item, minlength=len(wanted))
        sums = np.bincount(item, weights=found[kept], minlength=len(wanted))
        there = wanted & (counts > 0)
        values[there, place] = sums[there] / counts[there]
    return values


def _shared(
    runs: Sequence[Outcomes], sound: Sequence[npt.NDArray[np.bool_]]
) -> list[npt.NDArray[np.bool_]]:
    """For each run, the valid records whose id is valid in all runs."""
    width = 1 + max((int(run.variant.max()) for run in runs if len(run.variant)), default=0)
    keys = [run.item * width + run.variant for run in runs]
    common = keys[0][sound[0]]
    for key, kept in zip(keys[1:], sound[1:], strict=True):
        common = np.intersect1d(common, key[kept], assume_unique=True)
    return [kept & np.isin(key, common) for key, kept in zip(keys, sound, strict=True)]


def _array(codes: array[int]) -> Codes:
    return np.frombuffer(codes, np.int64) if len(codes) else np.empty(0, np.int64)


def _small(codes: array[int]) -> npt.NDArray[np.int8]:
    return np.frombuffer(codes, np.int8) if len(codes) else np.empty(0, np.int8)
