"""Rows of logs with their places: JSON lines, CSV, TSV and XLSX files."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mubench_gen.data.json_lines import lines_of, open_lines, read_object
from mubench_gen.errors import DataError, MissingExtraError
from mubench_gen.storage.user_files import parse_json, read_regular

_MOST = 2**31  # bytes of a document
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # of a surrogate pair, perhaps a half alone
Rows = Iterator[tuple[str, Mapping[str, Any]]]


def rows_of(path: Path) -> Rows:
    """(place, row) by the file's suffix. DataError names file and line of what is wrong."""
    reader = {".csv": _csv, ".tsv": _tsv, ".xlsx": _xlsx, ".json": _array}.get(path.suffix.lower())
    return (reader or json_lines)(path)


def json_lines(path: Path) -> Rows:
    """The objects of a JSONL file."""
    with open_lines(path) as file:
        for number, _, line in lines_of(file, path):
            where = f"{path}:{number}"
            if not line.endswith(b"\n"):
                try:
                    yield where, _object(line, where)
                except DataError as error:
                    raise DataError(f"{error} The file seems to be cut off there.") from None
                continue
            yield where, _object(line, where)


def _object(line: bytes, where: str) -> Mapping[str, Any]:
    try:
        return read_object(line, where)
    except DataError:  # Python's json writes NaN, Infinity and halves of surrogate pairs
        try:
            found = whole_texts(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise
        return found


def whole_texts(content: bytes) -> Any:
    """The value of a JSON document, "?" in place of what no text can hold. ValueError."""
    found = parse_json(content)
    return _whole(found) if _HALF.search(content) else found


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_whole(name): _whole(one) for name, one in value.items()}
    return list(map(_whole, value)) if isinstance(value, list) else value


def document(path: Path) -> Any:
    """The document in a JSON file."""
    try:
        return whole_texts(read_regular(path, _MOST))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError as error:
        at = f":{error.lineno}" if hasattr(error, "lineno") else ""
        raise DataError(f"{path}{at}: no valid JSON: {error}.") from None


def first_object(path: Path) -> Mapping[str, Any]:
    """The first row of a file; empty where there is none."""
    try:
        return next((row for _, row in rows_of(path)), {})
    except (DataError, MissingExtraError):
        return {}


def _array(path: Path) -> Rows:
    found = document(path)
    if isinstance(found, dict) and found and all(isinstance(one, list) for one in found.values()):
        columns = list(found)  # pandas' to_json(orient="list"), which VLMEvalKit writes
        found = [dict(zip(columns, row, strict=True)) for row in zip(*found.values(), strict=True)]
    if not isinstance(found, list):
        raise DataError(f"{path}: holds no list of rows.")
    for number, row in enumerate(found, 1):
        if not isinstance(row, dict):
            raise DataError(f"{path}, row {number}: is no JSON object.")
        yield f"{path}, row {number}", row


def _csv(path: Path) -> Rows:
    return _separated(path, ",")


def _tsv(path: Path) -> Rows:
    return _separated(path, "\t")


def _separated(path: Path, separator: str) -> Rows:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # images in base64 are long
    with open_lines(path) as file:
        try:
            text = io.TextIOWrapper(file, "utf-8-sig", newline="")
            table = csv.DictReader(text, delimiter=separator, strict=True)
            for row in table:
                where = f"{path}:{table.line_num}"
                if None in row or None in row.values():
                    told = "more" if None in row else "fewer"
                    raise DataError(f"{where}: has {told} fields than the first line has names.")
                yield where, row
        except UnicodeDecodeError:
            raise DataError(f"{path}: is not UTF-8; save the file as UTF-8.") from None
        except csv.Error as error:
            raise DataError(f"{path}: cannot be read as a table: {error}.") from None


def _xlsx(path: Path) -> Rows:
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError:
        raise MissingExtraError("openpyxl", "vlmevalkit", "Reading XLSX files") from None
    from zipfile import BadZipFile

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (OSError, BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as an XLSX file: {error}.") from None
    lines = book.worksheets[0].iter_rows(values_only=True)
    names = [str(name) for name in next(lines, ())]
    for number, cells in enumerate(lines, 2):
        yield f"{path}, row {number}", dict(zip(names, cells, strict=False))
