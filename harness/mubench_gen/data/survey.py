"""What a data set holds, counted row by row: every row is read and checked on the way."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from mubench_gen._version import __version__
from mubench_gen.data.arrow import ArrowDataset
from mubench_gen.data.columnar import damage_told
from mubench_gen.data.dataset import Dataset
from mubench_gen.data.image_columns import is_image_column
from mubench_gen.data.licenses import allows_commercial_use
from mubench_gen.data.schema import check_row
from mubench_gen.data.sound_rows import check_batch, has_image
from mubench_gen.storage.paths import cache_folder
from mubench_gen.storage.scratch import Scratch, sweep
from mubench_gen.types import Question, Row, Task

_ROWS_TOGETHER = 2048


@dataclass(slots=True)
class RowCounts:
    """Counts over the rows of one data set. `images`: distinct files, or ids of images in rows."""

    rows: int = 0
    images: int = 0
    questions: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class TaskCounts:
    """The number of one task's questions, and the sum of 1 / options over its multiple choice."""

    questions: int = 0
    chances: float = 0.0

    @property
    def chance(self) -> float | None:
        return self.chances / self.questions if self.chances else None


@dataclass(frozen=True, slots=True)
class DatasetCounts:
    """Counts by data set and by task. Data sets may share some of the `images`."""

    datasets: dict[str, RowCounts]
    tasks: dict[str, TaskCounts]
    images: int

    @property
    def licences(self) -> dict[str, Counter[str]]:
        """Licence → data set → rows."""
        found: dict[str, Counter[str]] = {}
        for name, group in self.datasets.items():
            for licence, rows in group.licences.items():
                found.setdefault(licence, Counter())[name] += rows
        return dict(sorted(found.items()))

    @property
    def non_commercial(self) -> dict[str, Counter[str]]:
        """The licences that forbid commercial use or are not known."""
        return {n: rows for n, rows in self.licences.items() if not allows_commercial_use(n)}


def survey(dataset: Dataset, tasks: Sequence[Task] = ()) -> DatasetCounts:
    """Go through all rows. DataError names the first that is not of the schema.

    What was found in Arrow and Parquet files is remembered by their digest.
    """
    if not isinstance(dataset, ArrowDataset):
        return _counted(_looked_at(dataset), tasks)
    place = _place(dataset, tasks)
    found = _remembered(place)
    if found is None:
        found = _counted(_skimmed(dataset), tasks)
        _remember(place, found)
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """Some rows of one data set. `asked`: (question, number of options or None, rows)."""

    dataset: str
    rows: int
    images: Sequence[str]
    licences: Sequence[Any]
    asked: Sequence[tuple[str, int | None, int]]


def _counted(parts: Iterator[_Part], tasks: Sequence[Task]) -> DatasetCounts:
    datasets: dict[str, RowCounts] = {}
    images: dict[str, set[str]] = {}
    asked = {task.name: TaskCounts() for task in tasks}
    for part in parts:
        group = datasets.setdefault(part.dataset, RowCounts())
        group.rows += part.rows
        images.setdefault(part.dataset, set()).update(part.images)
        group.licences.update(map(str, part.licences))
        for question, options, rows in part.asked:
            group.questions[question] += rows
            for task in tasks:
                if task.asks(part.dataset) and _is_of(question, task):
                    asked[task.name].questions += rows
                    asked[task.name].chances += rows / options if options else 0.0
    for name, found in images.items():
        datasets[name].images = len(found)
    return DatasetCounts(dict(sorted(datasets.items())), asked, len(set().union(*images.values())))


def _is_of(question: str, task: Task) -> bool:
    return question == task.question or question.startswith(f"{task.question}/")


def _looked_at(dataset: Dataset) -> Iterator[_Part]:
    """Every row by itself. Image files are counted; images that stand in rows, by their ids."""
    in_files = dataset.image_files is not None
    for row in dataset:
        check_row(row)
        asked = [(name, _guesses(one), 1) for name, one in row.questions.items()]
        images = [one.name for one in row.images] if in_files else [row.image_id]
        yield _Part(row.dataset, 1, images, [row.meta.get("license")], asked)


def _guesses(question: Question) -> int | None:
    """Of how many answers a guess takes one; None where they cannot be counted."""
    n = len(question.options)
    if question.form == "several":
        return int(2**n) - 1
    return n if question.form == "option" else None


def _skimmed(dataset: ArrowDataset) -> Iterator[_Part]:
    """Batch by batch: only rows that are not evidently sound are looked at by themselves."""
    for batch, imaged, make in _bundles(dataset):
        checked = check_batch(batch)
        sound = checked.sound & imaged
        names = batch.column("dataset").to_pylist()
        if not sound.all() or not all(names):  # the stain may tell which it is
            rows = list(make())
            for at in (~sound).nonzero()[0]:
                check_row(rows[at])
            names = [row.dataset for row in rows]
        images = batch.column("image_id").to_pylist()
        there = "license" in batch.schema.names
        licences = batch.column("license").to_pylist() if there else [None] * len(images)
        asked = Counter(
            (name, question, options)
            for question, counts in checked.options.items()
            for name, options in zip(names, counts.tolist(), strict=True)
        )
        for name in dict.fromkeys(names):
            at = [place for place, one in enumerate(names) if one == name]
            yield _Part(
                name,
                len(at),
                [images[place] for place in at],
                [licences[place] for place in at],
                [
                    (q, n if n > 0 else None, rows)
                    for (one, q, n), rows in asked.items()
                    if one == name and n
                ],
            )


def _bundles(dataset: ArrowDataset) -> Iterator[tuple[Any, Any, Callable[[], Iterator[Row]]]]:
    """The texts of a few thousand rows as one record batch, which of them have an image, and what
    makes the rows."""
    pending: list[tuple[Any, Any, Callable[[], Iterator[Row]]]] = []
    for path, batch, make in dataset.batches():
        texts = [name for name in batch.schema.names if not is_image_column(name)]
        with damage_told(path):
            batch.select(texts).validate(full=True)
        if pending and pending[0][0].schema.names != texts:
            yield _bundle(pending)
            pending = []
        pending.append((batch.select(texts), has_image(batch), make))
        if sum(len(texts) for texts, _, _ in pending) >= _ROWS_TOGETHER:
            yield _bundle(pending)
            pending = []
    if pending:
        yield _bundle(pending)


def _bundle(
    parts: Sequence[tuple[Any, Any, Callable[[], Iterator[Row]]]],
) -> tuple[Any, Any, Callable[[], Iterator[Row]]]:
    import numpy as np
    import pyarrow as pa

    batches, imaged, makers = zip(*parts, strict=True)
    whole = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
    return whole, np.concatenate(imaged), lambda: (row for make in makers for row in make())


def _place(dataset: ArrowDataset, tasks: Sequence[Task]) -> Path:
    """Where the counts of these rows and tasks are kept."""
    asked = sorted((task.name, task.question, task.datasets) for task in tasks)
    content = orjson.dumps([__version__, dataset.rows_digest, asked])
    return cache_folder() / "surveys" / f"{hashlib.sha256(content).hexdigest()[:32]}.json"


def _remembered(place: Path) -> DatasetCounts | None:
    try:
        found = orjson.loads(place.read_bytes())
        datasets = {
            name: RowCounts(
                one["rows"], one["images"], Counter(one["questions"]), Counter(one["licences"])
            )
            for name, one in found["datasets"].items()
        }
        tasks = {name: TaskCounts(**one) for name, one in found["tasks"].items()}
        return DatasetCounts(datasets, tasks, int(found["images"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _remember(place: Path, found: DatasetCounts) -> None:
    with contextlib.suppress(OSError, TypeError):  # best effort, as for digests
        place.parent.mkdir(parents=True, exist_ok=True)
        sweep(place.parent, [place.name])
        with Scratch(place) as scratch:
            scratch.write(orjson.dumps(found))
            scratch.become(place)
