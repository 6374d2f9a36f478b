"""JSON lines as objects: read strictly, so that a line means one thing to every program."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from mubench_gen.errors import DataError
from mubench_gen.storage.user_files import open_regular

BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")  # UTF-16
_MOST_BYTES = 256 * 2**20  # of a line
_KEY = b'":'  # the end of a key; in a text too, as often in the line as in what was read of it
# Where these stand, the ends of keys can't be counted so: other spellings of both characters.
_ODD = (b'" :', b'"\t:', b'"\r:', b"\\u00")


class _Doubled(ValueError):
    """A key that stands twice in one object."""


def read_object(line: bytes, where: str) -> dict[str, Any]:
    """The object of a line. DataError says what is wrong; `where` names file and row."""
    try:
        columns = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise DataError(f"{where}: no valid JSON: {error}.") from None
    if not isinstance(columns, dict):
        raise DataError(f"{where}: is no JSON object.")
    return columns


def check_keys(line: bytes, columns: Mapping[str, Any], where: str) -> None:
    """DataError where a key stands twice in an object of a line that was read as `columns`."""
    try:
        written = orjson.dumps(columns)
    except orjson.JSONEncodeError:  # deeper than it writes
        raise DataError(f"{where}: is nested too deeply.") from None
    if line.count(_KEY) == written.count(_KEY) and not any(mark in line for mark in _ODD):
        return  # no key of the line is lost: made for speed, nearly all lines end here
    try:
        _UNIQUE.decode(line.decode("utf-8"))
    except _Doubled as error:
        raise DataError(f"{where}: the key {error} stands twice in one object.") from None
    except RecursionError:
        raise DataError(f"{where}: is nested too deeply.") from None
    except ValueError as error:  # a whole number of thousands of digits
        raise DataError(f"{where}: cannot be read: {error}.") from None


def open_lines(path: Path) -> IO[bytes]:
    """The file, open for reading. DataError where it is none that can be read."""
    try:
        return open_regular(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from None


def lines_of(file: IO[bytes], path: Path) -> Iterator[tuple[int, int, bytes]]:
    """(number of the line, its offset, the line), blank lines left out, without a first BOM."""
    number = offset = 0
    while line := file.readline(_MOST_BYTES + 1):
        number += 1
        if len(line) > _MOST_BYTES:
            raise DataError(f"{path}, line {number}: longer than {_MOST_BYTES:,} bytes.")
        begin = offset
        offset += len(line)
        if number == 1:
            if line.startswith(_OTHER_BOMS):
                raise DataError(f"{path}, row 1: is UTF-16; save the file as UTF-8.")
            line = line.removeprefix(BOM)
            begin = offset - len(line)
        if line.strip():
            yield number, begin, line


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Doubled(repr(next(name for name in names if names.count(name) > 1)))
    return found


_UNIQUE = json.JSONDecoder(object_pairs_hook=_once)
