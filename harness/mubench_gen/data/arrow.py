"""A data set over Arrow or Parquet files of μ-Bench's schema: rows in order, by index."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from functools import cached_property, partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from mubench_gen.data import columnar
from mubench_gen.data.arrow_file import FILE_MAGIC, ArrowFile, RowFile
from mubench_gen.data.columns import (
    REGIONS,
    Load,
    marked,
    may_have_several_images,
    region_columns,
    text_columns,
)
from mubench_gen.data.index import IndexMaker
from mubench_gen.data.parquet_file import ParquetFile
from mubench_gen.data.schema import row_name, to_row
from mubench_gen.errors import DataError
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.images.stacks import open_images
from mubench_gen.storage.digests import FileDigest, changed_since, files_digest, stamp_of, watched
from mubench_gen.types import Image, Row, Task

_ROWS_AT_ONCE = 256
_STREAM = b"\xff\xff\xff\xff"
_PARQUET = b"PAR1"


def open_source(path: Path) -> RowFile:
    """The file as rows, by its content and not its name. DataError says what is wrong."""
    columnar.need_pyarrow(f"Reading {path.name}")
    try:
        with path.open("rb") as file:
            head = file.read(len(FILE_MAGIC))
        if head.startswith(_PARQUET):
            return ParquetFile(path)
        if not head or head.startswith((_STREAM, FILE_MAGIC)):
            return ArrowFile(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None
    raise DataError(f"{path}: is neither an Arrow stream, an Arrow file nor Parquet.")


class ArrowDataset:
    """Rows of one or several files, in the order of the files.

    Opening reads a few small columns; a row is decoded and checked when it is looked at,
    and so is its image.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        sources: Sequence[RowFile],
        policy: StandardPolicy,
        revision: str | None = None,
    ) -> None:
        self.name = name
        self.path = path
        self.revision = revision
        self.tasks: Sequence[Task] = ()
        self._sources = sources
        self._policy = policy
        self.known: dict[Any, Any] = {}
        self._stamps = {source.path: stamp_of(source.path.stat()) for source in sources}
        self._read: Mapping[str, FileDigest] = {}  # the files when their digests were taken
        self._ends = list(accumulate(len(source) for source in sources))
        if not self._ends or not self._ends[-1]:
            raise DataError(f"{path}: holds no rows.")
        maker = IndexMaker()
        for source in sources:
            first = 0
            for batch in source.index():
                maker.add(source.path, first, batch)
                first += batch.num_rows
                source.release()
        index = maker.make()
        self._repeated = index.repeated
        self.questions = index.questions
        self.forms = index.forms

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the files' own, in order: reads them all, once."""
        with watched() as self._read:
            digest = files_digest([source.path for source in self._sources])
        for source in self._sources:
            self._check_unchanged(source)
        return digest

    @property
    def rows_digest(self) -> str:
        return self.digest

    @property
    def has_several_images(self) -> bool:
        return self._policy.splits or any(
            map(may_have_several_images, [source.schema for source in self._sources])
        )

    @property
    def image_folder(self) -> Path:
        return self.path.parent

    @property
    def image_files(self) -> None:
        return None  # the images stand in the rows

    @property
    def facts(self) -> Mapping[str, Any]:
        return {}

    def shown_by(self, policy: StandardPolicy) -> ArrowDataset:
        shown = copy(self)
        shown._policy = policy
        return shown

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Row:
        index = range(len(self))[index]
        number = bisect_right(self._ends, index)
        first = self._ends[number] - len(self._sources[number])
        return next(self._rows(self._sources[number], first, index - first, 1))

    def __iter__(self) -> Iterator[Row]:
        # One at a time: rows that wait would cost memory, and be looked at for garbage.
        for _, _, make in self.batches():
            yield from make()

    def batches(self) -> Iterator[tuple[Path, Any, Callable[[], Iterator[Row]]]]:
        """Record batches of all files in order, of which the image alone was checked for damage,
        with their files and what makes the rows of each."""
        for source, end in zip(self._sources, self._ends, strict=True):
            row = 0
            while row < len(source):
                window = source.window(row)
                batch = window.batch.slice(row - window.start, _ROWS_AT_ONCE)
                yield (
                    source.path,
                    batch,
                    partial(self._rows, source, end - len(source), row, _ROWS_AT_ONCE),
                )
                row += batch.num_rows
                source.release()

    def cells(self, index: int, *columns: str) -> dict[str, Any]:
        """Columns of one row as they stand in the file: `bbox`, `polygon`, …"""
        number = bisect_right(self._ends, index)
        source = self._sources[number]
        row = index - (self._ends[number] - len(source))
        window = source.window(row)
        cell = window.batch.slice(row - window.start, 1)
        names = [name for name in columns if name in cell.schema.names]
        found = columnar.Columns(source.path, cell, names, frozenset())
        return {name: found[name][0] for name in names}

    def _rows(self, source: RowFile, first: int, row: int, at_most: int) -> Iterator[Row]:
        """The rows from number `row` of a file on; `first` is the index of its first one."""
        window = source.window(row)
        batch = window.batch.slice(row - window.start, at_most)
        columns = columnar.Columns(source.path, batch, text_columns(batch.schema), columnar.UNREAD)
        images = source.images(row, batch.num_rows)
        with columnar.damage_told(source.path, f", rows {row + 1} to {row + len(images)}"):
            for name in region_columns(batch.schema):
                batch.column(name).validate()
        names = str(source.path), source.path.name
        for i, (loads, marks) in enumerate(zip(images, marked(batch).tolist(), strict=True)):
            cells = columnar.Cells(columns, i)
            watching = [load and partial(self._loaded, source, load) for load in loads]
            yield self._row(first + row + i, names, row + i + 1, cells, watching, marks)
            self._check_unchanged(source)

    def _loaded(self, source: RowFile, load: Load) -> bytes:
        content = load()
        self._check_unchanged(source)
        return content

    def _check_unchanged(self, source: RowFile) -> None:
        """DataError where the file holds other bytes than when it was opened."""
        path = source.path
        with suppress(OSError):  # of one that is gone, what is open stays as it was
            stamp = stamp_of(path.stat())
            if stamp == self._stamps[path]:
                return
            own = {name: one for name, one in self._read.items() if name == os.path.abspath(path)}
            if not own or any(changed_since(own)):
                raise DataError(
                    f"{path}: was changed while it was in use. What is finished is kept: put the "
                    "file back as it was, or give --fresh for a run of its own."
                )
            self._stamps[path] = stamp

    def _row(
        self,
        index: int,
        names: tuple[str, str],
        number: int,
        columns: columnar.Cells,
        loads: Sequence[Load | None],
        marks: bool,
    ) -> Row:
        where = f"{names[0]}, row {number}"
        images: list[Image] = []
        for place, load in enumerate(loads, 1):
            if load is None:
                raise DataError(f"{where}{row_name(columns)}, {_no_image(place)}")
            which = f", image {place}" if len(loads) > 1 else ""
            images += open_images(f"{names[1]} row {number}{which}", load, self._policy)
        return to_row(
            index,
            columns,
            images[0],
            where=where,
            repeated=bool(self._repeated[index]),
            regions=partial(self.cells, index, *REGIONS) if marks else None,
            more_images=tuple(images[1:]),
        )


def _no_image(place: int) -> str:
    if place == 1:
        return "column image.bytes: NULL."
    return f"image {place}: NULL, and images behind it are not."
