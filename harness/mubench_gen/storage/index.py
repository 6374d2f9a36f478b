"""Maps 64-bit hashes to unsigned integers, in memory that does not grow with their number.

New entries wait in a dictionary. When it is full they go, sorted by key, into an SQLite database
of one table. Its file loses its name as soon as it is open, so that nothing is left of it when the
process ends, however that happens. It has no journal: nobody reads it after a crash.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes

from mubench_gen.errors import RunFolderError
from mubench_gen.storage.scratch import Scratch

if TYPE_CHECKING:
    from sqlite3 import Connection

_IN_MEMORY = 32_768  # entries, 4 MB
FEW = 4_096  # entries in memory, where there are many tables
_MASK = (1 << 64) - 1
_OFFSET = 1 << 63  # subtracted from keys, as SQLite's integers have a sign
_ENTRIES = "CREATE TABLE entries (key INTEGER PRIMARY KEY, value BLOB)"

Combine = Callable[[int, int], int]


def hashed(text: str | bytes) -> int:
    """A key for `DiskTable`, good in this process alone."""
    return hash(text) & _MASK


class DiskTable:
    """Unsigned integers of any size by keys of 64 bits (`hashed`).

    A second `put` of a key stores `combine(earlier, later)`; without `combine` the first value
    stays. It is called at the latest by `flush`. The file is made in
    `folder`, or where temporary files go when none can be made there.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        combine: Combine | None = None,
        in_memory: int = _IN_MEMORY,
    ) -> None:
        self._folder = folder
        self._combine = combine
        self._in_memory = min(in_memory, _IN_MEMORY)
        self._recent: dict[int, int] = {}
        self._database: Connection | None = None

    def put(self, key: int, value: int) -> None:
        recent = self._recent
        if key not in recent:
            recent[key] = value
            if len(recent) >= self._in_memory:
                self.flush()
        elif self._combine is not None:
            recent[key] = self._combine(recent[key], value)

    def get(self, key: int) -> int | None:
        """The value of the key; one that was put twice may not be combined yet."""
        value = self._recent.get(key)
        return self._stored(key) if value is None else value

    def __len__(self) -> int:
        """How many keys there are."""
        self.flush()
        if self._database is None:
            return len(self._recent)
        (count,) = self._database.execute("SELECT count(*) FROM entries").fetchone()
        return int(count)

    def values(self) -> Iterator[int]:
        """All values, in no order that means anything."""
        self.flush()
        if self._database is None:
            yield from list(self._recent.values())
        else:
            for (value,) in self._database.execute("SELECT value FROM entries"):
                yield int.from_bytes(value)

    def flush(self) -> None:
        """Combine what was put twice, and move what waits to the disk where there is enough."""
        if self._database is None and len(self._recent) < self._in_memory:
            return
        import sqlite3  # here: few runs are so large

        waiting, self._recent = sorted(self._recent.items()), {}
        kept = "IGNORE" if self._combine is None else "REPLACE"
        try:
            with self._opened() as database:
                statement = f"INSERT OR {kept} INTO entries VALUES (?, ?)"
                database.executemany(statement, self._rows(waiting))
        except (OSError, sqlite3.Error) as error:
            where = self._folder or tempfile.gettempdir()
            raise RunFolderError(
                f"{where}: the index of the records cannot be written: {error}. What was "
                "finished before is kept; make room and type the same command again."
            ) from None

    def _rows(self, entries: Iterable[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
        for key, value in entries:
            if self._combine is not None:
                earlier = self._stored(key)
                value = value if earlier is None else self._combine(earlier, value)
            yield key - _OFFSET, value.to_bytes((value.bit_length() + 7) // 8)

    def _stored(self, key: int) -> int | None:
        """The key's value in the database."""
        if self._database is None:
            return None
        sought = "SELECT value FROM entries WHERE key = ?"
        row = self._database.execute(sought, (key - _OFFSET,)).fetchone()
        return None if row is None else int.from_bytes(row[0])

    def _opened(self) -> Connection:
        """The database, made when it is first needed."""
        if self._database is None:
            self._database = new_database(_ENTRIES, self._folder)
            self._database.execute(f"PRAGMA cache_size = -{self._in_memory // 16}")  # in KB
            weakref.finalize(self, self._database.close)
        return self._database


def new_database(tables: str, folder: Path | None = None) -> Connection:
    """A database of these tables in a file without a name, usable from any one thread at a time.

    The file is in the folder, or where temporary files go.
    """
    try:
        scratch = Scratch((folder or Path(tempfile.gettempdir())) / "index")
    except OSError:  # a folder that can only be read
        if folder is None:
            raise
        return new_database(tables)
    import sqlite3

    with scratch:
        name = quote_from_bytes(os.fsencode(scratch.path.absolute()))
        # No locks: nobody else can open it, and not every file system has them.
        database = sqlite3.connect(f"file:{name}?nolock=1", uri=True, check_same_thread=False)
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(tables)
    return database
