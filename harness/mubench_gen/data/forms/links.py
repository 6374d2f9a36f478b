"""Tables that refer to one another: rows with the cells of the row that a key names elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mubench_gen.data.forms.tables import Table, TableRow
from mubench_gen.errors import DataError


@dataclass
class Link:
    """A column `field` whose values are those of the column `key` of another table.

    `names`: the columns that the rows have from there, and what they are called there.
    """

    path: Path
    field: str
    table: Table
    key: str
    names: Mapping[str, str]

    def cells(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        """What the row with these cells has from the other table. DataError for an unknown key."""
        value = cells.get(self.field)
        if value is None:
            return dict.fromkeys(self.names)
        if str(value) not in self._places:
            raise DataError(
                f"{self.path}: a record has {self.field} = {value!r}, and no record that it refers "
                f"to has that {self.key}."
            )
        there = self.table.again(self._places[str(value)])
        return {name: there.get(column) for name, column in self.names.items()}

    @cached_property
    def _places(self) -> Mapping[str, Any]:
        """Of each key the place of its row. Keys are compared as texts: 7 in JSON is 7 in CSV."""
        found: dict[str, Any] = {}
        for row in self.table.rows():
            value = str(row.cells.get(self.key))
            if value in found:
                raise DataError(
                    f"{row.where}: {self.key} = {value!r} stands twice, and records refer to it."
                )
            found[value] = row.place
        return found


class Linked:
    """A table with the columns of those that it refers to."""

    def __init__(self, table: Table, links: Sequence[Link]) -> None:
        self.path, self.base = table.path, table.base
        self._table, self._links = table, links
        joins = [f"joined by {one.field}: {', '.join(one.names)}" for one in links]
        self.told = [*table.told, *joins]

    @property
    def columns(self) -> Sequence[str]:
        more = (name for link in self._links for name in link.names)
        return list(dict.fromkeys([*self._table.columns, *more]))

    def rows(self) -> Iterator[TableRow]:
        for row in self._table.rows():
            yield replace(row, cells=self._whole(row.cells))

    def again(self, place: Any) -> Mapping[str, Any]:
        return self._whole(self._table.again(place))

    def _whole(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        whole = dict(cells)
        for link in self._links:
            whole = {**link.cells(whole), **whole}
        return whole
