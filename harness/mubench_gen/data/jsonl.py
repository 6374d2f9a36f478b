"""A data set as JSON lines: one row a line, its image in a file beside it."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property, partial
from pathlib import Path
from typing import IO, Any, Protocol

from mubench_gen.data.equal_options import Alike
from mubench_gen.data.image_columns import image_cells
from mubench_gen.data.image_files import ImageFiles, combined, outside
from mubench_gen.data.json_lines import check_keys, lines_of, open_lines, read_object
from mubench_gen.data.schema import check_row, row_name, to_row
from mubench_gen.errors import DataError
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.images.stacks import open_images
from mubench_gen.storage.digests import Stamp, stamp_of
from mubench_gen.types import FORM_WORDS, Form, Question, Row, Task


class ImageBytes(Protocol):
    """Reads images by the names that stand in the rows."""

    def is_named_outside(self, name: str) -> bool: ...

    def read(self, name: str) -> bytes: ...

    def digests(self, names: Sequence[str]) -> dict[str, str]: ...


class JsonlDataset:
    """Rows by index. The file is read through once when opened, and every row checked.

    `rows_digest` is of that file, `digest` of it and of the image files. `outside`: images may
    lie anywhere. `faults`: takes what is wrong with each row; without it, the first is raised.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        policy: StandardPolicy,
        *,
        outside: bool = False,
        faults: list[str] | None = None,
        rows: Path | None = None,
        images: ImageBytes | None = None,
    ) -> None:
        """`rows`: the file with the rows, where `path` is what they were made of; `images` then
        reads these."""
        self.name = name
        self.path = path
        self._rows_file = path if rows is None else rows
        self.revision: str | None = None
        self.has_several_images = False
        self.tasks: Sequence[Task] = ()
        self.questions: dict[tuple[str, str], int] = Counter()
        self.forms: dict[tuple[str, str], Form] = {}
        self._alike = Alike(path)
        self.images = images or ImageFiles(path.parent, outside=outside)
        self._policy = policy
        self._opened: JsonlDataset | None = None
        self.known: dict[Any, Any] = {}
        self._offsets = array("Q")
        self._repeated: set[int] = set()
        self._names: dict[str, None] = {}
        self._stamp: Stamp | None = None
        self._lines_digest = self._scan(faults)
        self._alike.tell()

    @property
    def rows_digest(self) -> str:
        return self._lines_digest

    @property
    def facts(self) -> Mapping[str, Any]:
        return {}

    @property
    def image_folder(self) -> Path:
        return self.path.parent

    @cached_property
    def image_files(self) -> Mapping[str, str]:
        """SHA-256 of each image file that can be read, by its path in the rows."""
        return self.images.digests(list(self._names))

    @cached_property
    def digest(self) -> str:
        parts = f"{self.rows_digest}\n{combined(self.image_files)}"
        return hashlib.sha256(parts.encode()).hexdigest()

    def shown_by(self, policy: StandardPolicy) -> JsonlDataset:
        shown = copy(self)
        shown._policy = policy
        shown._opened = self  # a temporary file of its rows lasts as long as it
        return shown

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

    def _open(self) -> IO[bytes]:
        file = open_lines(self._rows_file)
        stamp = stamp_of(os.fstat(file.fileno()))
        self._stamp = self._stamp or stamp
        if stamp != self._stamp:
            file.close()
            raise DataError(
                f"{self.path}: was changed while it was in use. Type the command again."
            )
        return file

    def _scan(self, faults: list[str] | None) -> str:
        seen: set[str] = set()
        with self._open() as file:
            digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
            file.seek(0)
            for _, offset, line in lines_of(file, self.path):
                self._offsets.append(offset)
                try:
                    self._scan_row(len(self._offsets) - 1, line, seen)
                except DataError as error:
                    if faults is None:
                        raise
                    faults.append(str(error))
        if not self._offsets:
            raise DataError(f"{self.path}: holds no rows.")
        return digest.hexdigest()

    def _scan_row(self, index: int, line: bytes, seen: set[str]) -> None:
        columns = read_object(line, self._where(index))
        check_keys(line, columns, self._where(index))
        names = self._file_names(columns, self._where(index))
        self._check(self._made(index, columns, names), names, seen)

    def _check(self, row: Row, names: list[str], seen: set[str]) -> None:
        """Check all of a row when it is first read, and note what is kept about all rows."""
        check_row(row)
        self.has_several_images |= bool(row.more_images)
        for name in names:
            if name not in self._names and self.images.is_named_outside(name):
                raise DataError(outside(f"{self._where(row.index)}, column image", name))
            self._names[name] = None
        options = (question.options for question in row.questions.values())
        self._alike.note_options(self.number_of(row.index), options)
        if row.key in seen:
            self._repeated.add(row.index)
        seen.add(row.key)
        for question in row.questions.values():
            self._note_form(row, question)
            self.questions[row.dataset, question.name] += 1

    def _note_form(self, row: Row, question: Question) -> None:
        known = self.forms.setdefault((row.dataset, question.name), question.form)
        if known != question.form:
            raise DataError(
                f"{self._where(row.index)} (image_id {row.image_id}), column "
                f"questions.{question.name}: asks for {FORM_WORDS[question.form]}, where earlier "
                f"rows ask for {FORM_WORDS[known]}. Give questions of this kind a name of their "
                "own, and a task of that name."
            )

    def number_of(self, index: int) -> int:
        """The number of a row, as messages have it."""
        return index + 1

    def _where(self, index: int) -> str:
        return f"{self.path}, row {self.number_of(index)}"

    def _row(self, index: int, line: bytes) -> Row:
        columns = read_object(line, self._where(index))
        return self._made(index, columns, self._file_names(columns, self._where(index)))

    def _made(self, index: int, columns: dict[str, Any], names: list[str]) -> Row:
        first, *others = (
            image
            for name in names
            for image in open_images(name, partial(self.images.read, name), self._policy)
        )
        where, repeated = self._where(index), index in self._repeated
        return to_row(
            index,
            columns,
            first,
            where=where,
            repeated=repeated,
            regions=lambda: columns,
            more_images=tuple(others),
        )

    def _file_names(self, columns: dict[str, Any], where: str) -> list[str]:
        """The names of the row's image files, in their order."""
        where += row_name(columns)
        found: list[str] = []
        for cell in image_cells(columns, where) or [None]:
            name = cell.get("path") if isinstance(cell, dict) else cell
            if not isinstance(name, str) or not name:
                raise DataError(f"{where}, column image: holds no path.")
            found.append(name)
        return found
