"""What a data set holds, counted row by row: every row is read and checked on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mubench_gen.data.dataset import Dataset
from mubench_gen.data.licenses import allows_commercial_use
from mubench_gen.data.schema import check_row
from mubench_gen.types import Task


@dataclass(slots=True)
class RowCounts:
    """Counts over the rows of one data set."""

    rows: int = 0
    images: set[str] = field(default_factory=set)
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
    """Counts by data set and by task. `images` are distinct image ids: data sets may share some."""

    datasets: dict[str, RowCounts]
    tasks: dict[str, TaskCounts]

    @property
    def images(self) -> int:
        return len(set().union(*(group.images for group in self.datasets.values())))

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
    """Go through all rows. DataError names the first that is not of the schema."""
    datasets: dict[str, RowCounts] = {}
    asked = {task.name: TaskCounts() for task in tasks}
    for row in dataset:
        check_row(row)
        group = datasets.setdefault(row.dataset, RowCounts())
        group.rows += 1
        group.images.add(row.image_id)
        group.questions.update(row.questions.keys())
        group.licences[str(row.meta.get("license"))] += 1
        for task in tasks:
            for name in task.questions_of(row):
                question = row.questions[name]
                asked[task.name].questions += 1
                if question.boxes is None:
                    asked[task.name].chances += 1 / len(question.options)
    return DatasetCounts(dict(sorted(datasets.items())), asked)
