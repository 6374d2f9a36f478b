"""Folders of images, one a class: a question about each image, with the folders as options."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mubench_gen.data.forms.dataset import TableReading
from mubench_gen.data.forms.reading import AskedTable, read_questions
from mubench_gen.data.forms.tables import TableRow
from mubench_gen.errors import DataError, SettingError
from mubench_gen.images.formats import SUFFIXES
from mubench_gen.images.formats.ome_zarr import is_zarr_folder
from mubench_gen.images.policy import StandardPolicy

QUESTION = "Which of these does the image show?"
_SPLITS = {
    "train": "train", "training": "train", "test": "test", "testing": "test",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
}  # fmt: skip


def recognises(path: Path) -> bool:
    """Whether a folder holds two folders or more with images, and no image itself."""
    if not path.is_dir() or is_zarr_folder(path) or any(map(_is_picture, path.iterdir())):
        return False
    return any(len(list(_classes(root))) > 1 for _, root in _roots(path))


def read(asked: AskedTable, policy: StandardPolicy) -> TableReading:
    """The reading of the folders: their names are the options of one question."""
    mapping = dict(asked.mapping or {})
    table = ClassFolders(asked.path, mapping.pop("question", QUESTION), mapping.pop("names", None))
    asked = AskedTable(
        asked.path,
        asked.form,
        {**mapping, "answer_as": "text"},
        name=asked.name,
        license_name=asked.license_name,
        outside=asked.outside,
    )
    return read_questions("folders", table, asked, policy, table.about)


class ClassFolders:
    """A folder of classes as a Table; folders train, test and val above them are splits."""

    columns: Sequence[str] = ("image", "question", "options", "answer", "split")

    def __init__(self, path: Path, question: str, names: str | None) -> None:
        if not path.is_dir():
            raise DataError(f"There is no folder {str(path)!r}.")
        if names not in (None, "readable", "given"):
            raise SettingError(f"--map names={names}: give readable, or given (the default).")
        self.path = path
        self.base = path
        self.told: list[str] = []
        self._question = question
        self._roots = list(_roots(path))
        found = {folder.name for _, root in self._roots for folder in _classes(root)}
        self._options = {name: _readable(name) if names == "readable" else name for name in found}
        if len(found) < 2:
            raise DataError(
                f"{path}: needs a folder for each class, with its images in it, and two classes or "
                "more; or a .csv or .jsonl with the questions (docs/data.md)."
            )
        self.about = (
            f"options: the names of {len(found)} folders"
            + (", with spaces" if names == "readable" else "; --map names=readable writes spaces")
            + f": {', '.join(sorted(self._options.values()))[:200]}",
            f"question: {question!r} (--map question=TEXT, --question TEXT)",
        )

    def rows(self) -> Iterator[TableRow]:
        number = 0
        options = [self._options[name] for name in sorted(self._options)]
        for split, root in self._roots:
            for folder in _classes(root):
                for image in _pictures(folder):
                    number += 1
                    cells: dict[str, Any] = {
                        "image": image.relative_to(self.path).as_posix(),
                        "question": self._question,
                        "options": options,
                        "answer": self._options[folder.name],
                        **({"split": split} if split else {}),
                    }
                    yield TableRow(self.path, number, number, cells)

    def again(self, place: Any) -> Mapping[str, Any]:
        raise AssertionError("images of folders are files")


def _roots(path: Path) -> Iterator[tuple[str | None, Path]]:
    """(split, folder with the classes): the folders of splits, or the folder itself."""
    inner = sorted(one for one in path.iterdir() if one.is_dir() and not _is_hidden(one))
    splits = [one for one in inner if one.name.lower() in _SPLITS]
    if splits and len(splits) == len(inner):
        yield from ((_SPLITS[one.name.lower()], one) for one in splits)
    else:
        yield None, path


def _classes(root: Path) -> Iterator[Path]:
    for folder in sorted(root.iterdir()):
        if folder.is_dir() and not _is_hidden(folder) and next(_pictures(folder), None):
            yield folder


def _pictures(folder: Path) -> Iterator[Path]:
    """The images in a folder and below, by name."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        stores = {name for name in folders if is_zarr_folder(Path(place, name))}  # one picture each
        folders[:] = [name for name in folders if name not in stores]
        for name in sorted({*files, *stores}):
            if name in stores or _is_picture(Path(place, name)):
                yield Path(place, name)


def _is_picture(path: Path) -> bool:
    return not _is_hidden(path) and path.suffix.lower() in SUFFIXES and path.is_file()


def _is_hidden(path: Path) -> bool:
    return path.name.startswith((".", "__"))


def _readable(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").split())
