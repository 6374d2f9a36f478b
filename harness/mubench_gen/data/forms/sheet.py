"""Excel files (.xlsx) as tables, read by openpyxl."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from functools import cached_property
from pathlib import Path
from typing import Any

from mubench_gen.data.forms.roles import Wishes
from mubench_gen.data.forms.tables import TableRow, Unchanged
from mubench_gen.errors import DataError, MissingExtraError, did_you_mean

SUFFIXES = (".xlsx", ".xlsm")


class ExcelSheet:
    """One sheet as a Table: values, not formulas. Pictures in cells are not read."""

    def __init__(self, path: Path, wishes: Wishes) -> None:
        self.path = path
        self.base = path.parent
        self.told: list[str] = []
        self._file = Unchanged(path)
        self._wanted = wishes.choices.get("sheet")

    @cached_property
    def columns(self) -> Sequence[str]:
        head = next(self._records(), None)
        names = [_text(value) for value in head or ()]
        while names and not names[-1]:
            names.pop()
        doubled = next((name for name in names if name and names.count(name) > 1), None)
        if doubled is not None:
            raise DataError(f"{self.path}, row 1: the column {doubled!r} is there twice.")
        if len(names) < 2:
            raise DataError(f"{self.path}, row 1: holds no names of columns.")
        return [name or f"column {at}" for at, name in enumerate(names, 1)]

    def rows(self) -> Iterator[TableRow]:
        for number, record in enumerate(self._records(), 1):
            cells = dict(zip(self.columns, map(_plain, record), strict=False))
            if number > 1 and any(value is not None for value in cells.values()):
                yield TableRow(self.path, number, number, cells)

    def again(self, place: Any) -> Mapping[str, Any]:
        return next(row.cells for row in self.rows() if row.number == place)

    def _records(self) -> Iterator[tuple[Any, ...]]:
        try:
            import openpyxl
        except ImportError:
            raise MissingExtraError("openpyxl", "excel", f"Reading {self.path.name}") from None
        with self._file.open() as file:
            try:
                book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            except Exception as error:  # openpyxl raises what its parsers and zipfile do
                raise DataError(f"{self.path}: is no Excel file: {error}.") from None
            yield from self._chosen(book).iter_rows(values_only=True)

    def _chosen(self, book: Any) -> Any:
        names = book.sheetnames
        wanted = self._wanted or names[0]
        if wanted not in names:
            raise DataError(
                f"{self.path}: there is no sheet {wanted!r}. {did_you_mean(wanted, names)} "
                f"There are: {', '.join(names)}."
            )
        if len(names) > 1 and not self.told:
            self.told.append(f"sheet: {wanted!r} of {', '.join(names)} (--map sheet=NAME)")
        return book[wanted]


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | time) else value
