"""CSV and TSV files with any separator and in the usual encodings, read a row at a time."""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, Any

from mubench_gen.data.forms.roles import Wishes
from mubench_gen.data.forms.tables import TableRow, Unchanged, temporary
from mubench_gen.errors import DataError, SettingError
from mubench_gen.storage.digests import Stamp, stamp_of

SUFFIXES = (".csv", ".tsv")
_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 2**20
_LONGEST = 2**31 - 1  # characters of a cell


class SeparatedTable:
    """A CSV file as a Table. Its cells are texts; a row is found again by its offset."""

    def __init__(self, path: Path, wishes: Wishes) -> None:
        self.path = path
        self.base = path.parent
        self.told: list[str] = []
        self._file = Unchanged(path)
        self._encoding = wishes.choices.get("encoding") or self._found_encoding()
        self._copy: Path | None = None
        self._skipped = 0
        self._separator = self._found_separator(wishes.choices.get("separator"))
        csv.field_size_limit(_LONGEST)

    @cached_property
    def columns(self) -> Sequence[str]:
        names = [name.strip() for name in next(self._records())[2]]
        if not names:
            raise DataError(
                f"{self.path}, row 1: it is empty, and the first row has to name the columns. "
                "Delete the empty lines before them."
            )
        doubled = next((name for name in names if name and names.count(name) > 1), None)
        if doubled is not None:
            raise DataError(f"{self.path}, row 1: the column {doubled!r} is there twice.")
        if len(names) < 2:
            raise DataError(
                f"{self.path}, row 1: one column only, {names[0]!r:.60}. If other characters "
                "separate the cells, name them: --map separator=';' (or tab, comma, bar)."
            )
        return [name or f"column {at}" for at, name in enumerate(names, 1)]

    def rows(self) -> Iterator[TableRow]:
        names = self.columns
        for number, offset, record in self._records():
            if number == 1 + self._skipped or not record:
                continue
            if len(record) > len(names):
                raise DataError(
                    f"{self.path}, row {number}: more cells than columns ({len(record)} for "
                    f"{len(names)}). Put "
                    "quotes around a cell that holds the separator, or name it with --map "
                    "separator=…"
                )
            yield TableRow(self.path, number, offset, self._cells(record))

    def again(self, place: Any) -> Mapping[str, Any]:
        _, _, record = next(self._records(place))
        return self._cells(record)

    def _cells(self, record: Sequence[str]) -> dict[str, Any]:
        return dict(zip(self.columns, record, strict=False))

    def _records(self, offset: int | None = None) -> Iterator[tuple[int, int, list[str]]]:
        """(number, offset, cells) of each record; from the one at an offset on."""
        with self._open() as file:
            lines = _Lines(file, "utf-8" if self._is_copied() else self._encoding, offset)
            reader = csv.reader(lines, delimiter=self._separator, strict=True)
            number = 0
            while True:
                begin = lines.offset
                try:
                    record = next(reader)
                except StopIteration:
                    break
                except csv.Error as error:
                    raise DataError(
                        f"{self.path}, line {reader.line_num}: no valid CSV: {error}. A quote "
                        "inside a quoted cell is written twice."
                    ) from None
                except UnicodeDecodeError as error:
                    raise DataError(
                        f"{self.path}, line {reader.line_num + 1}: is no {self._encoding} text: "
                        f"{error.reason}. Name the encoding with --map encoding=cp1252 or the like."
                    ) from None
                number += 1
                if offset is not None or number > self._skipped:
                    yield number, begin, record
        if number <= self._skipped:
            raise DataError(f"{self.path}: the file is empty.")

    def _is_copied(self) -> bool:
        return self._encoding.casefold() not in ("utf-8", "utf-8-sig", "cp1252", "ascii", "latin-1")

    def _open(self) -> IO[bytes]:
        """The file; of an encoding whose lines do not end in one byte, a copy in UTF-8."""
        if not self._is_copied():
            return self._file.open()
        if self._copy is None:
            self._copy = temporary(self)
            with self._file.open() as file, self._copy.open("wb") as copy:
                try:
                    text = codecs.getreader(self._encoding)(file)
                    while piece := text.read(_CHUNK):
                        copy.write(piece.encode())
                except (UnicodeError, LookupError) as error:
                    raise DataError(
                        f"{self.path}: is no {self._encoding} text: {error}. Save it as UTF-8, or "
                        "name its encoding with --map encoding=…"
                    ) from None
        return self._copy.open("rb")

    def _found_encoding(self) -> str:
        with self._file.open() as file:
            encoding = _encoding_of(self.path, stamp_of(os.fstat(file.fileno())))
        if encoding == "cp1252":
            self.told.append(
                "encoding: no UTF-8; read as cp1252, the one of Windows. Look at accents and "
                "Greek letters, and name another with --map encoding=…"
            )
        return encoding

    def _found_separator(self, wanted: str | None) -> str:
        """What stands most often between the names of the columns, outside of quotes."""
        if wanted is not None:
            found = _SEPARATORS.get(wanted, wanted.replace("\\t", "\t"))
            if len(found) != 1:
                raise SettingError(
                    f"--map separator={wanted}: give one character, or {', '.join(_SEPARATORS)}."
                )
            return found
        with self._open() as file:
            encoding = "utf-8" if self._is_copied() else self._encoding
            lines = iter(_Lines(file, encoding, None))
            try:
                head = next(lines, "")
            except UnicodeDecodeError as error:
                raise DataError(f"{self.path}, row 1: is no {encoding} text: {error}.") from None
        if head.casefold().startswith("sep=") and len(head.strip()) == 5:  # Excel's own line
            self._skipped = 1
            return head[4]
        outside = "".join(head.split('"')[::2])
        counts = {mark: outside.count(mark) for mark in _SEPARATORS.values()}
        best = max(counts, key=lambda mark: counts[mark])
        named = {mark: name for name, mark in _SEPARATORS.items()}[best]
        self.told.append(f"file: {self._encoding}, cells separated by a {named}")
        return best if counts[best] else ","


@lru_cache(maxsize=64)  # a file is opened to know its form, and to read it
def _encoding_of(path: Path, stamp: Stamp) -> str:
    """The encoding of a file that is what its stamp says."""
    with path.open("rb") as file:
        head = file.read(_CHUNK)
        for mark, encoding in _BOMS:
            if head.startswith(mark):
                return encoding
        if b"\0" in head[:4096]:
            return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while head:
                decoder.decode(head)
                head = file.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


class _Lines:
    """The lines of a file as texts; `offset` is where the next one begins."""

    def __init__(self, file: IO[bytes], encoding: str, offset: int | None) -> None:
        self._file = file
        self._encoding = "utf-8" if encoding == "utf-8-sig" else encoding
        self.offset = offset or 0
        self._file.seek(self.offset)
        if self.offset == 0 and self._file.read(3) != codecs.BOM_UTF8:
            self._file.seek(0)
        self.offset = self._file.tell()

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._file.readline()
        if not line:
            raise StopIteration
        self.offset += len(line)
        return line.decode(self._encoding)
