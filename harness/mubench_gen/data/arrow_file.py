"""One Arrow file of μ-Bench's schema, stream or file format, memory-mapped.

Opening it walks the record batches' headers. Nothing else is read until a row is looked
at, and an image's bytes come straight from the file, not through the mapping.
"""

from __future__ import annotations

import mmap
import os
import weakref
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

from mubench_gen.data.columnar import damage_told, validity
from mubench_gen.data.columns import Load, check_schema, images_of, indexed_columns
from mubench_gen.data.image_columns import image_columns
from mubench_gen.errors import DataError, ImageError

STREAM_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
FILE_MAGIC = b"ARROW1"


@dataclass(frozen=True, slots=True)
class Window:
    """Some rows of a file as one record batch; `start` is the first one's number in the file."""

    start: int
    batch: Any

    @property
    def end(self) -> int:
        return self.start + int(self.batch.num_rows)

    def __contains__(self, row: int) -> bool:
        return self.start <= row < self.end


class RowFile(Protocol):
    """One file of rows. Row numbers count within the file, from 0."""

    @property
    def path(self) -> Path: ...

    @property
    def schema(self) -> Any: ...

    def __len__(self) -> int: ...

    def index(self) -> Iterator[Any]:
        """Record batches, in order, with the columns that the data set's index is made of."""

    def window(self, row: int) -> Window:
        """The rows around `row`, with all columns but, perhaps, the image."""

    def images(self, row: int, count: int) -> list[list[Load | None]]:
        """For each of `count` rows of one window, what reads its images; None for NULL."""

    def release(self) -> None:
        """Give back memory that can be read again from the file."""


class ArrowFile:
    """An Arrow IPC stream or file as a Source."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self.path = path
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        if os.fstat(self._file).st_size == 0:
            raise DataError(f"{path}: the file is empty.")
        self._map = mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)
        self._buffer = pa.py_buffer(self._map)
        self._last: Window | None = None
        with damage_told(path, size=self._buffer.size):
            counts = self._walk_file() if self._is_file() else self._walk_stream()
        self._ends = list(accumulate(counts))
        self.release()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def index(self) -> Iterator[Any]:
        for number in range(len(self._ends)):
            batch = self._loaded(number)
            with damage_told(self.path, self._rows(number)):
                batch.select(indexed_columns(self.schema)).validate(full=True)
                batch.column("questions").validate()
            yield batch

    def window(self, row: int) -> Window:
        if self._last is None or row not in self._last:
            number = bisect_right(self._ends, row)
            batch = self._loaded(number)
            with damage_told(self.path, self._rows(number)):
                # Damaged offsets would otherwise crash the process; other columns are checked
                # when they are looked at.
                for name in image_columns(batch.schema.names):
                    batch.column(name).validate(full=True)
            self._last = Window(self._ends[number] - batch.num_rows, batch)
        return self._last

    def images(self, row: int, count: int) -> list[list[Load | None]]:
        window = self.window(row)
        return images_of(window.batch.slice(row - window.start, count), self._loads)

    def _loads(self, column: Any) -> list[Load | None]:
        """For each cell of a column of images what reads it, from the file where that is plain."""
        import numpy as np

        count = len(column)
        cells = column.field(column.type.get_field_index("bytes"))
        there = (validity(column) & validity(cells)).tolist()
        _, offsets, content = cells.buffers()
        wide = np.int64 if "large" in str(cells.type) else np.int32
        ends = np.frombuffer(offsets, wide, cells.offset + count + 1)[cells.offset :].tolist()
        origin = content.address - self._buffer.address if content is not None else -1
        if not 0 <= origin <= self._buffer.size:  # the batch is compressed
            return copies(column)
        return [
            partial(self._read, origin + ends[i], ends[i + 1] - ends[i]) if valid else None
            for i, valid in enumerate(there)
        ]

    def release(self) -> None:
        """Unmap the file's pages: reading one maps its neighbours in the page cache too."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def _is_file(self) -> bool:
        return self._map[: len(FILE_MAGIC)] == FILE_MAGIC

    def _walk_file(self) -> list[int]:
        from pyarrow import ipc

        reader = ipc.open_file(self._buffer)
        self.schema = reader.schema
        check_schema(self.path, reader.schema)
        self._load: Callable[[int], Any] = reader.get_batch
        return [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)]

    def _walk_stream(self) -> list[int]:
        import pyarrow as pa
        from pyarrow import ipc

        stream = pa.BufferReader(self._buffer)
        message = ipc.read_message(stream)
        if message.type != "schema":  # pyarrow ends the process where another kind is read as one
            raise OSError("it does not begin with a schema")
        self.schema = ipc.read_schema(message)
        check_schema(self.path, self.schema)
        places: list[tuple[int, int]] = []
        counts: list[int] = []
        while (begin := stream.tell()) < self._buffer.size:
            try:
                message = ipc.read_message(stream)
            except EOFError:
                break
            if message.type != "record batch":
                return self._keep_all()
            counts.append(ipc.read_record_batch(message, self.schema).num_rows)
            places.append((begin, stream.tell() - begin))
        if self._map[stream.tell() - 8 : stream.tell()] != STREAM_END:
            raise OSError("the mark of the stream's end is missing")
        self._load = partial(self._load_message, places)
        return counts

    def _keep_all(self) -> list[int]:
        """Keep all batches: with dictionaries they can't be read one by one."""
        from pyarrow import ipc

        batches = list(ipc.open_stream(self._buffer))
        self._load = batches.__getitem__
        return [batch.num_rows for batch in batches]

    def _load_message(self, places: list[tuple[int, int]], number: int) -> Any:
        from pyarrow import ipc

        return ipc.read_record_batch(
            ipc.read_message(self._buffer.slice(*places[number])), self.schema
        )

    def _loaded(self, number: int) -> Any:
        with damage_told(self.path, self._rows(number)):
            batch = self._load(number)
        if batch.num_rows != self._ends[number] - (self._ends[number - 1] if number else 0):
            raise DataError(f"{self.path}{self._rows(number)}: was changed while it was in use.")
        return batch

    def _rows(self, number: int) -> str:
        """The rows of a batch, in words."""
        return f", rows {self._ends[number - 1] + 1 if number else 1} to {self._ends[number]}"

    def _read(self, position: int, length: int) -> bytes:
        content = os.pread(self._file, length, position)
        if len(content) < length:
            raise ImageError(f"{self.path}: was cut off while it was in use")
        return content


def copies(column: Any) -> list[Load | None]:
    """For each cell of a column of images what copies its bytes out of memory."""
    cells = column.field(column.type.get_field_index("bytes"))
    there = validity(column) & validity(cells)
    return [partial(_copied, cells[i]) if valid else None for i, valid in enumerate(there.tolist())]


def _copied(cell: Any) -> bytes:
    return bytes(cell.as_buffer().to_pybytes())
