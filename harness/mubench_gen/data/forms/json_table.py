"""JSON documents and JSON Lines as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import orjson

from mubench_gen.data.forms.tables import TableRow, Unchanged, temporary
from mubench_gen.data.json_lines import check_keys, lines_of, read_object
from mubench_gen.errors import DataError

SUFFIXES = (".jsonl", ".ndjson", ".json")
_LISTS = ("data", "rows", "questions", "examples", "items", "samples", "train", "test")


class JsonTable:
    """A file of objects as a Table; a document with all of them is copied, a line each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.base = path.parent
        self.told: list[str] = []
        self._file = Unchanged(path)
        self._copy: Path | None = None
        if path.suffix.lower() == ".json" and not _is_lines(self._file):
            self._copy = self._copied()

    @cached_property
    def columns(self) -> Sequence[str]:
        """The keys of all rows, in the order in which they first come."""
        return list(dict.fromkeys(key for row in self.rows() for key in row.cells))

    def rows(self) -> Iterator[TableRow]:
        with self._open() as file:
            for number, offset, line in lines_of(file, self.path):
                where = f"{self.path}, row {number}"
                cells = read_object(line, where)
                check_keys(line, cells, where)
                yield TableRow(self.path, number, offset, cells)

    def again(self, place: Any) -> Mapping[str, Any]:
        with self._open() as file:
            file.seek(place)
            return read_object(file.readline(), str(self.path))

    def _open(self) -> IO[bytes]:
        return self._file.open() if self._copy is None else self._copy.open("rb")

    def _copied(self) -> Path:
        copy = temporary(self)
        with copy.open("wb") as file:
            for row in _objects(read_document(self.path), self.path):
                file.write(orjson.dumps(row) + b"\n")
        return copy


def read_document(path: Path) -> Any:
    """The document in a JSON file. DataError says what is wrong."""
    with Unchanged(path).open() as file:
        content = file.read()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16", "replace").encode()
    try:
        return orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path}: no valid JSON: {error}.") from None


def _is_lines(file: Unchanged) -> bool:
    """Whether the file holds an object in its first line, and another one in the next."""
    with file.open() as opened:
        first, second = opened.readline(), opened.readline()
    try:
        orjson.loads(first.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return False
    return second.lstrip().startswith(b"{")


def _objects(document: Any, path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a document: a list of objects, one in an object, or an object of objects."""
    if isinstance(document, dict):
        lists = [name for name in _LISTS if isinstance(document.get(name), list)]
        values = list(document.values())
        if lists:
            document = document[lists[0]]
        elif values and all(isinstance(one, dict) for one in values):
            document = [{"id": key, **one} for key, one in document.items()]
        elif values and all(isinstance(one, list) for one in values):
            if len({len(one) for one in values}) != 1:
                raise DataError(f"{path}: its lists have different lengths: they are no columns.")
            document = [dict(zip(document, row, strict=True)) for row in zip(*values, strict=True)]
    if not isinstance(document, list) or not document:
        raise DataError(
            f"{path}: a list of objects is needed, one a question; found {document!r:.60}."
        )
    for number, row in enumerate(document, 1):
        if not isinstance(row, dict):
            raise DataError(f"{path}, row {number}: is no JSON object: {row!r:.60}.")
        yield row
