"""A columnar cache of a large records file, for statistics.

A line of a records file is long for its messages and reply, and statistics need neither. The first
reading of a large file for them writes the rest into a file beside it, `.columns`: blocks of
records, column by column, each distinct value once. This cache is valid for the bytes that it was
made of (their number and SHA-256) and the version that made it. One that is damaged, older or
cannot be written is ignored. Lines that were appended since are read as they are.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from mubench_gen._version import __version__
from mubench_gen.console.progress import waiting
from mubench_gen.storage.record_file import Ids
from mubench_gen.storage.records import Pass, Record, counted_lines, tell_damaged
from mubench_gen.storage.run_folder import COLUMNS
from mubench_gen.storage.scratch import Scratch

LEFT_OUT = frozenset({"key", "messages", "reply", "span"})  # fields of a record
_WORTH = 64 * 2**20  # bytes of records from which on columns are written
_TAIL = 8  # the cache is made anew once more than this part of the file was appended
_BLOCK = 512  # records
_CHUNK = 2**20
_MADE_BY = [1, __version__, sorted(LEFT_OUT)]
_END = 12  # bytes: the length of the last part, and the CRC-32 of all before that
_MISSING = object()


def brief_records(path: Path, found: Pass | None = None) -> Iterator[Record]:
    """The records that count, in the order of the file; of a large file without LEFT_OUT.

    Messages stay where options were cut, which they name. Damaged lines are logged and counted in
    `found`.
    """
    found = found or Pass()
    yield from _brief_records(path, found)
    tell_damaged(path, found.damaged)


def _brief_records(path: Path, found: Pass) -> Iterator[Record]:
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    if size < _WORTH:
        yield from (stored.record for stored in counted_lines(path, found))
        return
    with ExitStack() as stack:
        columns = _opened(path, size, found, stack)
        if columns is None:
            yield from _written(path, size, found)
            return
        tail = range(columns.size, size)
        again = Ids(path.parent)
        for stored in counted_lines(path, Pass(), tail) if tail else ():
            again.add(stored.record["id"])
        rows = columns.rows()
        yield from rows if not tail else (row for row in rows if row["id"] not in again)
        if tail:
            yield from (stored.record for stored in counted_lines(path, found, tail))


@dataclass(frozen=True, slots=True)
class _Columns:
    """A valid cache, of the first `size` bytes of the records."""

    file: BinaryIO
    size: int
    blocks: Sequence[int]

    def rows(self) -> Iterator[Record]:
        for begin, length in zip(accumulate(self.blocks, initial=0), self.blocks, strict=False):
            self.file.seek(begin)
            yield from _rows(self.file.read(length))


def _opened(path: Path, size: int, found: Pass, stack: ExitStack) -> _Columns | None:
    """The cache, its number of damaged lines put into `found`; None if it is not valid."""
    try:
        file = stack.enter_context((path.parent / COLUMNS).open("rb"))
        last = orjson.loads(_last_part(file))
        covered, tail = last["size"], size - last["size"]
        if last["made_by"] != _MADE_BY or not 0 <= tail <= size // _TAIL:
            return None
        if _digest(path, covered) != last["sha256"]:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    found.damaged = last["damaged"]
    return _Columns(file, covered, last["blocks"])


def _last_part(file: BinaryIO) -> bytes:
    """The JSON behind the blocks. ValueError if the file does not fit its checksum."""
    length = file.seek(0, os.SEEK_END) - 4
    file.seek(0)
    checksum, left = 0, length
    while left > 0 and (chunk := file.read(min(_CHUNK, left))):
        checksum, left = zlib.crc32(chunk, checksum), left - len(chunk)
    if length < _END - 4 or file.read() != checksum.to_bytes(4, "little"):
        raise ValueError("damaged")
    file.seek(length - 8)
    begin = length - 8 - int.from_bytes(file.read(8), "little")
    file.seek(begin)
    return file.read(length - 8 - begin)


def _digest(path: Path, size: int) -> str:
    """The SHA-256 of the first `size` bytes."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        buffer = memoryview(bytearray(_CHUNK))
        while size > 0 and (count := file.readinto(buffer[: min(_CHUNK, size)])):
            digest.update(buffer[:count])
            size -= count
    return digest.hexdigest()


def _written(path: Path, size: int, found: Pass) -> Iterator[Record]:
    """Yields the records as they are read, and writes the cache when all have been."""
    found.digest = hashlib.sha256()
    with ExitStack() as stack:
        stack.enter_context(waiting(f"Reading {path}"))
        writer = _Writer(path.parent / COLUMNS, stack)
        for stored in counted_lines(path, found, range(size)):
            row = _brief(stored.record)
            writer.add(row)
            yield row
        writer.finish(
            {
                "made_by": _MADE_BY,
                "size": found.end,
                "sha256": found.digest.hexdigest(),
                "damaged": found.damaged,
            }
        )


def _brief(record: Record) -> Record:
    row = dict(record)
    for name in LEFT_OUT:
        row.pop(name, None)
    if record.get("cut"):
        row["messages"] = record["messages"]
    return row


class _Writer:
    """Writes the cache; where that fails, it does nothing more."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path = path
        self._rows: list[Record] = []
        self._blocks: list[int] = []
        self._checksum = 0
        self._scratch: Scratch | None = None
        with suppress(OSError):  # a folder that can only be read
            self._scratch = stack.enter_context(Scratch(path))

    def add(self, row: Record) -> None:
        self._rows.append(row)
        if len(self._rows) >= _BLOCK:
            self._flush()

    def finish(self, last: dict[str, Any]) -> None:
        self._flush()
        part = orjson.dumps({**last, "blocks": self._blocks})
        self._write(part + len(part).to_bytes(8, "little"))
        self._write(self._checksum.to_bytes(4, "little"))
        if self._scratch is not None:
            with suppress(OSError):
                self._scratch.become(self._path)

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if rows and self._scratch is not None:
            try:
                block = _block(rows)
            except TypeError:  # a lone surrogate, which no column can hold
                self._scratch = None
                return
            self._blocks.append(len(block))
            self._write(block)

    def _write(self, content: bytes) -> None:
        self._checksum = zlib.crc32(content, self._checksum)
        if self._scratch is not None:
            try:
                self._scratch.write(content)
            except OSError:
                self._scratch = None


def _block(rows: Sequence[Record]) -> bytes:
    """The rows as columns: name, distinct values, each row's index into these, and the index that
    stands for a missing field.
    """
    columns = []
    for name in dict.fromkeys(chain.from_iterable(rows)):
        keys = _keys([row.get(name, _MISSING) for row in rows])
        known = {key: code for code, key in enumerate(dict.fromkeys(keys))}
        values = [None if key is _MISSING else _value(key) for key in known]
        same = len(known) == 1 or len(known) == len(rows)
        codes = None if same else list(map(known.__getitem__, keys))
        columns.append([name, values, codes, known.get(_MISSING)])
    return zlib.compress(orjson.dumps([len(rows), columns]), level=1)


def _keys(values: list[Any]) -> list[Any]:
    """Keys that tell the values apart: the values themselves if they are all texts, integers or
    booleans, else their JSON, since Python takes 1, 1.0 and True for equal.
    """
    kinds = {*map(type, values)} - {type(None), type(_MISSING)}
    if kinds <= {str} or kinds == {int} or kinds == {bool}:
        return values
    known: dict[Any, Any] = {}  # equal ones are kept once
    texts = (value if value is _MISSING else orjson.dumps(value) for value in values)
    return [known.setdefault(text, text) for text in texts]


def _value(key: Any) -> Any:
    return orjson.Fragment(key) if isinstance(key, bytes) else key


def _rows(block: bytes) -> Iterator[Record]:
    """The rows of a block; they share equal values."""
    count, columns = orjson.loads(zlib.decompress(block))
    names: list[str] = []
    each: list[Iterator[Any]] = []
    partial = False
    for name, values, codes, absent in columns:
        if absent is not None:
            values[absent], partial = _MISSING, True
        names.append(name)
        if codes is not None:
            each.append(map(values.__getitem__, codes))
        else:
            each.append(repeat(values[0], count) if len(values) == 1 else iter(values))
    rows = (dict(zip(names, row, strict=True)) for row in zip(*each, strict=True))
    if not partial:
        return rows
    return ({n: v for n, v in row.items() if v is not _MISSING} for row in rows)
