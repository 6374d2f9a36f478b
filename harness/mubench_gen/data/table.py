"""A user's table of questions about images, CSV or JSONL, read and checked row by row."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import orjson

from mubench_gen.data.image_columns import image_cells, image_columns
from mubench_gen.data.image_files import ImageFiles
from mubench_gen.data.json_lines import check_keys, lines_of, open_lines, read_object
from mubench_gen.data.schema import COLUMNS, check_row, to_row
from mubench_gen.errors import DataError
from mubench_gen.images.formats.ome_zarr import is_zarr_folder
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.types import Image

SUFFIXES = (".csv", ".jsonl")
NEEDED = ("image", "question", "options", "answer")
DEFAULT_TASK = "classification"
SEPARATOR = "|"
_PLACE = "{class}"
_TASK_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_FACTS = frozenset(COLUMNS) - {"image", "image_id", "captions", "questions", "bbox", "polygon"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table: a question about an image of the folder, or about several."""

    images: tuple[str, ...]
    task: str
    cell: dict[str, Any]
    captions: dict[str, Any] | None
    facts: dict[str, Any]


def read_table(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(row number, columns), numbers as a spreadsheet or editor shows them."""
    try:
        if path.suffix == ".jsonl":
            yield from _read_lines(path)
        else:
            yield from _read_csv(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: is no UTF-8 text: {error.reason} at byte {error.start}."
        ) from None


def read_entry(columns: Mapping[str, Any], folder: Path, name: str, where: str) -> Entry:
    """One row of the table, checked; its image file is there. DataError names the column."""
    task = str(columns.get("task") or DEFAULT_TASK)
    if not _TASK_NAME.fullmatch(task):
        raise DataError(f"{where}, column task: not a valid name of a task: {task!r}.")
    options = _options(columns.get("options"), where)
    cell = {
        "question": columns.get("question"),
        "options": options,
        "answer_idx": _gold(columns.get("answer"), options, where),
    }
    entry = Entry(
        images=_images(columns, folder, where),
        task=task,
        cell=cell,
        captions=captions_of(task, columns.get("caption"), options, where),
        facts={key: columns[key] for key in _FACTS if columns.get(key) not in (None, "")},
    )
    _check(entry, folder, name, where)
    return entry


def _read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with open_lines(path) as file:
        for number, _, line in lines_of(file, path):
            where = f"{path}, row {number}"
            columns = read_object(line, where)
            check_keys(line, columns, where)
            yield number, columns


def _read_csv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with TextIOWrapper(open_lines(path), encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            _check_header(reader.fieldnames or (), path)
            for number, columns in enumerate(reader, 2):
                if None in columns:
                    raise DataError(f"{path}, row {number}: more cells than columns.")
                yield number, columns
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num}: no valid CSV: {error}.") from None


def _check_header(names: Sequence[str], path: Path) -> None:
    missing = [name for name in NEEDED if name not in names]
    if image_columns(names):
        missing = [name for name in missing if name != "image"]
    if missing:
        raise DataError(f"{path}, row 1: the columns {', '.join(missing)} are missing.")
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise DataError(f"{path}, row 1: the column {doubled!r} is there twice.")


def _options(value: Any, where: str) -> list[str]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise DataError(f"{where}, column options: no valid JSON list: {error}.") from None
    elif isinstance(value, str):
        value = value.split(SEPARATOR)
    if not isinstance(value, list) or not all(isinstance(option, str) for option in value):
        raise DataError(
            f"{where}, column options: a list is needed, or texts with {SEPARATOR} between them, "
            f"found {value!r:.80}."
        )
    return [option.strip() for option in value]


def _gold(answer: Any, options: list[str], where: str) -> int:
    """The answer is an option's text, or else its letter."""
    text = answer.strip() if isinstance(answer, str) else answer
    if text in options:
        return options.index(text)
    letters = [chr(ord("A") + i) for i in range(min(len(options), 26))]
    if isinstance(text, str) and text.upper() in letters:
        return letters.index(text.upper())
    raise DataError(
        f"{where}, column answer: {answer!r} is neither one of the options {options} "
        "nor the letter of one."
    )


def _images(columns: Mapping[str, Any], folder: Path, where: str) -> tuple[str, ...]:
    """The names of the row's images: of one column, with | between them, or of several."""
    cells = image_cells(columns, where) or [None]
    if len(cells) == 1 and isinstance(cells[0], str) and not os.path.exists(folder / cells[0]):
        cells = cells[0].split(SEPARATOR)
    return tuple(_image(cell, folder, where) for cell in cells)


def _image(value: Any, folder: Path, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise DataError(f"{where}, column image: a file's name is needed, found {value!r:.80}.")
    real, base = os.path.realpath(folder / value.strip()), os.path.realpath(folder)
    if not Path(real).is_relative_to(base):
        raise DataError(f"{where}, column image: {value!r} is not in the folder {folder}.")
    if not os.path.isfile(real) and not is_zarr_folder(Path(real)):
        raise DataError(f"{where}, column image: there is no file {value!r} in {folder}.")
    return Path(real).relative_to(base).as_posix()


def captions_of(task: str, template: Any, options: list[str], where: str) -> dict[str, Any] | None:
    if not template:
        return None
    if not isinstance(template, str) or _PLACE not in template:
        raise DataError(f"{where}, column caption: {_PLACE} stands nowhere in {template!r}.")
    return {f"{task}_0": {"options": [template.replace(_PLACE, option) for option in options]}}


def image_of(name: str, folder: Path, policy: StandardPolicy) -> Image:
    """The image of that name, which has not been read yet."""
    files = ImageFiles(folder, outside=False)
    return open_image(name, lambda: files.read(name), policy)


def _check(entry: Entry, folder: Path, name: str, where: str) -> None:
    columns = {
        "image_id": SEPARATOR.join(entry.images),
        "dataset": name,
        **entry.facts,
        "questions": {entry.task: entry.cell},
        "captions": entry.captions or {},
    }
    first, *others = (image_of(name, folder, StandardPolicy()) for name in entry.images)
    check_row(to_row(0, columns, first, where=where, repeated=False, more_images=tuple(others)))
