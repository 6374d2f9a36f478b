"""A user's table of questions about images, CSV or JSONL, read and checked row by row."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mubench_gen.data.schema import COLUMNS, check_row, to_row
from mubench_gen.errors import DataError, ImageError
from mubench_gen.image import StandardPolicy, open_image
from mubench_gen.scientific import ScientificPolicy, is_tiff
from mubench_gen.user_files import parse_json

SUFFIXES = (".csv", ".jsonl")
NEEDED = ("image", "question", "options", "answer")
DEFAULT_TASK = "classification"
SEPARATOR = "|"
_PLACE = "{class}"
_TASK_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_FACTS = frozenset(COLUMNS) - {"image", "image_id", "captions", "questions", "bbox", "polygon"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table: a question about an image of the folder."""

    image: str
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
    """One row of the table, checked with its image. DataError names the column."""
    task = str(columns.get("task") or DEFAULT_TASK)
    if not _TASK_NAME.fullmatch(task):
        raise DataError(f"{where}, column task: no name of a task: {task!r}.")
    options = _options(columns.get("options"), where)
    cell = {
        "question": columns.get("question"),
        "options": options,
        "answer_idx": _gold(columns.get("answer"), options, where),
    }
    entry = Entry(
        image=_image(columns.get("image"), folder, where),
        task=task,
        cell=cell,
        captions=_captions(task, columns.get("caption"), options, where),
        facts={key: columns[key] for key in _FACTS if columns.get(key) not in (None, "")},
    )
    _check(entry, folder, name, where)
    return entry


def _read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                columns = parse_json(line)
            except ValueError as error:
                raise DataError(f"{path}, row {number}: no valid JSON: {error}.") from None
            if not isinstance(columns, dict):
                raise DataError(f"{path}, row {number}: is no JSON object.")
            yield number, columns


def _read_csv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(f"{path}, row 1: the columns {', '.join(missing)} are missing.")
        try:
            for number, columns in enumerate(reader, 2):
                if None in columns:
                    raise DataError(f"{path}, row {number}: more cells than columns.")
                yield number, columns
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num}: no valid CSV: {error}.") from None


def _options(value: Any, where: str) -> list[str]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = parse_json(value)
        except ValueError as error:
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


def _image(value: Any, folder: Path, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where}, column image: a file's name is needed, found {value!r}.")
    path = folder / value.strip()
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{where}, column image: {value!r} is not in the folder {folder}.")
    if not path.is_file():
        raise DataError(f"{where}, column image: there is no file {value!r} in {folder}.")
    return path.resolve().relative_to(folder.resolve()).as_posix()


def _captions(task: str, template: Any, options: list[str], where: str) -> dict[str, Any] | None:
    if not template:
        return None
    if not isinstance(template, str) or _PLACE not in template:
        raise DataError(f"{where}, column caption: {_PLACE} stands nowhere in {template!r}.")
    return {f"{task}_0": {"options": [template.replace(_PLACE, option) for option in options]}}


def _check(entry: Entry, folder: Path, name: str, where: str) -> None:
    policy = StandardPolicy()
    image = open_image(entry.image, (folder / entry.image).read_bytes, policy)
    columns = {
        "image_id": entry.image,
        "dataset": name,
        "questions": {entry.task: entry.cell},
        "captions": entry.captions or {},
    }
    check_row(to_row(0, columns, image, where=where, repeated=False))
    try:
        policy.check(image.data, entry.image)
    except ImageError as error:
        if is_tiff(image.data):  # read by --image-set, perhaps
            _check_tiff(image.data, entry.image, where)
            return
        raise DataError(f"{where}, column image: {error}.") from None


def _check_tiff(content: bytes, name: str, where: str) -> None:
    try:
        ScientificPolicy().check(content, name)
    except ImageError as error:
        raise DataError(f"{where}, column image: {error}.") from None
