"""Parquet and Arrow files as tables, read a few rows at a time by pyarrow."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import orjson

from mubench_gen.data.columnar import damage_told, need_pyarrow
from mubench_gen.data.forms.tables import TableRow, Unchanged
from mubench_gen.errors import DataError

SUFFIXES = (".parquet", ".arrow", ".feather", ".ipc")
_ROWS = 16  # together: they may hold large images
_PARQUET, _FILE = b"PAR1", b"ARROW1"


class ArrowTable:
    """One file as a Table. Columns of class labels, as `datasets` has them, become their names."""

    def __init__(self, path: Path) -> None:
        need_pyarrow(f"Reading {path.name}")
        self.path = path
        self.base = path.parent
        self.told: list[str] = []
        self._file = Unchanged(path)
        self._lock = threading.Lock()
        self._window: tuple[int, list[dict[str, Any]]] = (0, [])
        self._last: tuple[int, int, Any] = (-1, 0, None)  # row group, next row, batches
        with self._file.open() as file, damage_told(path, size=path.stat().st_size):
            head = file.read(len(_FILE))
        self._is_parquet = head.startswith(_PARQUET)
        self._is_file = head.startswith(_FILE)
        with damage_told(path, size=path.stat().st_size):
            self._reader, self.schema, counts = self._opened()
            self._classes = _class_names(self.schema)
        self._ends = list(accumulate(counts))
        self.told += [f"{name}: numbers of classes, read as their names" for name in self._classes]

    @cached_property
    def columns(self) -> Sequence[str]:
        with damage_told(self.path):
            names = list(self.schema.names)
        doubled = next((name for name in names if names.count(name) > 1), None)
        if doubled is not None:
            raise DataError(f"{self.path}: the column {doubled!r} is there twice.")
        return names

    def rows(self) -> Iterator[TableRow]:
        number, total = 0, self._ends[-1] if self._ends else 0
        while number < total:
            start, rows = self._around(number)
            for cells in rows[number - start :]:
                yield TableRow(self.path, number + 1, number, self._named(cells))
                number += 1

    def again(self, place: Any) -> Mapping[str, Any]:
        with self._file.open():  # refuses one that was changed
            start, rows = self._around(place)
        return self._named(rows[place - start])

    def _opened(self) -> tuple[Any, Any, list[int]]:
        """What reads a part of the file by its number, the schema, and the rows of each part."""
        import pyarrow as pa
        from pyarrow import ipc, parquet

        if self._is_parquet:
            file = parquet.ParquetFile(self.path, memory_map=True)
            groups = range(file.num_row_groups)
            counts = [file.metadata.row_group(g).num_rows for g in groups]
            return file, file.schema_arrow, counts
        source = pa.memory_map(str(self.path))
        if self._is_file:
            reader = ipc.open_file(source)
            batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
            return batches, reader.schema, [batch.num_rows for batch in batches]
        stream = ipc.open_stream(source)
        batches = list(stream)  # views of the mapped file
        return batches, stream.schema, [batch.num_rows for batch in batches]

    def _around(self, row: int) -> tuple[int, list[dict[str, Any]]]:
        """The number of the first of some rows, and the rows, of which `row` is one."""
        with self._lock:
            start, rows = self._window
            if not start <= row < start + len(rows):
                with damage_told(self.path, f", row {row + 1}"):
                    self._window = start, rows = self._read(row)
            return start, rows

    def _read(self, row: int) -> tuple[int, list[dict[str, Any]]]:
        part = next(at for at, end in enumerate(self._ends) if row < end)
        begin = self._ends[part - 1] if part else 0
        if not self._is_parquet:
            first = (row - begin) // _ROWS * _ROWS
            batch = self._reader[part].slice(first, _ROWS)
            batch.validate(full=True)
            return begin + first, batch.to_pylist()
        start, batches = self._cursor(part, begin, row)
        for batch in batches:
            if row < start + batch.num_rows:
                self._last = part, start + batch.num_rows, batches
                batch.validate(full=True)
                return start, batch.to_pylist()
            start += batch.num_rows
        raise ValueError("it holds fewer rows than it says")

    def _cursor(self, part: int, begin: int, row: int) -> tuple[int, Any]:
        """Batches of a row group, from the last one that was read on where that goes."""
        group, start, batches = self._last
        if group == part and start <= row and batches is not None:
            return start, batches
        return begin, self._reader.iter_batches(batch_size=_ROWS, row_groups=[part])

    def _named(self, cells: dict[str, Any]) -> dict[str, Any]:
        for name, names in self._classes.items():
            value = cells.get(name)
            if isinstance(value, int) and 0 <= value < len(names):
                cells = {**cells, name: names[value]}
        return cells


def _class_names(schema: Any) -> dict[str, list[str]]:
    """Column → the names of its classes, from what `datasets` writes into a schema."""
    content = (schema.metadata or {}).get(b"huggingface")
    try:
        features = orjson.loads(content)["info"]["features"] if content else {}
        return {
            name: list(map(str, kind["names"]))
            for name, kind in features.items()
            if isinstance(kind, dict) and kind.get("_type") == "ClassLabel"
        }
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {}
