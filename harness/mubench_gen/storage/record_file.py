"""The file of records: written by one process, appended to, indexed on disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from mubench_gen.console.masking import blank
from mubench_gen.errors import RunFolderError
from mubench_gen.storage.index import DiskTable, hashed
from mubench_gen.storage.json_files import sync
from mubench_gen.storage.records import (
    Record,
    from_line,
    line_at,
    opened_beside,
    stored_lines,
    to_line,
)


class AnsweredKeys:
    """Where in a records file each key was answered; the index is on the disk if it is large."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offsets = DiskTable(path.parent)

    @classmethod
    def from_file(cls, path: Path) -> AnsweredKeys:
        """The answered keys of a finished or unfinished run's records file."""
        keys = cls(path)
        for stored in stored_lines(path):
            keys.note(stored.record, stored.offset)
        return keys

    def note(self, record: Record, offset: int) -> None:
        if record["status"] != "error":
            self._offsets.put(hashed(record["key"]), offset)

    def __contains__(self, key: str) -> bool:
        """Whether a record of this key's hash answered; the file is not read again."""
        return self._offsets.get(hashed(key)) is not None

    def get(self, key: str) -> Record | None:
        """The record that answered this key, if there is one."""
        offset = self._offsets.get(hashed(key))
        if offset is None:
            return None
        with opened_beside(self.path) as file:
            record = from_line(line_at(file, offset))
        return record if record is not None and record["key"] == key else None


class Ids:
    """A set of ids by two 64-bit hashes each, so that none is taken for another one."""

    def __init__(self, folder: Path) -> None:
        self._checks = DiskTable(folder)

    def add(self, record_id: str) -> None:
        self._checks.put(hashed(record_id), hashed(f"again {record_id}"))

    def __contains__(self, record_id: str) -> bool:
        return self._checks.get(hashed(record_id)) == hashed(f"again {record_id}")

    def __len__(self) -> int:
        return len(self._checks)


class RecordFile:
    """The records file of a run that is being made: appends, and knows what it holds.

    `finished`: how many items were finished when it was opened. `in` looks for these alone: no
    run asks an item twice, so that nobody looks for later ones. `failures`: how many records of
    failed items there were then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answered = AnsweredKeys(path)
        self._finished = Ids(path.parent)
        self.failures = 0
        self._size = self._index()
        self.finished = len(self._finished)
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            if os.fstat(self._file).st_size > self._size:
                os.ftruncate(self._file, self._size)  # the torn end of a killed run
        except OSError as error:
            raise RunFolderError(f"{path}: cannot be written: {error.strerror}.") from None

    def __contains__(self, record_id: str) -> bool:
        return self.finished > 0 and blank(record_id) in self._finished

    def append(self, records: Sequence[Record]) -> None:
        """Write the records and wait until they are on the disk.

        RunFolderError where they cannot be written; the file then ends where it ended.
        """
        lines = [to_line(record) for record in records]
        try:
            _write(self._file, b"".join(lines))
            sync(self._file, self.path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):  # the torn end is no record for any reader
                os.ftruncate(self._file, self._size)
            raise RunFolderError(
                f"{self.path}: cannot be written: {error.strerror}. What was finished before is "
                "kept; make room and type the same command again."
            ) from None
        for record, line in zip(records, lines, strict=True):
            self.answered.note(record, self._size)
            self._size += len(line)

    def close(self) -> None:
        os.close(self._file)

    def _index(self) -> int:
        """Note what the file holds; its size without a torn last line."""
        sound = 0
        for stored in stored_lines(self.path):
            if stored.record["status"] != "error":
                self._finished.add(stored.record["id"])
            else:
                self.failures += 1
            self.answered.note(stored.record, stored.offset)
        if self.path.is_file():
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                sound = size and _last_newline(file, size)
        return sound


def _last_newline(file: BinaryIO, size: int) -> int:
    """The offset behind the last newline."""
    end = size
    while end > 0:
        begin = max(0, end - 65_536)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _write(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]
