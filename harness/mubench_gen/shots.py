"""Worked examples: items that are not asked, drawn by seed for each task and data set."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

from mubench_gen.data import Dataset
from mubench_gen.errors import ImageError, SettingError
from mubench_gen.orders import item_orders
from mubench_gen.samples import item_id, rank, samples
from mubench_gen.types import Control, Image, Row, Sample, Task, WorkedExample

_SPARE = 32  # candidates beyond those needed: of damaged images, or of the same bytes
_KEPT = 64  # images of examples in memory

Place = tuple[int, str]  # a row's index, and the name of its question


class Shots:
    """The examples of each task and data set.

    They come from rows whose image no asked item has, and none has the bytes of the image that
    the asked item shows. The same seed draws the same ones, for any number of shots the first.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        dataset: Dataset,
        *,
        shots: int,
        limit: int | None,
        seed: int,
        control: Control,
    ) -> None:
        """`shots`: how many are needed at most. SettingError where there are not so many."""
        if limit is None:
            raise SettingError(
                "Worked examples (shots) come from items that are not asked, and all are. "
                "Give --limit N, so that some are left."
            )
        self._dataset = dataset
        self._seed = seed
        self._control = control
        self._tasks = {task.name: task for task in tasks}
        self._sample = lru_cache(maxsize=_KEPT)(self._made)
        asked = _Asked(tasks, dataset, limit=limit, seed=seed)
        pools = _candidates(tasks, dataset, asked, most=shots + _SPARE, seed=seed)
        self._drawn: dict[tuple[str, str], list[Place]] = {}
        for (task, name), number in asked.groups.items():
            self._drawn[task, name] = self._sound(task, pools[task, name], shots + 1)
            found = len(self._drawn[task, name])
            if found < shots:
                raise SettingError(
                    f"{shots} worked examples of the task {task!r} on {name!r} are needed and "
                    f"{found} can be had: of images that no asked item has ({number} are asked). "
                    "Lower --limit, or the shots."
                )

    def of(self, sample: Sample, shots: int, order: str) -> tuple[WorkedExample, ...]:
        """The examples to show before the sample; `order`: in which orders options are shown.

        ImageError where too few are left without the sample's own image.
        """
        own = {_digest(sample.image), _digest(sample.row.image)}
        task = sample.task.name
        chosen: list[WorkedExample] = []
        for place in self._drawn[task, sample.row.dataset]:
            if len(chosen) == shots:
                break
            example = self._sample(task, place)
            if _digest(example.row.image) in own:
                continue
            orders = item_orders(order, example.question.options, seed=self._seed, item=example.id)
            chosen.append(WorkedExample(example, orders[0]))
        if len(chosen) < shots:
            raise ImageError(f"only {len(chosen)} of {shots} worked examples have another image")
        return tuple(chosen)

    def _made(self, task: str, place: Place) -> Sample:
        index, question = place
        row = self._dataset[index]
        asked = row.questions[question]
        image: Image | None = row.image if asked.draw is None else asked.draw(row.image)
        return Sample(
            id=item_id(row, self._tasks[task], question),
            task=self._tasks[task],
            row=row,
            question=asked,
            image=None if self._control == "blind" else image,
        )

    def _sound(self, task: str, places: Sequence[Place], most: int) -> list[Place]:
        """The first of them whose images can be decoded, no two of the same bytes."""
        found: dict[str, Place] = {}
        for place in places:
            image = self._dataset[place[0]].image
            try:
                image.pixels()
                found.setdefault(image.sha256, place)
            except ImageError:
                continue
            if len(found) == most:
                break
        return list(found.values())


class _Asked:
    """The images of all asked items, and how many items each task asks of each data set."""

    def __init__(self, tasks: Sequence[Task], dataset: Dataset, *, limit: int, seed: int) -> None:
        self.groups: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._images: set[tuple[str, str]] = set()
        for sample in samples(tasks, dataset, limit=limit, seed=seed):
            self.groups[sample.task.name, sample.row.dataset] += 1
            self._images.update(_names(sample.row))

    def shows(self, row: Row) -> bool:
        """Whether an asked item has the row's image."""
        return any(name in self._images for name in _names(row))


def _candidates(
    tasks: Sequence[Task], dataset: Dataset, asked: _Asked, *, most: int, seed: int
) -> dict[tuple[str, str], list[Place]]:
    """For each task and data set the places of the smallest seeded hash, the smallest first."""
    heaps: defaultdict[tuple[str, str], list[tuple[int, Place]]] = defaultdict(list)
    for row in dataset:
        if asked.shows(row):
            continue
        for task, question in _questions(tasks, row):
            entry = (-rank(seed, f"shots/{item_id(row, task, question)}"), (row.index, question))
            heap = heaps[task.name, row.dataset]
            if len(heap) < most:
                heapq.heappush(heap, entry)
            else:
                heapq.heappushpop(heap, entry)
    drawn = {
        group: [place for _, place in sorted(heap, reverse=True)] for group, heap in heaps.items()
    }
    return defaultdict(list, drawn)


def _questions(tasks: Sequence[Task], row: Row) -> Iterator[tuple[Task, str]]:
    for task in tasks:
        for question in task.questions_of(row):
            yield task, question


def _names(row: Row) -> Iterator[tuple[str, str]]:
    """What tells a row's image from others: rows of one image share one of these."""
    yield row.dataset, row.image_id
    yield row.dataset, f"file {row.image.name}"


def _digest(image: Image | None) -> str | None:
    try:
        return None if image is None else image.sha256
    except ImageError:
        return None
