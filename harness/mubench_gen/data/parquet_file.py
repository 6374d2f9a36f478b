"""One Parquet file of μ-Bench's schema, read in order a window at a time.

Parquet can't be read at one row: going back starts at the row's group again. Memory holds
one window of texts and one of images, however large the groups are.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from mubench_gen.data.arrow_file import Load, Window
from mubench_gen.data.columns import check_schema, question_names, text_columns
from mubench_gen.errors import DataError, ImageError

_TEXT_ROWS = 256
_IMAGE_ROWS = 16


class ParquetFile:
    """A Parquet file as a Source."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self.path = path
        try:
            self._file = parquet.ParquetFile(path, memory_map=True)
        except (pa.ArrowInvalid, OSError) as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise DataError(
                f"{path}: truncated or damaged ({path.stat().st_size:,} bytes): {reason}."
            ) from None
        self.schema = self._file.schema_arrow
        check_schema(path, self.schema)
        self._texts = _Cursor(self._file, text_columns(self.schema), _TEXT_ROWS)
        self._images = _Cursor(self._file, ["image"], _IMAGE_ROWS)

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def index(self) -> Iterator[Any]:
        keys = ("question", "answer", "answer_idx")
        leaves = [f"questions.{n}.{k}" for n in question_names(self.schema) for k in keys]
        columns = ["dataset", "stain", "image_id", *leaves]
        yield from self._file.iter_batches(batch_size=4096, columns=columns)

    def window(self, row: int) -> Window:
        return self._texts.window(row)

    def images(self, row: int, count: int) -> list[Load | None]:
        return [partial(self._read, row + i) for i in range(count)]

    def release(self) -> None:
        pass

    def _read(self, row: int) -> bytes:
        import pyarrow as pa

        try:
            window = self._images.window(row)
        except pa.ArrowException as error:  # damage shows when it is decompressed
            raise ImageError(f"{self.path}, row {row + 1}: damaged: {error}") from None
        column = window.batch.column("image")
        cell = column.field(column.type.get_field_index("bytes"))[row - window.start]
        if not column[row - window.start].is_valid or not cell.is_valid:
            raise ImageError(f"{self.path}, row {row + 1}, column image.bytes: NULL")
        return bytes(cell.as_buffer().to_pybytes())


class _Cursor:
    """Goes through some columns; asked for a row behind it, it starts at that row's group."""

    def __init__(self, file: Any, columns: Sequence[str], step: int) -> None:
        self._file = file
        self._columns = list(columns)
        self._step = step
        groups = range(file.num_row_groups)
        self._ends = list(accumulate(file.metadata.row_group(g).num_rows for g in groups))
        self._batches: Iterator[Any] = iter(())
        self._window: Window | None = None
        self._lock = threading.Lock()

    def window(self, row: int) -> Window:
        with self._lock:
            if self._window is None or not self._near(row, self._window):
                self._window = self._restart(bisect_right(self._ends, row))
            while row not in self._window:
                self._window = Window(self._window.end, next(self._batches))
            return self._window

    def _near(self, row: int, window: Window) -> bool:
        """Whether going on is no longer than starting at the row's own group."""
        group = bisect_right(self._ends, row)
        begin = self._ends[group - 1] if group else 0
        return window.start <= row and begin <= window.end

    def _restart(self, group: int) -> Window:
        groups = list(range(group, self._file.num_row_groups))
        self._batches = self._file.iter_batches(
            batch_size=self._step, row_groups=groups, columns=self._columns
        )
        return Window(self._ends[group - 1] if group else 0, next(self._batches))
