"""A data set as JSON lines: one row a line, its image in a file beside it."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from mubench_gen.data.schema import check_row, row_name, to_row
from mubench_gen.errors import DataError, ImageError
from mubench_gen.image import StandardPolicy, open_image
from mubench_gen.types import Image, Row


class JsonlDataset:
    """Rows by index. The file is read through once when opened, and every row checked."""

    def __init__(self, name: str, path: Path, policy: StandardPolicy) -> None:
        self.name = name
        self.path = path
        self.revision: str | None = None
        self.questions: dict[tuple[str, str], int] = Counter()
        self._policy = policy
        self._offsets = array("Q")
        self._repeated: set[int] = set()
        self.digest = self._scan()

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, index: int) -> Row:
        with self._open() as file:
            file.seek(self._offsets[index])
            return self._row(index, file.readline())

    def __iter__(self) -> Iterator[Row]:
        with self._open() as file:
            for index, offset in enumerate(self._offsets):
                file.seek(offset)
                yield self._row(index, file.readline())

    def _open(self) -> Any:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror}.") from None

    def _scan(self) -> str:
        digest, offset = hashlib.sha256(), 0
        seen: set[str] = set()
        with self._open() as file:
            for line in file:
                digest.update(line)
                if line.strip():
                    self._offsets.append(offset)
                    row = self._row(len(self._offsets) - 1, line)
                    check_row(row)
                    if row.key in seen:
                        self._repeated.add(row.index)
                    seen.add(row.key)
                    for question in row.questions:
                        self.questions[row.dataset, question] += 1
                offset += len(line)
        if not self._offsets:
            raise DataError(f"{self.path}: holds no rows.")
        return digest.hexdigest()

    def _row(self, index: int, line: bytes) -> Row:
        where = f"{self.path}, row {index + 1}"
        try:
            columns = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DataError(f"{where}: no valid JSON: {error}.") from None
        if not isinstance(columns, dict):
            raise DataError(f"{where}: is no JSON object.")
        image = self._image(columns, where)
        return to_row(index, columns, image, where=where, repeated=index in self._repeated)

    def _image(self, columns: dict[str, Any], where: str) -> Image:
        cell = columns.get("image")
        name = cell.get("path") if isinstance(cell, dict) else cell
        if not isinstance(name, str) or not name:
            raise DataError(f"{where}{row_name(columns)}, column image: holds no path.")
        path = self.path.parent / name

        def load() -> bytes:
            if path.is_dir():
                raise ImageError(f"{name}: is a folder")
            return path.read_bytes()

        return open_image(name, load, self._policy)
