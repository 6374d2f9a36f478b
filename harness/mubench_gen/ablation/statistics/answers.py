"""records → arrays of one model's answers to each item in each cell of the grid."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.scores.calibration import confidence, probabilities_of
from mubench_gen.scores.clusters import Clustering
from mubench_gen.scores.item_clusters import ItemClusters, clusters_of_items
from mubench_gen.scores.open_answers import is_apart
from mubench_gen.storage.records import Record

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

UNASKED, MOVED, UNANSWERED = -4, -3, -2  # in `choice`
_ERROR = -1  # in the column of right answers


@dataclass(frozen=True, slots=True)
class PositionCounts:
    """Counts by cell, number of options and position, of shape (cells, options, positions).

    gold: positions of the right options; right: of those answered right; answered: of the
    chosen options.
    """

    gold: Codes
    right: Codes
    answered: Codes


@dataclass(frozen=True, slots=True)
class Answers:
    """One model's answers on a grid of `cells`.

    `right` (items, cells): the share of an item's records that are right, unanswered counted as
    wrong; NaN if not asked or failed. `clusters`: what items are drawn by. `task` holds a code per
    item, `tasks` their names. `choice` (items, cells): the chosen option's index in the data,
    MOVED if orders disagree. By cell: `records` without errors, `errors`, `unanswered`, `correct`.
    `options`: how many an item offers. `sure`, `brier` (items, cells): the chosen option's share of
    the probabilities, and the Brier score; NaN where a record has no probabilities.
    """

    items: tuple[str, ...]
    clusters: ItemClusters
    tasks: tuple[str, ...]
    task: Codes
    right: Floats
    choice: npt.NDArray[np.int8]
    records: Codes
    errors: Codes
    unanswered: Codes
    correct: Codes
    places: PositionCounts
    options: Codes
    sure: Floats
    brier: Floats


PlacedRecords = tuple[Iterable[Record], Mapping[tuple[str, str], int]]


def read_answers(*parts: PlacedRecords, clustering: Clustering | None = None) -> Answers:
    """The answers in the records of runs, each given with its cells' indices by prompt and
    read-out.

    Records of other cells, and of items that ask for boxes, are left out. `clustering`: what is
    drawn together, by image without.
    """
    clustering = clustering or Clustering()
    items, tasks, task = dict[str, int](), dict[str, int](), array("q")
    clusters = clusters_of_items(clustering)
    columns = [array("q") for _ in range(7)]
    chances = array("d"), array("d")
    for cell, record in placed(parts):
        if cell is None or is_apart(record):
            continue
        item = items.setdefault(record["item"], len(items))
        for one in clusters:
            one.add(item, record)
        if item == len(task):
            task.append(tasks.setdefault(record["task"], len(tasks)))
        choice = record["choice"]
        row = (
            item,
            cell,
            _ERROR if record["status"] == "error" else bool(record["correct"]),
            UNANSWERED if choice is None else record["order"][choice],
            len(record["options"]),
            record["gold"],
            -1 if choice is None else choice,
        )
        for column, value in zip(columns, row, strict=True):
            column.append(value)
        for chance, share in zip(chances, _chances(record), strict=True):
            chance.append(share)
    clustering.check.done()
    table = np.array(columns, np.int64).reshape(7, -1)
    sorting = np.argsort(table[2] == _ERROR, kind="stable")
    table = table[:, sorting]
    sound = int((table[2] != _ERROR).sum())
    width = sum(len(cells) for _, cells in parts)
    item, cell, right, choice, options, gold, place = table[:, :sound]
    sure, brier = (np.array(one, np.float64)[sorting][:sound] for one in chances)
    offered = np.zeros(len(items), np.int64)
    np.maximum.at(offered, table[0], table[4])
    return Answers(
        items=tuple(items),
        clusters=ItemClusters.of(clusters),
        tasks=tuple(tasks),
        task=np.array(task, np.int64),
        right=cell_means(item * width + cell, right, (len(items), width)),
        choice=_choices(item * width + cell, choice, (len(items), width)),
        records=np.bincount(cell, minlength=width),
        errors=np.bincount(table[1, sound:], minlength=width),
        unanswered=np.bincount(cell[choice == UNANSWERED], minlength=width),
        correct=np.bincount(cell[right == 1], minlength=width),
        places=_places(cell, right, options, gold, place, width),
        options=offered,
        sure=cell_means(item * width + cell, sure, (len(items), width)),
        brier=cell_means(item * width + cell, brier, (len(items), width)),
    )


def on_shared_items(answers: Sequence[Answers]) -> tuple[list[Floats], Codes]:
    """`right` of each model on the items that all have, in the order of the first model's, and
    what these items are clustered by."""
    first = answers[0]
    shared = set(first.items).intersection(*(one.items for one in answers[1:]))
    wanted = [item for item in first.items if item in shared]
    rows = []
    for one in answers:
        place = {item: n for n, item in enumerate(one.items)}
        rows.append(np.array([place[item] for item in wanted], np.int64))
    rights = [one.right[own] for one, own in zip(answers, rows, strict=True)]
    return rights, first.clusters.codes[rows[0]]


def _chances(record: Record) -> tuple[float, float]:
    """The confidence and the Brier score of a record; NaN without probabilities."""
    given = probabilities_of(record) if record["status"] != "error" else None
    if given is None or record["choice"] is None:
        return math.nan, math.nan
    each = [confidence(given, option) for option in range(len(given))]
    brier = math.fsum((p - (at == record["gold"])) ** 2 for at, p in enumerate(each))
    return each[record["choice"]], brier


def placed(parts: Iterable[PlacedRecords]) -> Iterator[tuple[int | None, Record]]:
    """Yield each record with the index of its cell, or None if it belongs to no cell."""
    for records, cells in parts:
        for record in records:
            yield cells.get((record["prompt"], record["readout"])), record


def cell_means(at: Codes, right: Codes | Floats, shape: tuple[int, int]) -> Floats:
    """The mean of the values at each index of a table of that shape; NaN without a value."""
    size = shape[0] * shape[1]
    counts = np.bincount(at, minlength=size).reshape(shape)
    sums = np.bincount(at, weights=right, minlength=size).reshape(shape)
    means: Floats = np.divide(sums, counts, out=np.full(shape, np.nan), where=counts > 0)
    return means


def _choices(at: Codes, choice: Codes, shape: tuple[int, int]) -> npt.NDArray[np.int8]:
    lowest = np.full(shape[0] * shape[1], 127, np.int8)
    highest = np.full(shape[0] * shape[1], UNASKED, np.int8)
    chosen = np.minimum(choice, 126).astype(np.int8)
    np.minimum.at(lowest, at, chosen)
    np.maximum.at(highest, at, chosen)
    moved = (lowest != highest) & (highest != UNASKED)
    return np.where(moved, np.int8(MOVED), highest).reshape(shape)


def _places(
    cell: Codes, right: Codes, options: Codes, gold: Codes, place: Codes, width: int
) -> PositionCounts:
    most = int(options.max(initial=0)) + 1

    def counted(chosen: npt.NDArray[np.bool_], places: Codes) -> Codes:
        at = (cell[chosen] * most + options[chosen]) * most + places[chosen]
        counts = np.bincount(at, minlength=width * most * most)
        return counts.reshape(width, most, most)

    everywhere = np.ones(len(cell), bool)
    return PositionCounts(
        gold=counted(everywhere, gold), right=counted(right == 1, gold),
        answered=counted(place >= 0, place),
    )  # fmt: skip
