"""Data sets described by Croissant (1.0, 1.1): its record set says which columns a table has.

Only what lies beside the description is read; nothing is downloaded.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mubench_gen.data.forms.dataset import TableReading
from mubench_gen.data.forms.found import one_table
from mubench_gen.data.forms.json_table import read_document
from mubench_gen.data.forms.links import Link, Linked
from mubench_gen.data.forms.reading import AskedTable, read_questions
from mubench_gen.data.forms.roles import Wishes
from mubench_gen.data.forms.tables import Joined, Table, TableRow, split_of
from mubench_gen.errors import DataError
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.storage.digests import sha256_of

_NAMES = ("croissant.json", "metadata.json", "croissant.jsonld")


def recognises(path: Path) -> bool:
    """Whether it is a Croissant description, or a folder with one."""
    file = _file(path)
    if file is None:
        return False
    try:
        document = read_document(file)
    except DataError:
        return False
    return isinstance(document, dict) and "recordSet" in document and "@context" in document


def _file(path: Path) -> Path | None:
    if path.is_dir():
        return next((path / name for name in _NAMES if (path / name).is_file()), None)
    return path if path.is_file() and path.suffix.lower() in (".json", ".jsonld") else None


def read(asked: AskedTable, policy: StandardPolicy) -> TableReading:
    """The reading of the one record set that has questions."""
    file = _file(asked.path)
    if file is None:
        raise DataError(f"{asked.path}: holds no Croissant description ({', '.join(_NAMES)}).")
    document = read_document(file)
    name = asked.name or asked.wishes.choices.get("name") or _plain_name(document, asked.path)
    licence = asked.license_name or _license(document)
    table = _linked(file, document, asked.wishes)
    asked = AskedTable(
        asked.path, "croissant", asked.mapping, name=name, license_name=licence,
        outside=asked.outside,
    )  # fmt: skip
    return read_questions("croissant", table, asked, policy)


class _Records:
    """A record set as a Table: the columns of its file under the names of its fields."""

    def __init__(
        self, path: Path, document: Mapping[str, Any], record: Mapping[str, Any], wishes: Wishes
    ) -> None:
        self.path = path
        self.base = path.parent
        self.told: list[str] = []
        self._record = record
        own = [one for one in _many(record.get("field")) if not _other_field(one)]
        self._fields = [(_field_name(one), one) for one in own]
        files = {str(_id(one)): one for one in _many(document.get("distribution"))}
        self._columns = {name: _column(one, name) for name, one in self._fields}
        self._table: Table | None = None
        if "data" not in self._record:
            self._table = self._opened(files, wishes)
            self.told += self._table.told
        named = ", ".join(f"{name}: {column}" for name, column in self._columns.items())
        self.told.append(f"record set: {_record_name(record)!r} (fields and columns: {named})")

    @property
    def columns(self) -> Sequence[str]:
        return list(self._columns)

    def rows(self) -> Iterator[TableRow]:
        if self._table is None:
            for number, record in enumerate(_many(self._record["data"]), 1):
                yield TableRow(self.path, number, number, self._named(record))
            return
        for row in self._table.rows():
            yield TableRow(row.path, row.number, row.place, self._cells(row.cells))

    def again(self, place: Any) -> Mapping[str, Any]:
        if self._table is None:
            return self._named(_many(self._record["data"])[place - 1])
        return self._cells(self._table.again(place))

    def _named(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record that stands in the description: its keys are ids or names of fields."""
        return {name: record.get(name, record.get(str(_id(one)))) for name, one in self._fields}

    def _cells(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        return {name: cells.get(column) for name, column in self._columns.items()}

    def _opened(self, files: Mapping[str, Mapping[str, Any]], wishes: Wishes) -> Table:
        """The table that most fields come from."""
        sources = [_source_id(one) for _, one in self._fields]
        wanted = [source for source in sources if source in files]
        if not wanted:
            raise DataError(f"{self.path}: the fields of its record set name no file of it.")
        best = max(dict.fromkeys(wanted), key=wanted.count)
        paths = self._paths(files[best])
        for path in paths:
            digest = files[best].get("sha256")
            if isinstance(digest, str) and len(digest) == 64 and sha256_of(path) != digest:
                raise DataError(
                    f"{path}: is not the file that {self.path.name} describes: SHA-256 expected "
                    f"{digest}, found {sha256_of(path)}. Fetch it again."
                )
        tables = [one_table(path, wishes) for path in paths]
        return tables[0] if len(tables) == 1 else Joined(self.path, tables, [*map(split_of, paths)])

    def _paths(self, about: Mapping[str, Any]) -> list[Path]:
        """The files beside the description that a FileObject or FileSet means."""
        patterns = [str(one) for one in _many(about.get("includes"))]
        if patterns:
            here = [path for path in sorted(self.base.rglob("*")) if path.is_file()]
            found = [
                path for path in here for pattern in patterns
                if fnmatch.fnmatch(path.relative_to(self.base).as_posix(), pattern)
            ]  # fmt: skip
            if found:
                return found
            raise DataError(f"{self.path}: no file beside it fits {', '.join(patterns)}.")
        url = str(about.get("contentUrl") or about.get("name") or "")
        for name in (url, url.rpartition("/")[2], str(about.get("name") or "")):
            if name and not name.startswith(("http:", "https:")) and (self.base / name).is_file():
                return [self.base / name]
        raise DataError(
            f"{self.path}: the file {url!r} that it describes does not lie beside it. Download it "
            f"into {self.base}."
        )


def _linked(path: Path, document: Mapping[str, Any], wishes: Wishes) -> Table:
    """The record set of the questions, with the fields of those that it refers to."""
    sets = [one for one in _many(document.get("recordSet")) if isinstance(one, dict)]
    if not sets:
        raise DataError(f"{path}: describes no record set.")
    home = {str(_id(one)): record for record in sets for one in _many(record.get("field"))}
    referred = [home.get(_reference(one)) for record in sets for one in _many(record.get("field"))]
    free = [record for record in sets if not any(record is one for one in referred)]
    main = max(free or sets, key=lambda record: len(_many(record.get("field"))))
    fields = _many(main.get("field"))
    links = [
        _link(path, one, _Records(path, document, other, wishes), fields, home)
        for one in fields
        if (other := home.get(_reference(one))) is not None and other is not main
    ]
    records = _Records(path, document, main, wishes)
    links = [link for link in links if link.names]  # a list of splits alone tells nothing more
    return Linked(records, links) if links else records


def _link(
    path: Path,
    field: Mapping[str, Any],
    table: _Records,
    fields: Sequence[Mapping[str, Any]],
    home: Mapping[str, Mapping[str, Any]],
) -> Link:
    """What that field joins: the fields that are said to come from there, and all others of it."""
    key = _reference(field)
    named = {
        _field_name(one): _other_field(one).rpartition("/")[2]
        for one in fields
        if home.get(_other_field(one)) is home[key]
    }
    column = key.rpartition("/")[2]
    known = {column, *named.values(), *map(_field_name, fields)}
    more = {name: name for name in table.columns if name not in known}
    return Link(path, _field_name(field), table, column, {**named, **more})


def _record_name(record: Mapping[str, Any]) -> str:
    return str(record.get("name") or _id(record))


def _reference(one: Mapping[str, Any]) -> str:
    """The id of the field that a field's values are those of; empty for none."""
    found = one.get("references") or ""
    return str(_id(found.get("field") or found) if isinstance(found, dict) else found)


def _other_field(one: Mapping[str, Any]) -> str:
    """The id of the field of another record set that a field is taken from; empty for none."""
    source = one.get("source")
    return str(_id(source.get("field") or "")) if isinstance(source, dict) else ""


def _many(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _id(one: Any) -> Any:
    return one.get("@id") or one.get("name") if isinstance(one, dict) else one


def _field_name(one: Mapping[str, Any]) -> str:
    """A field's plain name: that of "records/question" is question."""
    return str(one.get("name") or _id(one)).rpartition("/")[2]


def _source_id(one: Mapping[str, Any]) -> str:
    source = one.get("source") or {}
    if not isinstance(source, dict):
        return str(source)
    for key in ("fileObject", "fileSet", "distribution"):
        if key in source:
            return str(_id(source[key]))
    return ""


def _column(one: Mapping[str, Any], name: str) -> str:
    """The column or key of the file that a field is taken from."""
    source = one.get("source") or {}
    extract = source.get("extract") or {} if isinstance(source, dict) else {}
    path = str(extract.get("jsonPath") or "").removeprefix("$").strip(".").rpartition(".")[2]
    return str(extract.get("column") or path or name)


def _plain_name(document: Mapping[str, Any], path: Path) -> str:
    return str(document.get("name") or path.resolve().stem)


def _license(document: Mapping[str, Any]) -> str | None:
    found = _many(document.get("license"))
    return str(_id(found[0])) if found else None
