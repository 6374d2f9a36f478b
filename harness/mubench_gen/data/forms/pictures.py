"""Images in a table's cells: bytes, base64, paths, the number of a row that has the same image.

An image is named here and read when it is used: nothing of it stays in memory.
"""

from __future__ import annotations

import binascii
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mubench_gen.console.progress import bar
from mubench_gen.data.forms.cells import is_missing, parsed, text_of, whole_number
from mubench_gen.data.forms.tables import Table, TableRow
from mubench_gen.data.image_files import ImageFiles
from mubench_gen.errors import DataError, ImageError
from mubench_gen.images.formats.ome_zarr import is_zarr_folder
from mubench_gen.images.policy import StandardPolicy, open_image

FOLDER = "images"
_BEGINS = {
    b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"RIFF": ".webp", b"BM": ".bmp",
    b"II*\0": ".tif", b"MM\0*": ".tif", b"II+\0": ".tif", b"MM\0+": ".tif",
    b"\0\0\0\x0cjP": ".jp2", b"\0\0\0\x20ftyp": ".avif", b"\0\0\0\x1cftyp": ".avif",
    b"DVID": ".dcm", b"P6": ".ppm", b"P5": ".pgm",
}  # fmt: skip
_DATA_URL = re.compile(r"data:[^,;]*(?:;[^,;]*)*,")
_BASE64 = re.compile(r"[A-Za-z0-9+/=_\-\s]+")
_TAIL = 64  # bytes at the end of a PNG file
_SHORTEST = 64  # characters of an image in base64
_ROOTS = ("", "images", "image", "imgs", "img", "data", "figures")
_SPLITTERS = re.compile(r"[;|,]")


@dataclass(frozen=True, slots=True)
class NamedImage:
    """An image of a row by its name in the data set, or `owner`: the row that has it, by its id."""

    name: str = ""
    owner: str = ""


@dataclass(slots=True)
class _Cell:
    """Where the bytes of an image stand: the `at`-th image in a column of a row."""

    place: Any
    column: str
    at: int
    sha256: str


class Pictures:
    """All images of a table by name: finds them row by row, and reads them when they are used."""

    def __init__(
        self,
        table: Table,
        policy: StandardPolicy,
        *,
        folder: str | None,
        outside: bool,
        root: Path | None = None,
    ) -> None:
        """`folder`: where the files are, from the table's; `root`: they may be links into it."""
        base = table.base / folder if folder else table.base
        if not base.is_dir():
            raise DataError(f"--map folder={folder}: there is no folder {base}.")
        parents = [base] if base.name not in ("annotations", "labels") else [base, base.parent]
        # Image files may lie beside the folder of the table, where they belong together.
        self._base = parents[-1]
        self._table = table
        self._policy = policy
        self._roots = [os.path.join(one, root) for one in parents for root in _ROOTS]
        self._files = ImageFiles(self._base, outside=outside or root is not None)
        self._root = os.path.realpath(root or self._base)
        self._outside = outside
        self._cells: dict[str, _Cell] = {}
        self._paths: dict[str, str] = {}  # by name
        self._sound: set[str] = set()
        self.kinds: dict[str, int] = {}

    @property
    def folder(self) -> Path:
        """The folder from which the `paths` go."""
        return self._base

    @property
    def paths(self) -> Mapping[str, str]:
        """The path of each image file, from the data's folder, by its name in the data set."""
        return self._paths

    def paths_of(self, images: Sequence[NamedImage]) -> str | None:
        """The paths of a row's images as one text, where all of them are files."""
        if not images or not all(image.name in self._paths for image in images):
            return None
        return "|".join(self._paths[image.name] for image in images)

    def of(self, row: TableRow, number: int, columns: Sequence[str]) -> list[NamedImage]:
        """The images of a row's columns. ImageError says what is wrong with one."""
        shown: list[NamedImage] = []
        for column in columns:
            for at, one in enumerate(_listed(row.cells.get(column))):
                if not is_missing(one):
                    stem = f"{number:06d}" + (f"-{len(shown) + 1}" if shown else "")
                    shown += self._found(row, column, at, one, stem)
        return shown

    def read(self, name: str) -> bytes:
        """The bytes of an image file or cell."""
        cell = self._cells.get(name)
        if cell is None:
            return self._files.read(self._paths[name])
        found = _listed(self._table.again(cell.place)[cell.column])[cell.at]
        content = content_of(found)
        if content is None or hashlib.sha256(content).hexdigest() != cell.sha256:
            raise DataError(f"{self._table.path}: {name} was changed while it was in use.")
        return content

    def is_named_outside(self, name: str) -> bool:
        return False  # each was looked at when it was found

    def digests(self, names: Sequence[str]) -> dict[str, str]:
        """SHA-256 of each image by name, of all that can be read."""
        by_path = {self._paths[name]: name for name in names if name in self._paths}
        found = {by_path[path]: one for path, one in self._files.digests(list(by_path)).items()}
        return {
            **found,
            **{name: self._cells[name].sha256 for name in names if name in self._cells},
        }

    def _found(
        self, row: TableRow, column: str, at: int, one: Any, stem: str
    ) -> Iterator[NamedImage]:
        content = content_of(one)
        if content is not None:
            name = f"{FOLDER}/{stem}{suffix_of(content)}"
            self._check(name, content)
            digest = hashlib.sha256(content).hexdigest()
            self._cells[name] = _Cell(row.place, column, at, digest)
            self._count("base64" if isinstance(one, str) else "bytes in the cells")
            yield NamedImage(name)
            return
        text = text_of(one.get("path") if isinstance(one, dict) else one)
        if not text or "\0" in text:
            raise ImageError(f"a file's name is needed, found {one!r:.80}")
        if re.match(r"https?://|s3://|gs://", text):
            raise ImageError(f"{text:.80} is a web address; download it, and name the file")
        paths = self._path_of(text)
        if paths is None:
            if len(text) >= _SHOWN_TEXT or (whole_number(one) is None and "." in text):
                raise ImageError(self._no_file(text))
            yield NamedImage(owner=identifier(one))
            return
        for path in paths:
            packed = ".ozx" if is_zarr_folder(Path(self._base, path)) else ""  # becomes one file
            name = f"{FOLDER}/{path}{packed}"
            self._paths[name] = path
            self._count("paths of files")
            yield NamedImage(name)

    def _path_of(self, text: str) -> list[str] | None:
        """The files that a text names, by their paths from the data's folder."""
        for parts in ([text], map(str.strip, _SPLITTERS.split(text))):
            found = [self._one_path(part) for part in parts]
            if all(path is not None for path in found):
                return [path for path in found if path is not None]
        return None

    def _one_path(self, text: str) -> str | None:
        for root in self._roots:
            try:
                path = os.path.join(root, text)
                if not os.path.isfile(path) and not is_zarr_folder(Path(path)):
                    continue
            except (OSError, ValueError):
                return None
            if self._outside:
                return os.path.relpath(path, self._base)
            real = os.path.realpath(path)
            if not Path(real).is_relative_to(self._root):
                raise ImageError(
                    f"{text!r} is not in the folder {self._base} (--allow-outside reads it)"
                )
            return Path(os.path.relpath(path, self._base)).as_posix()
        return None

    def _no_file(self, text: str) -> str:
        if len(text) > 200:
            return f"holds neither an image in base64 nor a file's name: {text[:40]!r}…"
        if os.path.normpath(text).split(os.sep)[0] == os.pardir:
            return f"{text!r} is not in the folder {self._base}"
        where = f"there is no file {text!r} in {self._base}"
        near = _other_case(os.path.join(self._base, text))
        return f"{where}; there is {near!r}" if near else f"{where}; --map folder=DIR names another"

    def _check(self, name: str, content: bytes) -> None:
        """ImageError where the bytes are no image that can be shown, as far as its header says."""
        _ = open_image(name, lambda: content, self._policy).conversion
        if content.startswith(b"\x89PNG") and b"IEND" not in content[-_TAIL:]:
            raise ImageError("the PNG file in the cell is truncated; write it again from the file")

    def check_files(self) -> Iterator[tuple[str, str]]:
        """(name, fault) of each image file that cannot be shown."""
        with bar("images looked at", len(self._paths), shown=len(self._paths) > 500) as shown:
            for done, (name, path) in enumerate(self._paths.items(), 1):
                try:
                    image = open_image(path, partial(self._files.read, path), self._policy)
                    _ = image.conversion
                except ImageError as error:
                    yield name, str(error)
                shown.at(done, len(self._paths))

    def _count(self, kind: str) -> None:
        self.kinds[kind] = self.kinds.get(kind, 0) + 1


_SHOWN_TEXT = 65  # characters from which on a text is no row's id


def identifier(value: Any) -> str:
    """A row's id as a text: 12.0 is 12."""
    number = whole_number(value)
    return (text_of(value) or "") if number is None else str(number)


def content_of(value: Any) -> bytes | None:
    """The bytes of an image in a cell: bytes, a struct with bytes, base64, a data URL."""
    if isinstance(value, dict):
        value = value.get("bytes") or value.get("base64") or None
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if not isinstance(value, str) or len(value) < _SHORTEST:
        return None
    mark = _DATA_URL.match(value[:200])
    text = value[mark.end() :] if mark else value
    if not _BASE64.fullmatch(text[:256]):
        return None
    head = _decoded(text[: 64 + text[:64].count("\n")])
    if head is None or (mark is None and suffix_of(head) == ".bin"):
        return None
    content = _decoded(text)
    if content is None:
        raise ImageError("the base64 text of the image is damaged; write it again from the file")
    return content


def _decoded(text: str) -> bytes | None:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):  # with spaces, without its end, or of another alphabet
        text = "".join(text.split()).replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        return None


def suffix_of(content: bytes) -> str:
    """The usual end of a file's name by its first bytes; ".bin" for kinds that are not known."""
    return next((end for begin, end in _BEGINS.items() if content.startswith(begin)), ".bin")


def _listed(value: Any) -> list[Any]:
    """The images of a cell, which may be one, a list, or a list written as a text."""
    if isinstance(value, str) and value[:1] in "[(":
        value = parsed(value)
    if isinstance(value, dict) and all(isinstance(one, list) for one in value.values()) and value:
        return [dict(zip(value, one, strict=False)) for one in zip(*value.values(), strict=False)]
    return value if isinstance(value, list) else [value]


def _other_case(path: str) -> str | None:
    """The name of a file that differs in upper and lower case alone."""
    folder, name = os.path.split(path)
    try:
        return next((n for n in os.listdir(folder) if n.casefold() == name.casefold()), None)
    except OSError:
        return None
