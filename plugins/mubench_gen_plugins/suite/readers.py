"""What the readers of several data sets share: files as they came, options and answers."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mubench_gen import DataError

_PREFIX = re.compile(r"^\s*([A-Za-z])\s*[):.]\s*")
_BATCH = 16  # rows of Parquet that are in memory at once: they hold the images


class Images:
    """The images of an archive, or of the folder that it was unpacked to.

    A name means the file that ends with it: archives differ in the folders above their files.
    """

    def __init__(self, place: Path, archive: str) -> None:
        self._archive = place / archive
        self._folder = place / Path(archive).stem
        self._opened: zipfile.ZipFile | None = None
        self._members: dict[str, str] = {}
        if self._archive.is_file():
            self._opened = zipfile.ZipFile(self._archive)
            self._members = dict(_endings(self._opened.namelist()))
        elif not self._folder.is_dir():
            raise DataError(f"{place} has neither {archive} nor a folder {self._folder.name}.")

    def reading(self, name: str) -> Callable[[], bytes]:
        """What reads the file when its row is written: a missing one is its row's fault alone."""
        return partial(self.read, name)

    def read(self, name: str) -> bytes:
        """The file's bytes; DataError if it is not there, or several files end with the name."""
        if self._opened is None:
            path = self._folder / name
            if ".." in Path(name).parts or not path.is_file():
                raise DataError(f"{self._folder} has no file {name!r}.")
            return path.read_bytes()
        member = self._members.get(name)
        if not member:
            told = "no file" if member is None else "several files"
            raise DataError(f"{self._archive} has {told} {name!r}.")
        return self._opened.read(member)


def _endings(members: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each path with all its endings → its member; an ending of several members → nothing."""
    seen: dict[str, str] = {}
    for member in members:
        parts = member.split("/")
        for first in range(len(parts)):
            ending = "/".join(parts[first:])
            seen[ending] = "" if ending in seen and ending != member else member
    return iter(seen.items())


def present(path: Path) -> Path:
    """The path of a file of the data set; DataError if it is not there."""
    if not path.is_file():
        raise DataError(f"{path.parent} has no file {path.name}.")
    return path


def objects(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON list, or of JSON lines."""
    try:
        if present(path).suffix == ".json":
            yield from json.loads(path.read_text("utf-8-sig"))
            return
        with path.open(encoding="utf-8-sig") as lines:
            yield from (json.loads(line) for line in lines if line.strip())
    except ValueError as error:
        raise DataError(f"{path}: no valid JSON: {error}.") from None


def parquet_rows(place: Path, pattern: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of all Parquet files of that name, in the order of their names."""
    files = sorted(place.glob(pattern))
    if not files:
        raise DataError(f"{place} has no file {pattern}.")
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise DataError(
            "Reading Parquet needs pyarrow: pip install 'mubench-gen[ubench]'"
        ) from None
    for path in files:
        file = ParquetFile(path)
        missing = [name for name in columns if name not in file.schema_arrow.names]
        if missing:
            raise DataError(f"{path}: there is no column {missing[0]!r}.")
        for batch in file.iter_batches(_BATCH, columns=list(columns)):
            yield from batch.to_pylist()


def lettered(options: Mapping[str, str], answer: str) -> dict[str, Any]:
    """Options by letter, and the answer's letter, as columns of a row."""
    letters = sorted(options)
    return {
        "options": [options[letter].strip() for letter in letters],
        "answer": letters.index(answer.strip()) if answer.strip() in letters else answer,
    }


def without_letters(options: Sequence[str]) -> list[str]:
    """ "A) nucleus", "B: Golgi" → their texts, if each has its own letter; else as they are."""
    found = [_PREFIX.match(option) for option in options]
    letters = [match[1].upper() if match else "" for match in found]
    if letters == [chr(ord("A") + i) for i in range(len(options))]:
        options = [_PREFIX.sub("", option, count=1) for option in options]
    return [option.strip() for option in options]
