"""Worked examples: items that are not asked, drawn by seed for each task and data set."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from mubench_gen.data.dataset import Dataset
from mubench_gen.errors import ImageError, SettingError
from mubench_gen.prompts.orders import item_orders
from mubench_gen.storage.digests import digest_or_none
from mubench_gen.tasks.samples import item_id, make_sample, rank, samples
from mubench_gen.types import Control, Row, Sample, Task, WorkedExample

_SPARE = 32  # candidates beyond those needed, as images may be damaged or repeated
_KEPT = 64  # images of examples in memory

Place = tuple[int, str]  # a row's index, and the name of its question
Name = tuple[str, str]  # of an image, in its data set
Group = tuple[str, str]  # the names of a task and of a data set


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How many images are not asked about, to serve as examples, and how many items they had.

    `row_mask`: one byte per row of the data, 0 where its image is held out.
    """

    images: int
    items: int
    row_mask: bytes


class Shots:
    """The examples of each task and data set.

    They come from rows whose image no asked item has, and never show the same bytes as the asked
    item. If the limit leaves too few such rows, or there is no limit, images are held out by seed,
    no more than each task needs on each data set. The same seed draws the same examples: fewer
    shots are the first of more.
    """

    held_out: HeldOut | None = None

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
        """`shots`: how many are needed at most. SettingError if there are fewer."""
        self._dataset = dataset
        self._seed = seed
        self._control = control
        self._tasks = {task.name: task for task in tasks}
        self._sample = lru_cache(maxsize=_KEPT)(self._made)
        asked = _Asked(tasks, dataset, limit=limit, seed=seed)
        pools = _candidates(
            tasks,
            dataset,
            asked.groups,
            most=shots + _SPARE,
            place=lambda row, item: None if asked.shows(row) else rank(seed, f"shots/{item}"),
        )
        self._drawn: dict[Group, list[Place]] = {
            group: self._sound(pools[group], shots + 1) for group in asked.groups
        }
        lacking = [group for group, drawn in self._drawn.items() if len(drawn) < shots]
        if lacking:
            self.held_out = self._hold_out(lacking, shots, asked)

    def drawn(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        """For each task and data set the items that are examples, in their order."""
        found: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
        for (task, name), places in self._drawn.items():
            found[task][name] = [self._sample(task, place).id for place in places]
        return found

    def _hold_out(self, lacking: Collection[Group], shots: int, asked: _Asked) -> HeldOut:
        """Draw the examples of these groups by image, whatever is asked, and take the images out.

        One image serves all tasks that ask about it. SettingError where too few are left.
        """
        seed = self._seed
        pools = _candidates(
            list(self._tasks.values()),
            self._dataset,
            lacking,
            most=shots + _SPARE,
            place=lambda row, item: rank(seed, f"shots/{row.dataset}/{row.image_id}"),
        )
        taken: set[Name] = set()
        images = 0
        for group in lacking:
            sound = self._sound(pools[group], shots + 2)
            if len(sound) < shots:
                raise _too_few(group, shots, asked.groups[group], len(sound))
            # One more than is shown, if an image is then still left to ask: an asked image may
            # have the bytes of an example, which is then replaced.
            self._drawn[group] = sound[: shots + (len(sound) > shots + 1)]
            for index, _ in self._drawn[group]:
                names = _names(self._dataset[index])
                images += taken.isdisjoint(names)
                taken |= names
        kept = bytes(taken.isdisjoint(_names(row)) for row in self._dataset)
        left = asked.within(kept)
        for group, number in asked.groups.items():
            if not left[group]:
                raise _too_few(group, shots, number, None)
        return HeldOut(images, asked.groups.total() - left.total(), kept)

    def examples_for(self, sample: Sample, shots: int, order: str) -> tuple[WorkedExample, ...]:
        """The examples to show before the sample; `order`: in which orders options are shown.

        ImageError where too few are left without the sample's own image.
        """
        own = set(map(digest_or_none, (*sample.images, *sample.row.images)))
        task = sample.task.name
        chosen: list[WorkedExample] = []
        for place in self._drawn[task, sample.row.dataset]:
            if len(chosen) == shots:
                break
            example = self._sample(task, place)
            if not own.isdisjoint(map(digest_or_none, example.row.images)):
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
        images = () if self._control == "blind" else row.images
        name = item_id(row, self._tasks[task], question)
        return make_sample(name, self._tasks[task], row, asked, images)

    def _sound(self, places: Sequence[Place], most: int) -> list[Place]:
        """The first `most` places whose images can be decoded, no two of the same bytes."""
        found: dict[tuple[str, ...], Place] = {}
        for place in places:
            images = self._dataset[place[0]].images
            try:
                for image in images:
                    image.pixels()
                found.setdefault(tuple(image.sha256 for image in images), place)
            except ImageError:
                continue
            if len(found) == most:
                break
        return list(found.values())


class _Asked:
    """What is asked if nothing is held out: images, and how many items of each group."""

    def __init__(
        self, tasks: Sequence[Task], dataset: Dataset, *, limit: int | None, seed: int
    ) -> None:
        self.groups: Counter[Group] = Counter()
        self._images: set[Name] | None = None if limit is None else set()
        self._draw = partial(samples, tasks, dataset, limit=limit, seed=seed)
        for sample in self._draw():
            self.groups[sample.task.name, sample.row.dataset] += 1
            if self._images is not None:
                self._images.update(_names(sample.row))

    def shows(self, row: Row) -> bool:
        """Whether an asked item has the row's image."""
        return self._images is None or any(name in self._images for name in _names(row))

    def within(self, rows: Sequence[int]) -> Counter[Group]:
        """How many items each group has in these rows: one byte per row, 0 if not one of them."""
        return Counter(
            (sample.task.name, sample.row.dataset)
            for sample in self._draw()
            if rows[sample.row.index]
        )


def _too_few(group: Group, shots: int, asked: int, found: int | None) -> SettingError:
    task, name = group
    what = (
        f"The task {task!r} has {asked:,} items to ask on {name!r}; {shots} worked examples need "
        "other images, "
    )
    if found is None:
        what += "and all images there are would be held out for them"
    else:
        what += f"and there are {found} images that can be read in all"
    return SettingError(f"{what}. Ask for fewer shots, or leave the task out.")


def _candidates(
    tasks: Sequence[Task],
    dataset: Dataset,
    groups: Collection[Group],
    *,
    most: int,
    place: Callable[[Row, str], int | None],
) -> dict[Group, list[Place]]:
    """For each group at most `most` questions: those that come first, in order.

    `place`: the rank of a row's question (by its item's id), None if it is not a candidate.
    """
    heaps: defaultdict[Group, list[tuple[int, Place]]] = defaultdict(list)
    for row in dataset:
        for task, question in _questions(tasks, row):
            group = task.name, row.dataset
            at = place(row, item_id(row, task, question)) if group in groups else None
            if at is None:
                continue
            entry = (-at, (row.index, question))
            heap = heaps[group]
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


def _names(row: Row) -> set[Name]:
    """What tells a row's images from others: rows that share an image share one of these."""
    files = {(row.dataset, f"file {image.name}") for image in row.images}
    return {(row.dataset, row.image_id), *files}
