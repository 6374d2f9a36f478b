"""A folder that a class of images goes in, or one with a table → questions in a random order."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mubench_gen.data.forms.folders import QUESTION
from mubench_gen.data.forms.found import find_table, one_table
from mubench_gen.data.forms.roles import Wishes
from mubench_gen.errors import DataError

_NO_IMAGES = ("thumbs.db", "desktop.ini")
_TABLES = (".csv", ".jsonl")


def shuffled_questions(
    folder: Path, *, seed: int, question: str = QUESTION
) -> list[dict[str, Any]]:
    """The questions about the images of a folder, as columns of a table, image by image.

    Of a folder with a table, those of the table; else each folder in it is a class, whose name
    is the answer of its images. The images are in a random order. DataError where there is
    neither, or fewer than two classes.
    """
    if folder.is_file():
        raise DataError(f"{folder} is a file: give the folder that the images are in.")
    if not folder.is_dir():
        raise DataError(f"There is no folder {str(folder)!r}.")
    has_table = any(path.suffix in _TABLES for path in folder.iterdir())
    rows = list(_of_table(folder) if has_table else _of_classes(folder, question))
    of_image: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        of_image.setdefault(str(row.get("image")), []).append(row)
    images = sorted(of_image)
    random.Random(seed).shuffle(images)
    return [row for image in images for row in of_image[image]]


def as_lines(rows: list[dict[str, Any]]) -> str:
    """The questions as JSON Lines, which `importing.import_data` takes as its table."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _of_table(folder: Path) -> Iterator[dict[str, Any]]:
    for row in one_table(find_table(folder), Wishes()).rows():
        yield {name: value for name, value in row.cells.items() if value not in (None, "")}


def _of_classes(folder: Path, question: str) -> Iterator[dict[str, Any]]:
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and _is_seen(path))
    found = [(_title(path), sorted(filter(_is_image, path.rglob("*")))) for path in classes]
    found = [(name, images) for name, images in found if images]
    if len(found) < 2:
        raise DataError(
            f"{folder}: needs a folder for each class, with its images in it, and two classes or "
            "more; or a .csv or .jsonl with the questions (docs/data.md)."
        )
    options = [name for name, _ in found]
    for name, images in found:
        for image in images:
            yield {
                "image": image.relative_to(folder).as_posix(),
                "question": question,
                "options": options,
                "answer": name,
            }


def _title(path: Path) -> str:
    return path.name.replace("_", " ").strip()


def _is_seen(path: Path) -> bool:
    return not path.name.startswith(".")


def _is_image(path: Path) -> bool:
    return path.is_file() and _is_seen(path) and path.name.lower() not in _NO_IMAGES
