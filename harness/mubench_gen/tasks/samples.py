"""task → samples: the questions of a data set, image by image.

All the tasks of one image stand together, so that an image is read, hashed, decoded and
encoded once and a server's caches pay for it once.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mubench_gen.data.dataset import Dataset, known_of
from mubench_gen.errors import DataError, did_you_mean
from mubench_gen.tasks.forms import as_declared
from mubench_gen.tasks.stand_ins import StandIns
from mubench_gen.tasks.task import matches
from mubench_gen.types import Control, Image, Question, Row, Sample, Task

_READ_ALL = 4  # rows that are read in their order cost as much as one that is looked up


def tasks_of(tasks: Sequence[Task], dataset: Dataset, *, wanted: Sequence[str]) -> list[Task]:
    """The tasks that the data set has questions for.

    `wanted` are the names, groups, … that the user gave. A task that is named and has no
    question is an error, and so is a group of which no task has any.
    """
    present = [task for task in tasks if count(task, dataset)]
    for pattern in wanted:
        meant = [task for task in tasks if matches(pattern, task)]
        absent = [task for task in meant if task not in present]
        if absent and len(absent) == len(meant):
            raise DataError(_missing(absent[0], dataset, None if len(meant) == 1 else pattern))
    if not present:
        own = ",".join(task.name for task in dataset.tasks)
        told = f" Name one of its tasks: --tasks {own}." if own else ""
        raise DataError(f"The data set {dataset.name!r} has no question of any task.{told}")
    return present


def count(task: Task, dataset: Dataset) -> int:
    """How many questions the data set has for the task."""
    return sum(
        n
        for (name, question), n in dataset.questions.items()
        if question == task.question and task.asks(name)
    )


def samples(
    tasks: Sequence[Task],
    dataset: Dataset,
    *,
    limit: int | None = None,
    seed: int = 0,
    control: Control = "none",
    row_mask: Sequence[int] | None = None,
) -> Iterator[Sample]:
    """The samples, row by row. `limit`: that many per task, drawn by seed.

    `row_mask`: one number per row, 0 if its items are not asked here; `limit` draws from all rows
    nevertheless, once for each data set that is open. Memory holds one number per row under
    `shuffled`, and one for each drawn item; nothing else in it grows with the data.
    """
    drawn = None if limit is None else _drawn(tasks, dataset, limit, seed)
    partners = _partners(len(dataset), seed) if control == "shuffled" else None
    stand_ins = StandIns(dataset, seed)
    for row in dataset if drawn is None else _rows(dataset, drawn):
        if row_mask is not None and not row_mask[row.index]:
            continue
        images = row.images
        wanted = [
            (task, name)
            for task in tasks
            for name in task.questions_of(row)
            if drawn is None or rank(seed + 1, item_id(row, task, name)) <= drawn.last[task.name]
        ]
        if control == "blind":
            images = ()
        elif partners is not None and wanted:
            images = _other_images(row, dataset, partners)
        elif control in ("mean", "noise"):
            images = stand_ins.of(row, control)
        for task, name in wanted:
            yield make_sample(item_id(row, task, name), task, row, row.questions[name], images)


def make_sample(
    name: str, task: Task, row: Row, question: Question, images: Sequence[Image]
) -> Sample:
    """The sample with these images of its row, or of another; about boxes, with the first alone."""
    question = as_declared(task, row, question)
    first, others = (images[0], tuple(images[1:])) if images else (None, ())
    if first is not None and question.draw is not None:
        first, others = question.draw(first), ()
    if question.boxes is not None:
        others = ()
    return Sample(id=name, task=task, row=row, question=question, image=first, more_images=others)


def item_id(row: Row, task: Task, question: str) -> str:
    """The id of the sample: a task's question (its name) about a row."""
    return f"{row.key}/{task.name}{question.removeprefix(task.question)}"


def rank(seed: int, item: str) -> int:
    """A pseudo-random number of 64 bits for an item and a seed."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{item}".encode()).digest()[:8], "big")


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The greatest rank of the items that are drawn of each task, and the rows that have any."""

    last: Mapping[str, int]
    rows: array[int]


def _rows(dataset: Dataset, drawn: _Drawn) -> Iterable[Row]:
    """The rows that have drawn items, or all where that is no more work."""
    if len(drawn.rows) * _READ_ALL > len(dataset):
        return dataset
    return (dataset[index] for index in drawn.rows)


def _drawn(tasks: Sequence[Task], dataset: Dataset, limit: int, seed: int) -> _Drawn:
    """What `_draw` draws, drawn once."""
    known = known_of(dataset)
    asked = ("drawn", tuple((task.name, task.sha256) for task in tasks), limit, seed)
    if asked not in known:
        known[asked] = _draw(tasks, dataset, limit, seed)
    found: _Drawn = known[asked]
    return found


def _draw(tasks: Sequence[Task], dataset: Dataset, limit: int, seed: int) -> _Drawn:
    """The `limit` items of each task with the smallest seeded ranks.

    The order of the rows does not matter.
    `seed + 1` has been its seed since the first version: another one would draw other items.
    """
    smallest: dict[str, list[tuple[int, int]]] = defaultdict(list)  # heaps of (-rank, row)
    for row in dataset:
        for task in tasks:
            for name in task.questions_of(row):
                heap = smallest[task.name]
                entry = -rank(seed + 1, item_id(row, task, name)), row.index
                if len(heap) < limit:
                    heapq.heappush(heap, entry)
                else:
                    heapq.heappushpop(heap, entry)
    rows = {index for heap in smallest.values() for _, index in heap}
    last = {name: -heap[0][0] for name, heap in smallest.items()}
    return _Drawn(last, array("Q", sorted(rows)))


def _partners(rows: int, seed: int) -> array[int]:
    """For each row another row, by Sattolo's algorithm: one cycle, so nobody keeps its own."""
    if rows < 2:
        raise DataError("The control 'shuffled' needs two images or more.")
    partners = array("Q", range(rows))
    generator = random.Random(seed)
    for i in range(rows - 1, 0, -1):
        j = generator.randrange(i)
        partners[i], partners[j] = partners[j], partners[i]
    return partners


def _other_images(row: Row, dataset: Dataset, partners: Sequence[int]) -> tuple[Image, ...]:
    """The images of the next partner that has as many, none of them this row's own: data sets may
    share images."""
    own = {image.name for image in row.images}
    partner = partners[row.index]
    while partner != row.index:
        other = dataset[partner]
        if (
            other.image_id != row.image_id
            and len(other.images) == len(row.images)
            and own.isdisjoint(image.name for image in other.images)
        ):
            return other.images
        partner = partners[partner]
    raise no_partner(row)


def no_partner(row: Row) -> DataError:
    """The error for a row whose images no other row can replace."""
    if not row.more_images:
        return DataError("The control 'shuffled' needs two images or more.")
    return DataError(
        f"The control 'shuffled' shows the images of another row: no other row has "
        f"{len(row.images)} images, as row {row.index + 1} (image_id {row.image_id}) has, and "
        "shares none with it. Leave its task out with --tasks, or use --control blind."
    )


def _missing(task: Task, dataset: Dataset, group: str | None) -> str:
    names = {name for name, _ in dataset.questions}
    if group is not None:
        return (
            f"{dataset.name!r} ({dataset.path}) has no question of any task in {group!r}; "
            f"its data sets: {', '.join(sorted(names))}."
        )
    absent = [d for d in task.datasets if not any(fnmatchcase(name, d) for name in names)]
    absent = [d for d in absent if not d.startswith("!")]
    if absent:
        return (
            f"The task {task.name!r} names the data set {absent[0]!r}, which is not in "
            f"{dataset.name!r} ({dataset.path}). {did_you_mean(absent[0], names)}"
        )
    return (
        f"The task {task.name!r} asks the question {task.question!r}, which no row of "
        f"{dataset.name!r} has. {did_you_mean(task.question, {q for _, q in dataset.questions})}"
    )
