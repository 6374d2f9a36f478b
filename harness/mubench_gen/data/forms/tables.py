"""What a table is, whatever its file: rows of cells that can be read again one by one."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Protocol

from mubench_gen.errors import DataError
from mubench_gen.storage.digests import Stamp, stamp_of

SPLIT = re.compile(
    r"(?:^|[-_./])(train|training|test|testing|validation|valid|val|dev)(?=$|[-_./])"
)


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row. `number` is that which an editor shows; `place` finds it in the file again."""

    path: Path
    number: int
    place: Any
    cells: Mapping[str, Any]

    @property
    def where(self) -> str:
        return f"{self.path}, row {self.number}"


class Table(Protocol):
    """Rows in order. `base` is the folder that paths of images start from; `told`: how the file
    was read, a sentence each."""

    path: Path
    base: Path
    told: list[str]

    @property
    def columns(self) -> Sequence[str]: ...

    def rows(self) -> Iterator[TableRow]: ...

    def again(self, place: Any) -> Mapping[str, Any]:
        """The cells of the row at that place. DataError where the file was changed."""


class Unchanged:
    """Opens a file as often as it is needed, and refuses one that was changed meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: Stamp | None = None

    def open(self) -> IO[bytes]:
        from mubench_gen.data.json_lines import open_lines

        file = open_lines(self.path)
        stamp = stamp_of(os.fstat(file.fileno()))
        self._stamp = self._stamp or stamp
        if stamp != self._stamp:
            file.close()
            raise DataError(f"{self.path}: was changed while it was in use. Type it again.")
        return file


def temporary(owner: object) -> Path:
    """A new file, which is removed when its owner is gone."""
    handle, name = tempfile.mkstemp(prefix="mubench-gen-")
    os.close(handle)
    weakref.finalize(owner, _removed, name)
    return Path(name)


def _removed(name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name)


class Joined:
    """Several tables of one data set as one: the files of its splits, or parts of them."""

    def __init__(self, path: Path, tables: Sequence[Table], splits: Sequence[str | None]) -> None:
        self.path = path
        self.base = path if path.is_dir() else path.parent
        self._tables = tables
        self._splits = splits
        self.told = list(dict.fromkeys(line for table in tables for line in table.told))

    @cached_property
    def columns(self) -> Sequence[str]:
        found = dict.fromkeys(name for table in self._tables for name in table.columns)
        return [*found, *(["split"] if any(self._splits) and "split" not in found else [])]

    def rows(self) -> Iterator[TableRow]:
        for at, (table, split) in enumerate(zip(self._tables, self._splits, strict=True)):
            own = {"split": split} if split else {}
            for row in table.rows():
                cells = {**own, **row.cells}
                yield TableRow(row.path, row.number, (at, row.place), cells)

    def again(self, place: Any) -> Mapping[str, Any]:
        at, inner = place
        table: Table = self._tables[at]
        return table.again(inner)


def split_of(path: Path) -> str | None:
    """The split that a file's or folder's name says, as in data/test-00000-of-00001.parquet."""
    found = SPLIT.search(path.name.casefold()) or SPLIT.search(path.parent.name.casefold())
    return None if found is None else found[1]
