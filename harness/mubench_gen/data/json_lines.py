"""JSON lines as objects: read strictly, so that a line means one thing to every program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from mubench_gen.errors import DataError
from mubench_gen.storage.user_files import DEEPEST, open_regular, parse_json

BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")  # UTF-16
_MOST_BYTES = 256 * 2**20  # of a line
_ASKED = frozenset({"question", "query", "prompt", "question_text", "instruction"})
_KEY = b'":'  # the end of a key; the same within a text is counted in both
# Other spellings of the end of a key: where these stand, counting it proves nothing.
_ODD = (b'" :', b'"\t:', b'"\r:', b"\\u00")


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
    """DataError if an object of the line, which was read as `columns`, has a key twice."""
    if not _is_surely_plain(line, columns):
        try:
            parse_json(line, unique=True)
        except ValueError as error:
            raise DataError(f"{where}: {error}.") from None


def _is_surely_plain(line: bytes, columns: Mapping[str, Any]) -> bool:
    """Whether a line surely has no key twice and no deep nesting: quick, and nearly always true."""
    return (
        line.count(b"{") + line.count(b"[") < DEEPEST
        and not any(mark in line for mark in _ODD)
        and line.count(_KEY) == orjson.dumps(columns).count(_KEY)
    )


def open_lines(path: Path) -> IO[bytes]:
    """The file, open for reading. DataError if it cannot be read."""
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


def is_row(path: Path) -> bool:
    """Whether the first line is a row of μ-Bench's schema, or nothing that can be read."""
    try:
        with open_lines(path) as file:
            _, _, line = next(lines_of(file, path), (0, 0, b""))
        columns = orjson.loads(line)
    except (DataError, orjson.JSONDecodeError):
        return True
    if not isinstance(columns, dict) or "questions" in columns:
        return True
    return "image_id" in columns and not _ASKED & set(columns)
