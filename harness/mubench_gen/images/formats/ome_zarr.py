"""OME-Zarr in one file (.ozx, .zarr.zip) through zarr: one level, plane and region at a time."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ImageError
from mubench_gen.images.formats.planes import Planes, hex_colour, package, told
from mubench_gen.images.source import Channel, Reader, Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ZIP = b"PK\x03\x04"
_MARKS = ("zarr.json", ".zattrs", ".zgroup")  # one of them is in each folder of OME-Zarr
_SUFFIXES = (".ozx", ".zarr.zip")
_MOST_BYTES = 4 * 2**30
_PACKED = (1980, 1, 1, 0, 0, 0)  # the time of every entry, so that equal folders are equal files


def is_zarr_folder(path: Path) -> bool:
    """Whether a folder is one of OME-Zarr."""
    return os.path.isdir(path) and any(os.path.isfile(path / mark) for mark in _MARKS)


def packed(folder: Path) -> bytes:
    """A folder of OME-Zarr as one file, the same bytes for the same content."""
    names = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(names, key=lambda name: (name not in _MARKS, name)):
            archive.writestr(zipfile.ZipInfo(name, _PACKED), (folder / name).read_bytes())
    return found.getvalue()


def _accepts(head: bytes, name: str) -> bool:
    first = head[30 : 30 + int.from_bytes(head[26:28], "little")].decode("utf-8", "replace")
    return name.lower().endswith(_SUFFIXES) or first.rpartition("/")[2].startswith(_MARKS)


@contextmanager
def _open(content: bytes, name: str) -> Iterator[Sequence[Planes]]:
    zarr = package("zarr", "zarr", "OME-Zarr", name)
    with told("OME-Zarr", name), zipfile.ZipFile(io.BytesIO(content)) as archive:
        root, entries = _entries(archive)
        group = zarr.open_group(zarr.storage.MemoryStore(_buffers(entries)), mode="r")
        found = list(_pictures(group, name))
        if not found:
            raise ValueError(f"it has no multiscales image (root {root!r})")
    yield found


ZARR = Reader("OME-Zarr", (_ZIP,), _open, _accepts)


def _entries(archive: zipfile.ZipFile) -> tuple[str, dict[str, bytes]]:
    """The files by their path in the group, which may lie in one folder of the archive."""
    files = [one for one in archive.infolist() if not one.is_dir()]
    if sum(one.file_size for one in files) > _MOST_BYTES:
        raise ImageError("it unpacks to more than 4 GiB")
    names = [one.filename for one in files]
    marks = [name for name in names if name.rpartition("/")[2] in _MARKS]
    if not marks:
        raise ImageError("no zarr.json and no .zattrs is in it")
    root = min(marks, key=lambda name: name.count("/")).rpartition("/")[0]
    prefix = f"{root}/" if root else ""
    return root, {n.removeprefix(prefix): archive.read(n) for n in names if n.startswith(prefix)}


def _buffers(entries: Mapping[str, bytes]) -> dict[str, Any]:
    from zarr.core.buffer import default_buffer_prototype

    make = default_buffer_prototype().buffer.from_bytes
    return {name: make(content) for name, content in entries.items()}


def _pictures(group: Any, name: str, depth: int = 0) -> Iterator[Planes]:
    """The image of a group, and those of the groups in it (series, wells)."""
    told_ = dict(group.attrs)
    told_ = told_.get("ome", told_)
    for scales in told_.get("multiscales", ()):
        yield _picture(group, told_, scales, name)
    if not told_.get("multiscales") and depth < 4:
        for _, inner in sorted(group.groups()):
            yield from _pictures(inner, name, depth + 1)


def _picture(group: Any, about: Mapping[str, Any], scales: Mapping[str, Any], name: str) -> Planes:
    import numpy as np

    arrays = [group[one["path"]] for one in scales["datasets"]]
    named = scales.get("axes") or list("tczyx")[-arrays[0].ndim :]
    axes = "".join(str(a["name"] if isinstance(a, dict) else a).upper()[:1] for a in named)
    if not {"Y", "X"} <= set(axes) or len(axes) != arrays[0].ndim:
        raise ImageError(f"{name}: has no plane: its axes are {axes}")

    def read(at: Mapping[str, int], level: int, region: Region | None) -> NDArray[Any]:
        width, height = levels[level]
        left, top, wide, high = region or (0, 0, width, height)
        places: dict[str, Any] = {"X": slice(left, left + wide), "Y": slice(top, top + high)}
        found = np.asarray(arrays[level][tuple(places.get(a, at.get(a, 0)) for a in axes)])
        return found if axes.index("Y") < axes.index("X") else found.T

    levels = [(one.shape[axes.index("X")], one.shape[axes.index("Y")]) for one in arrays]
    order = "".join(axis for axis in axes if axis not in "YX") + "YX"
    return Planes(
        "OME-Zarr", name, order, tuple(arrays[0].shape[axes.index(axis)] for axis in order),
        np.dtype(arrays[0].dtype), read, levels, channels=_channels(about),
    )  # fmt: skip


def _channels(about: Mapping[str, Any]) -> list[Channel]:
    found = []
    for one in (about.get("omero") or {}).get("channels", ()):
        name, hidden = str(one.get("label") or ""), one.get("active") is False
        found.append(Channel(name, hex_colour(one.get("color")), _window(one), hidden))
    return found


def _window(channel: Mapping[str, Any]) -> tuple[float, float] | None:
    window = channel.get("window") or {}
    try:
        low, high = float(window["start"]), float(window["end"])
    except (KeyError, TypeError, ValueError):
        return None
    return (low, high) if low < high else None
