"""A data set made of some rows of another."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from mubench_gen.console.progress import log
from mubench_gen.data.dataset import Dataset
from mubench_gen.data.derived import Derived
from mubench_gen.data.equal_options import Alike
from mubench_gen.data.schema import check_row
from mubench_gen.errors import DataError
from mubench_gen.types import Row

_SHOWN = 5


def choose(dataset: Dataset, keep: Callable[[Row], bool]) -> Dataset:
    """The rows for which `keep` is true, renumbered, with their keys. Reads all rows once."""
    kept = array("Q")
    questions: Counter[tuple[str, str]] = Counter()
    for row in dataset:
        if keep(row):
            kept.append(row.index)
            questions.update((row.dataset, name) for name in row.questions)
    return _Chosen(dataset, kept, dict(sorted(questions.items())))


def sound_rows(dataset: Dataset, *, partial: bool) -> Dataset:
    """The data set after a check of every row: DataError for a faulty one.

    `partial`: faulty rows are left out and named instead.
    """
    alike = Alike(dataset.path)
    if not partial:
        for row in dataset:
            check_row(row)
            alike.note(row)
        alike.tell()
        return dataset
    faults: list[str] = []

    def is_sound(row: Row) -> bool:
        try:
            check_row(row)
            alike.note(row)
        except DataError as error:
            faults.append(str(error))
            return False
        return True

    chosen = choose(dataset, is_sound)
    alike.tell()
    if not faults:
        return dataset
    for fault in faults[:_SHOWN]:
        log(f"Left out: {fault}")
    if len(faults) > _SHOWN:
        log(f"Left out: {len(faults) - _SHOWN:,} more rows.")
    if not len(chosen):
        raise DataError(f"No row of {dataset.name!r} can be used.")
    return chosen


class _Chosen(Derived):
    """Rows of another data set by their index there."""

    def __init__(
        self, dataset: Dataset, kept: array[int], questions: dict[tuple[str, str], int]
    ) -> None:
        super().__init__(dataset)
        self.questions = questions
        self._kept = kept

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> Row:
        index = range(len(self))[index]
        return replace(self._dataset[self._kept[index]], index=index)

    def __iter__(self) -> Iterator[Row]:
        wanted = iter(enumerate(self._kept))
        index, at = next(wanted, (0, -1))
        for row in self._dataset:
            if row.index == at:
                yield replace(row, index=index)
                index, at = next(wanted, (index, -1))
