"""One Parquet file of μ-Bench's schema, read in order a window at a time.

Parquet can't be read at one row: going back starts at the row's group again. Memory holds
one window of texts and one of images, however large the groups are.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from mubench_gen.data.arrow_file import Window, copies
from mubench_gen.data.columnar import damage_told
from mubench_gen.data.columns import (
    Load,
    check_schema,
    images_of,
    indexed_columns,
    may_have_several_images,
    question_names,
    region_columns,
    text_columns,
)
from mubench_gen.data.image_columns import image_columns
from mubench_gen.errors import DataError, ImageError

_TEXT_ROWS = 256
_IMAGE_ROWS = 16


class ParquetFile:
    """A Parquet file as a Source."""

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self.path = path
        with damage_told(path, size=path.stat().st_size):
            file = parquet.ParquetFile(path, memory_map=True)
            self.schema = file.schema_arrow
            counts = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
            if min(counts, default=0) < 0 or sum(counts) != file.metadata.num_rows:
                raise ValueError("its row groups do not add up to its number of rows")
        check_schema(path, self.schema)
        self._ends = list(accumulate(counts))
        self._batches = partial(_batches, path, file.metadata, self._ends)
        texts = [*text_columns(self.schema), *region_columns(self.schema)]
        self._texts = _Cursor(self._batches, self._ends, texts, _TEXT_ROWS)
        columns = list(image_columns(self.schema.names))
        self._several = may_have_several_images(self.schema)
        self._images = _Cursor(self._batches, self._ends, columns, _IMAGE_ROWS)
        self._loads: tuple[Window | None, list[list[Load | None]]] = None, []  # of the last window

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def index(self) -> Iterator[Any]:
        keys = ("question", "answer", "answer_idx")
        leaves = [f"questions.{n}.{k}" for n in question_names(self.schema) for k in keys]
        for window in self._batches(0, [*indexed_columns(self.schema), *leaves], 4096):
            yield window.batch

    def window(self, row: int) -> Window:
        return self._texts.window(row)

    def images(self, row: int, count: int) -> list[list[Load | None]]:
        if not self._several:
            return [[partial(self._read, row + i, 0)] for i in range(count)]
        return [self._several_of(row + i) for i in range(count)]

    def _several_of(self, row: int) -> list[Load | None]:
        """What reads each of a row's images, which are counted here and not kept."""
        found = self._cells(row)
        return [None if one is None else partial(self._read, row, i) for i, one in enumerate(found)]

    def release(self) -> None:
        pass

    def _read(self, row: int, place: int) -> bytes:
        try:
            load = self._cells(row)[place]
        except DataError as error:  # damage shows when it is decompressed
            raise ImageError(f"row {row + 1}: {error}") from None
        if load is None:
            raise ImageError(f"{self.path}, row {row + 1}, column image.bytes: NULL")
        return load()

    def _cells(self, row: int) -> list[Load | None]:
        window = self._images.window(row)
        last, loads = self._loads
        if last is not window:
            loads = images_of(window.batch, copies)
            self._loads = window, loads
        return loads[row - window.start]


def _batches(
    path: Path, metadata: Any, ends: Sequence[int], group: int, columns: list[str], step: int
) -> Iterator[Window]:
    """Some columns from a row group on, sound batch by sound batch, up to the last row."""
    from pyarrow import parquet

    row = ends[group - 1] if group else 0
    with damage_told(path):
        # A reader of its own: all batches of one have the size that was asked for last.
        file = parquet.ParquetFile(path, memory_map=True, metadata=metadata)
        groups = list(range(group, file.num_row_groups))
        batches = file.iter_batches(batch_size=step, row_groups=groups, columns=columns)
    while ends and row < ends[-1]:
        with damage_told(path, f", row {row + 1}"):
            batch = next(batches, None)
            if batch is None or not batch.num_rows:
                raise ValueError("it holds fewer rows than it says")
            batch.validate(full=True)
        yield Window(row, batch)
        row += batch.num_rows


class _Cursor:
    """Goes through some columns; asked for a row behind it, it starts at that row's group."""

    def __init__(
        self,
        batches: Callable[[int, list[str], int], Iterator[Window]],
        ends: Sequence[int],
        columns: list[str],
        step: int,
    ) -> None:
        self._make = batches
        self._columns = columns
        self._step = step
        self._ends = ends
        self._batches: Iterator[Window] = iter(())
        self._window: Window | None = None
        self._lock = threading.Lock()

    def window(self, row: int) -> Window:
        with self._lock:
            if self._window is None or not self._near(row, self._window):
                group = bisect_right(self._ends, row)
                self._batches = self._make(group, self._columns, self._step)
                self._window = None
            while self._window is None or row not in self._window:
                self._window = None
                self._window = next(self._batches)
            return self._window

    def _near(self, row: int, window: Window) -> bool:
        """Whether going on is no longer than starting at the row's own group."""
        group = bisect_right(self._ends, row)
        begin = self._ends[group - 1] if group else 0
        return window.start <= row and begin <= window.end
