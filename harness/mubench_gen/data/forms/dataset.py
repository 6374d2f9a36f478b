"""A data set over a table of another form: its rows in μ-Bench's schema, its images where they are.

It has the same rows, keys and digest as what `data import` writes of the same table.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from mubench_gen.console.progress import log
from mubench_gen.data.forms.pictures import Pictures
from mubench_gen.data.forms.tables import temporary
from mubench_gen.data.image_files import combined
from mubench_gen.data.jsonl import JsonlDataset
from mubench_gen.errors import DataError
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.prompts.toml_files import as_toml, known_files, read_definition, read_toml
from mubench_gen.types import Task

_SHOWN = 200  # faults of a message

Rows = Iterator[tuple[str, dict[str, Any]]]  # file and row, and columns of the schema


@dataclass(slots=True)
class TableReading:
    """A table that is being read. `rows` may be gone through once; then the lists are whole.

    `tasks`: task → question that it asks. `told`: how each part was understood, a line each.
    """

    form: str
    path: Path
    name: str
    rows: Rows
    pictures: Pictures
    tasks: Mapping[str, str]
    told: Sequence[str]
    warnings: Sequence[str]
    faults: list[str]
    late_warnings: Callable[[], Iterator[str]] = lambda: iter(())
    image_column: str = "image"
    revision: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)


class FormDataset(JsonlDataset):
    """Rows that a reading gave, kept in a temporary file; an image is read when it is used."""

    def __init__(
        self,
        reading: TableReading,
        policy: StandardPolicy,
        *,
        partial: bool = False,
        thorough: bool = False,
        faults: list[str] | None = None,
        without: Mapping[str, str] | None = None,
    ) -> None:
        """`thorough`: look at every image file too. `faults`: takes what is wrong with rows;
        without it, and without `partial`, DataError lists them. `without`: images that cannot
        be shown, and why."""
        self._reading = reading
        self._names_of_rows: list[str] = []
        self._numbers = array("Q")
        self._datasets: dict[str, None] = {}
        self.lines = temporary(self)  # the file with the rows, as long as this is there
        self._write(thorough, without or {})
        for line in reading.told:
            _tell(f"{reading.path.name}: {line}")
        for line in (*reading.warnings, *reading.late_warnings()):
            _tell(f"Look at it: {line}")
        if reading.faults:
            self._deal_with_faults(reading.faults, partial, faults)
        if not self._numbers:
            raise DataError(f"{reading.path}: no row of it can be used.")
        super().__init__(
            reading.name,
            reading.path,
            policy,
            rows=self.lines,
            images=reading.pictures,
        )
        self.revision = reading.revision
        self.tasks = tuple(
            _task(name, question, sorted(self._datasets), reading.name)
            for name, question in reading.tasks.items()
            if not _is_shipped(name, question, list(self._datasets))
        )

    @property
    def facts(self) -> Mapping[str, Any]:
        """The form, what `--map` said, and how each column was understood."""
        reading = self._reading
        return {
            **reading.source,
            "form": reading.form,
            "map": dict(reading.mapping),
            "understood": list(reading.told),
            "left_out": len(reading.faults),
        }

    @property
    def pictures(self) -> Pictures:
        return self._reading.pictures

    @property
    def warnings(self) -> list[str]:
        """What somebody should look at in the table."""
        return [*self._reading.warnings, *self._reading.late_warnings()]

    @property
    def image_folder(self) -> Path:
        return self.pictures.folder

    @cached_property
    def image_files(self) -> Mapping[str, str] | None:  # type: ignore[override]
        """SHA-256 by path, of the images that are files; None where all stand in cells."""
        paths, found = self.pictures.paths, self._digests
        files = {paths[name]: sha256 for name, sha256 in found.items() if name in paths}
        return files if paths else None

    @property
    def image_names(self) -> list[str]:
        """The names of all images in the rows."""
        return list(self._names)

    @property
    def rows_digest(self) -> str:
        paths, found = self.pictures.paths, self._digests
        cells = {name: sha256 for name, sha256 in found.items() if name not in paths}
        return _with_images(self._lines_digest, cells) if cells else self._lines_digest

    @cached_property
    def digest(self) -> str:
        return _with_images(self._lines_digest, self._digests)

    @cached_property
    def _digests(self) -> Mapping[str, str]:
        """SHA-256 of each image by its name in the rows."""
        return self.pictures.digests(self.image_names)

    def _write(self, thorough: bool, without: Mapping[str, str]) -> None:
        """Write the rows of the reading, each when its images were looked at."""
        reading = self._reading
        places: dict[str, int] = {}
        first = next(reading.rows, None)  # from now on all images are known
        bad = dict(without)
        if thorough:
            bad |= reading.pictures.check_files()
        with self.lines.open("wb") as file:
            for where, columns in chain([] if first is None else [first], reading.rows):
                told = next((bad[name] for name in _image_names(columns) if name in bad), None)
                if told is not None:
                    reading.faults.append(f"{where}, column {self.image_column}: {told}.")
                    continue
                place, _, number = where.rpartition(", row ")
                self._numbers.append(places.setdefault(place, len(places)) << 40 | int(number))
                self._datasets[str(columns["dataset"])] = None
                file.write(json.dumps(columns, ensure_ascii=False).encode() + b"\n")
        self._names_of_rows = list(places)

    def _deal_with_faults(
        self, found: Sequence[str], partial: bool, faults: list[str] | None
    ) -> None:
        if faults is not None and self._numbers:
            faults.extend(found)
            return
        shown = [*found[:_SHOWN]]
        if len(found) > _SHOWN:
            shown.append(f"… and {len(found) - _SHOWN:,} more rows.")
        if partial and self._numbers:
            for line in shown:
                _tell(f"Left out: {line}")
            return
        if faults is not None or not self._numbers:
            left = [] if self._numbers else [f"No row of {self._reading.path} can be used."]
            raise DataError("\n".join([*shown, *left]))
        rows = "this row" if len(found) == 1 else f"these {len(found):,} rows"
        raise DataError("\n".join([*shown, f"Mend {rows}, or type --partial to leave them out."]))

    @property
    def image_column(self) -> str:
        """The column, or columns, that the images stand in."""
        return self._reading.image_column

    def place(self, index: int) -> str:
        """The file and row that a row was made of."""
        return self._where(index)

    def number_of(self, index: int) -> int:
        return self._numbers[index] & (1 << 40) - 1

    def _where(self, index: int) -> str:
        return f"{self._names_of_rows[self._numbers[index] >> 40]}, row {self.number_of(index)}"


def _image_names(columns: Mapping[str, Any]) -> list[str]:
    cells = columns["image"]
    return [cell["path"] for cell in (cells if isinstance(cells, list) else [cells])]


def definition(task: str, question: str, datasets: Sequence[str], name: str) -> str:
    """A task's definition in TOML."""
    keys = {
        "title": f"{name}: {task}",
        "group": "own",
        "question": question,
        "datasets": list(datasets),
        "source": name,
    }
    return as_toml(keys)


def _with_images(rows: str, images: Mapping[str, str]) -> str:
    return hashlib.sha256(f"{rows}\n{combined(images)}".encode()).hexdigest()


def _task(task: str, question: str, datasets: Sequence[str], name: str) -> Task:
    text = definition(task, question, datasets, name)
    return Task(
        name=task,
        title=f"{name}: {task}",
        group="own",
        question=question,
        datasets=tuple(datasets),
        source=name,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def _is_shipped(task: str, question: str, datasets: Sequence[str]) -> bool:
    """Whether a shipped task of that name asks the same question of all these data sets."""
    path = known_files("tasks", ".toml").get(task)
    if path is None:
        return False
    content = read_toml(read_definition(path), path)
    named = tuple(content.get("datasets", ()))
    shipped = Task(task, "", "", content["question"], named, "", "")
    return shipped.question == question and all(map(shipped.asks, datasets))


@lru_cache(maxsize=512)  # several models in one command open the same data
def _tell(message: str) -> None:
    log(message)
