"""Finds the tables of questions in a file or folder: CSV, TSV, Excel, JSON, Parquet, Arrow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mubench_gen.data.forms import arrow_table, json_table, sheet, text_table
from mubench_gen.data.forms.dataset import TableReading
from mubench_gen.data.forms.reading import AskedTable, read_questions
from mubench_gen.data.forms.roles import Wishes
from mubench_gen.data.forms.tables import Joined, Table, split_of
from mubench_gen.errors import DataError
from mubench_gen.images.formats.ome_zarr import is_zarr_folder
from mubench_gen.images.policy import StandardPolicy

_SHEETS = (*text_table.SUFFIXES, *sheet.SUFFIXES)
_OBJECTS = (*json_table.SUFFIXES, *arrow_table.SUFFIXES)
# Files that tell about data, and hold none.
_ABOUT = frozenset({
    "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "croissant.json",
    "manifest.json", "package.json", "config.json",
})  # fmt: skip
_SPLIT_NAMES = {"valid": "validation", "val": "validation", "dev": "validation",
                "training": "train", "testing": "test"}  # fmt: skip


def is_vlmevalkit(path: Path) -> bool:
    """Whether it is a TSV with the columns that VLMEvalKit needs."""
    if not path.is_file() or path.suffix.lower() != ".tsv":
        return False
    columns = set(text_table.SeparatedTable(path, Wishes()).columns)
    return {"index", "question"} <= columns and bool(columns & {"image", "image_path"})


def is_sheet(path: Path) -> bool:
    """Whether it is a CSV, TSV or Excel file, or a folder with one."""
    return bool(_files(path, _SHEETS)) if path.is_dir() else path.suffix.lower() in _SHEETS


def is_hf(path: Path) -> bool:
    """Whether it is a file or folder as data sets on the hub are: JSON, Parquet, Arrow."""
    if path.is_file():
        return path.suffix.lower() in _OBJECTS
    return bool(_files(path, _OBJECTS))


def read(asked: AskedTable, policy: StandardPolicy) -> TableReading:
    """The reading of the tables in a file or folder, of the form that was asked for."""
    assert asked.form is not None
    path, wishes = asked.path, asked.wishes
    table = joined(path, asked.files, wishes) if asked.files else table_of(path, wishes)
    return read_questions(asked.form, table, asked, policy)


def joined(path: Path, files: Sequence[Path], wishes: Wishes) -> Table:
    """The tables in these files as one."""
    tables = [one_table(file, wishes) for file in files]
    return tables[0] if len(tables) == 1 else Joined(path, tables, [None] * len(tables))


def table_of(path: Path, wishes: Wishes) -> Table:
    """The table in a file; of a folder, all of its tables together."""
    if path.is_file():
        return one_table(path, wishes)
    if not path.is_dir():
        raise DataError(f"There is no file or folder {str(path)!r}.")
    files = _files(path, _SHEETS) or _files(path, _OBJECTS)
    if not files:
        find_table(path)  # says what is missing
    _check_kinds(path, files)
    tables = [one_table(file, wishes) for file in files]
    splits = [_split(path, file) for file in files]
    if len(files) > 1:
        return Joined(path, tables, splits)
    table = tables[0] if splits[0] is None else Joined(path, tables, splits)
    table.base = files[0].parent  # images are named from where the table is
    return table


def find_table(folder: Path) -> Path:
    """The one table in the folder. DataError if there is none, or several."""
    found = _files(folder, _SHEETS) or _files(folder, _OBJECTS)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise DataError(f"{folder}: holds several tables ({names}); give one with --table.")
    raise DataError(
        f"{folder}: holds no .csv and no .jsonl with the questions, nor another table "
        f"({', '.join((*_SHEETS, *_OBJECTS))}); give --table, or the file itself."
    )


def one_table(path: Path, wishes: Wishes) -> Table:
    """The table in one file, by the end of its name, in capitals or not."""
    suffix = path.suffix.lower()
    if suffix in text_table.SUFFIXES:
        return text_table.SeparatedTable(path, wishes)
    if suffix in sheet.SUFFIXES:
        return sheet.ExcelSheet(path, wishes)
    if suffix in json_table.SUFFIXES:
        return json_table.JsonTable(path)
    if suffix in arrow_table.SUFFIXES:
        return arrow_table.ArrowTable(path)
    raise DataError(
        f"{path}: is no table that can be read: {', '.join((*_SHEETS, *_OBJECTS))} are."
    )


def _files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The tables in a folder; where it has none, those in the folders in it."""
    saved = _saved(folder)
    if saved:
        return saved if arrow_table.SUFFIXES[1] in suffixes else []
    for pattern in ("*", "*/*", "*/*/*"):
        found = sorted(
            path
            for path in folder.glob(pattern)
            if path.suffix.lower() in suffixes
            and path.name not in _ABOUT
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)
            and not is_zarr_folder(path.parent)
            and path.is_file()
        )
        if found:
            return found
    return []


def _saved(folder: Path) -> list[Path]:
    """The Arrow files of a folder that `datasets` saved to the disk, in the order of its states."""
    try:
        if (folder / "dataset_dict.json").is_file():
            splits = json.loads((folder / "dataset_dict.json").read_bytes())["splits"]
            return [file for split in splits for file in _saved(folder / str(split))]
        if (folder / "state.json").is_file():
            files = json.loads((folder / "state.json").read_bytes())["_data_files"]
            return [folder / str(file["filename"]) for file in files]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder}: its dataset_dict.json or state.json is damaged: {error}."
        ) from None
    return []


def _check_kinds(folder: Path, files: Sequence[Path]) -> None:
    """DataError where it is not clear which files are the data."""
    kinds = sorted({file.suffix.lower() for file in files})
    apart = (
        all(_split(folder, file) for file in files)
        or kinds == [".arrow"]
        or "-of-" in files[0].name
    )
    if len(files) > 1 and (len(kinds) > 1 or not apart):
        names = ", ".join(str(file.relative_to(folder)) for file in files[:5])
        raise DataError(
            f"{folder}: holds several tables ({names}); give one with --table, or name the file "
            "itself."
        )


def _split(folder: Path, file: Path) -> str | None:
    """The split that a file is of, by its name or its folder's below the data's."""
    if file.parent == folder and split_of(Path(file.name)) is None:
        return None
    found = split_of(file.relative_to(folder))
    return None if found is None else _SPLIT_NAMES.get(found, found)
