"""The formats of scientific images, in the order in which they are tried.

To add one, write a module with its `Source` and its `Reader`, and name the reader here.
"""

from __future__ import annotations

from mubench_gen.images.deep import DEEP
from mubench_gen.images.formats.czi import CZI
from mubench_gen.images.formats.dicom import DICOM
from mubench_gen.images.formats.lif import LIF
from mubench_gen.images.formats.nikon import ND2
from mubench_gen.images.formats.ome_zarr import ZARR
from mubench_gen.images.formats.unread import UNREAD
from mubench_gen.images.jpeg_deep import JPEG_DEEP
from mubench_gen.images.jpeg_xl import JPEG_XL
from mubench_gen.images.source import Reader
from mubench_gen.images.tiff import TIFF

READERS: tuple[Reader, ...] = (UNREAD, DICOM, TIFF, DEEP, JPEG_DEEP, JPEG_XL, CZI, ND2, LIF, ZARR)
_HEADS = tuple(head for reader in READERS for head in reader.heads)
_ANY_HEAD = tuple(reader for reader in READERS if not reader.heads)


def reader_of(content: bytes, name: str) -> Reader | None:
    """The reader of a file, by its first bytes or its name; None if no format is its own."""
    # Called for every image: no generator, and few calls.
    for reader in READERS if content.startswith(_HEADS) else _ANY_HEAD:
        heads, accepts = reader.heads, reader.accepts
        if (not heads or content.startswith(heads)) and (accepts is None or accepts(content, name)):
            return reader
    return None
