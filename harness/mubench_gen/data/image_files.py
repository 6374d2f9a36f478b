"""The image files beside a JSONL data set: where they may lie, their digests, and whether they
have changed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mubench_gen.errors import DataError, ImageError
from mubench_gen.images.formats.ome_zarr import is_zarr_folder, packed
from mubench_gen.storage.digests import (
    DigestCache,
    FileDigest,
    digests_within,
    stamp_of,
    tree_digest,
)
from mubench_gen.storage.user_files import open_regular

_MOST_BYTES = 2 * 2**30  # of one file
_SHOWN = 3


class ImageFiles:
    """Files named by paths from a folder. `outside`: they may lie anywhere."""

    def __init__(self, folder: Path, *, outside: bool) -> None:
        self.folder = folder
        self._real = os.path.realpath(folder)
        self._may_be_outside = outside
        self._inside: dict[str, bool] = {}  # by the folder that a file is in
        self._known: Mapping[str, FileDigest] = {}

    def is_named_outside(self, name: str) -> bool:
        """Whether the name alone says that the file is not in the folder."""
        if self._may_be_outside:
            return False
        if os.pardir not in name:
            return name.startswith(os.sep)
        return os.path.isabs(name) or os.path.normpath(name).split(os.sep, 1)[0] == os.pardir

    def read(self, name: str) -> bytes:
        """The file's bytes; of a folder of OME-Zarr, those of one file with all of it.

        DataError if they have changed since their digest was taken.
        """
        self._check_place(name)
        path, known = os.path.join(self._real, name), self._known.get(name)
        try:
            file = open_regular(path)
        except IsADirectoryError:
            if not is_zarr_folder(Path(path)):
                raise
            return self._packed(name, Path(path), known)
        with file:
            stamp = stamp_of(os.fstat(file.fileno()))
            if stamp[2] > _MOST_BYTES:
                raise ImageError(f"{name}: the file has {stamp[2]:,} bytes; 2 GiB are the limit")
            content = file.read(stamp[2] + 1)
        if known is not None and known.stamp != stamp:
            self._check_content(name, content, known)
        return content

    def _packed(self, name: str, folder: Path, known: FileDigest | None) -> bytes:
        content = packed(folder)
        if known is not None and tree_digest(folder) != known.sha256:
            raise DataError(self._changed(name))
        return content

    def digests(self, names: Sequence[str]) -> dict[str, str]:
        """SHA-256 of each file that can be read, by name; the others are left out.

        From now on `read` refuses a file whose bytes have changed.
        """
        for name in names:
            self._check_place(name)
        self._known = image_digests(self.folder, names)
        return {name: known.sha256 for name, known in self._known.items()}

    def _check_place(self, name: str) -> None:
        if self._may_be_outside or "\0" in name:  # no file has such a name
            return
        if self.is_named_outside(name) or not self._is_inside(name):
            raise DataError(outside(str(self.folder), name))

    def _is_inside(self, name: str) -> bool:
        path = os.path.join(self._real, name)
        parent = os.path.dirname(path)
        if parent not in self._inside:
            self._inside[parent] = self._holds(os.path.realpath(parent))
        linked = os.path.islink(path)
        return self._holds(os.path.realpath(path)) if linked else self._inside[parent]

    def _holds(self, real: str) -> bool:
        return real == self._real or real.startswith(self._real.rstrip(os.sep) + os.sep)

    def _check_content(self, name: str, content: bytes, known: FileDigest) -> None:
        if hashlib.sha256(content).hexdigest() != known.sha256:
            raise DataError(self._changed(name))

    def _changed(self, name: str) -> str:
        return (
            f"{self.folder / name}: was changed while the data were in use. What is finished "
            "is kept: put the file back as it was, or give --fresh for a run of its own."
        )


def image_digests(
    folder: str | os.PathLike[str], names: Sequence[str], most: int | None = None
) -> dict[str, FileDigest]:
    """The digest of each image file of the folder, by name, as `digests_within` gives them.

    Of an image that is itself a folder (OME-Zarr) it is one digest of all files in it.
    """
    with DigestCache(folder) as memory:
        found = dict(digests_within(folder, names, memory, most))
    for name in names:
        path = Path(os.path.join(folder, name))
        if name not in found and "\0" not in name and is_zarr_folder(path):
            found[name] = FileDigest(tree_digest(path), stamp_of(path.stat()))
    return {name: found[name] for name in names if name in found}


def outside(where: str, name: str) -> str:
    """The message about an image that lies outside of the data's folder."""
    return (
        f"{where}: the image {name!r} is not in the data's folder (its path is absolute, leaves "
        "it, or is a link out of it). --allow-outside reads it all the same."
    )


def combined(digests: Mapping[str, str]) -> str:
    """One digest of image files by name, whatever their order."""
    lines = sorted(f"{sha256}  {name}\n" for name, sha256 in digests.items())
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """One line for each file of `before` that has changed or can no longer be read."""
    told = []
    for name, sha256 in before.items():
        if name not in now:
            told.append(f"{name}: can no longer be read")
        elif now[name] != sha256:
            told.append(f"{name}: other bytes now")
    return told


def shortened(lines: Iterable[str]) -> list[str]:
    """The first lines, and how many more there are."""
    found = list(lines)
    more = len(found) - _SHOWN
    return [*found[:_SHOWN], *([f"… and {more:,} more image files"] if more > 0 else [])]
