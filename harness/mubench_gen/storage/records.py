"""The records file: one answered item per line, appended whole or not at all.

A line is a JSON object whose last field `crc` is the CRC-32, in eight hex digits, of the
bytes before `,"crc":`. A last line without newline, or one that fails its check, is
dropped. Where an id stands twice (a failed item, tried again) the last line counts.
"""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from mubench_gen.console.masking import blanked, holds_secret
from mubench_gen.errors import RunFolderError
from mubench_gen.storage.index import DiskTable, hashed
from mubench_gen.storage.json_files import tell_once

Record = dict[str, Any]
_CRC = b',"crc":"'
_TAIL = len(_CRC) + 8 + len(b'"}\n')


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line that passed its check: where it begins, its record, its bytes."""

    offset: int
    record: Record
    line: bytes


def images_shown(record: Mapping[str, Any]) -> list[str]:
    """The digests of the images that the item showed, in their order; unreadable ones left out."""
    found = record.get("images_sha256") or [record["image_sha256"]]
    return [digest for digest in found if digest is not None]


def row_key(record: Record) -> str:
    """The key of the row that the record's item asks about."""
    item: str = record["item"]
    return item.rpartition(f"/{record['task']}")[0]


def to_line(record: Mapping[str, Any]) -> bytes:
    """A record as its line with checksum and newline, secrets masked."""
    body = _body(record)
    if holds_secret(body):
        body = _body(blanked(record))
    body = body[:-1]
    return b'%b%b%08x"}\n' % (body, _CRC, zlib.crc32(body))


def _body(record: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(record)
    except TypeError:  # a lone surrogate in the reply, which UTF-8 cannot hold: escape it
        reply = orjson.Fragment(json.dumps(record["reply"]))
        return orjson.dumps({**record, "reply": reply})


def from_line(line: bytes) -> Record | None:
    """The record of a line, without its `crc`; None if the line fails its check."""
    body = line[:-_TAIL]
    if line[-_TAIL:] != b'%b%08x"}\n' % (_CRC, zlib.crc32(body)):
        return None
    try:
        record = orjson.loads(body + b"}")
    except orjson.JSONDecodeError:
        try:  # an escaped lone surrogate
            record = json.loads(body + b"}")
        except (ValueError, RecursionError):
            return None
    return record if isinstance(record, dict) and "id" in record else None


@dataclass(slots=True)
class Pass:
    """What reading a records file finds out beside its records.

    `damaged`: the number of lines that failed their check, except a torn last one; `end`: where
    the last whole line ends. `digest`, where it is set, is updated with all whole lines.
    """

    damaged: int = 0
    end: int = 0
    digest: Any = None


def stored_lines(
    path: Path, found: Pass | None = None, span: range | None = None
) -> Iterator[StoredLine]:
    """Every sound line of the file, superseded ones too, in the order of the file.

    `span`: only lines that begin in it; it starts at the begin of a line. Damaged lines are
    counted in `found`, or logged where that is not given.
    """
    told = Pass() if found is None else found
    for offset, line in _lines(path, span):
        record = from_line(line)
        if line.endswith(b"\n"):
            told.damaged += record is None
            told.end = offset + len(line)
            if told.digest is not None:
                told.digest.update(line)
        if record is not None:
            yield StoredLine(offset, record, line)
    if found is None:
        tell_damaged(path, told.damaged)


def tell_damaged(path: Path, damaged: int) -> None:
    """Say, once, that lines of a records file are damaged."""
    if damaged:
        lines = "1 line is" if damaged == 1 else f"{damaged:,} lines are"
        tell_once(
            f"{path}: {lines} damaged and left out; the command that made the run asks these "
            "items again."
        )


def _lines(path: Path, span: range | None) -> Iterator[tuple[int, bytes]]:
    """(offset, line) of the lines that begin in the span; nothing if there is no file."""
    offset, end = (span.start, span.stop) if span is not None else (0, sys.maxsize)
    try:
        with path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if offset >= end:
                    break
                yield offset, line
                offset += len(line)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> RunFolderError:
    return RunFolderError(f"{path}: cannot be read: {error.strerror}.")


def read_records(path: Path) -> Iterator[Record]:
    """The records that count: of each id the last sound line, in the order of the file."""
    return (stored.record for stored in counted_lines(path))


def counted_lines(
    path: Path, found: Pass | None = None, span: range | None = None
) -> Iterator[StoredLine]:
    """The lines of the records that count; `found` and `span` as in `stored_lines`."""
    superseded = iter(_superseded(path, span))
    gone = next(superseded, -1)
    for stored in stored_lines(path, found, span):
        while 0 <= gone < stored.offset:
            gone = next(superseded, -1)
        if stored.offset != gone:
            yield stored


def line_at(file: BinaryIO, offset: int) -> bytes:
    """The line that begins at the offset."""
    file.seek(offset)
    return file.readline()


def _superseded(path: Path, span: range | None) -> Sequence[int]:
    """The offsets, in their order, of lines whose id stands again in a sound line further down.

    Memory holds one number for each of these, whatever else the file holds.
    """
    superseded = array("Q")
    with opened_beside(path) as beside:

        def combine(earlier: int, later: int) -> int:
            again = line_at(beside, later)
            if from_line(again) is None or _identity(line_at(beside, earlier)) != _identity(again):
                return earlier
            superseded.append(earlier)
            return later

        last = DiskTable(path.parent, combine=combine)
        for offset, line in _lines(path, span):
            last.put(hashed(_identity(line)), offset)
        last.flush()
    if superseded:
        import numpy as np

        np.frombuffer(superseded, np.uint64).sort()  # in place
    return superseded


def opened_beside(path: Path) -> BinaryIO:
    """A second handle of the file, to seek in while it is read; empty if there is no file."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        return BytesIO()
    except OSError as error:
        raise _unreadable(path, error) from None


def _identity(line: bytes) -> bytes:
    """The line up to the end of its id.

    The id is the first field and the key the second, so that it is found without reading
    the JSON: inside a JSON string no bare quote stands before "key".
    """
    return line[: line.find(b'","key":')]
