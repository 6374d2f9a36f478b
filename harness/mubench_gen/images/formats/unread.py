"""Formats that nothing here reads: each is named, with how to convert it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mubench_gen.errors import ImageError
from mubench_gen.images.formats.planes import CONVERT
from mubench_gen.images.source import Reader, Source

# First bytes (None: any), how the name ends, and what it is.
_KNOWN: Sequence[tuple[bytes | None, str, str]] = (
    (b"\x89HDF\r\n\x1a\n", ".ims", "Imaris (HDF5)"),
    (b"\x89HDF\r\n\x1a\n", "", "HDF5 (Imaris, BigDataViewer or another)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".oib", "OIB of Olympus"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".zvi", "ZVI of Zeiss"),
    (None, ".oif", "OIF of Olympus, a file with a folder"),
    (None, ".vsi", "VSI of Olympus, a file with a folder"),
    (None, ".mrxs", "MRXS of 3DHISTECH, a file with a folder"),
    (None, ".vms", "VMS of Hamamatsu, a file with others"),
    (None, ".lof", "LOF of Leica"),
    (None, ".xlif", "XLIF of Leica, a file with others"),
    (None, ".dv", "DeltaVision"),
    (None, ".mrc", "MRC"),
    (None, ".dm3", "DM3 of Gatan"),
    (None, ".dm4", "DM4 of Gatan"),
    (None, ".nrrd", "NRRD"),
    (None, ".nii", "NIfTI"),
    (None, ".npy", "an array of NumPy"),
)  # fmt: skip
_HEADS = tuple({magic for magic, _, _ in _KNOWN if magic is not None})
_SUFFIXES = tuple(suffix for magic, suffix, _ in _KNOWN if magic is None)


def _what(head: bytes, name: str) -> str | None:
    low = name.lower()
    if not head.startswith(_HEADS) and not low.endswith(_SUFFIXES):  # nearly every file
        return None
    for magic, suffix, what in _KNOWN:
        if (magic is None or head.startswith(magic)) and low.endswith(suffix):
            return what
    return None


def _accepts(head: bytes, name: str) -> bool:
    return _what(head, name) is not None


@contextmanager
def _open(content: bytes, name: str) -> Iterator[Sequence[Source]]:
    what = _what(content[:512], name)
    raise ImageError(f"{name}: is {what}, which is not read here: {CONVERT}")
    yield []


UNREAD = Reader("another format", (), _open, _accepts)
