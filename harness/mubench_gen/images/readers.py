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
from mubench_gen.images.jpeg_xl import JPEG_XL
from mubench_gen.images.source import HEAD, Reader
from mubench_gen.images.tiff import TIFF

READERS: tuple[Reader, ...] = (UNREAD, DICOM, TIFF, DEEP, JPEG_XL, CZI, ND2, LIF, ZARR)


def reader_of(content: bytes, name: str) -> Reader | None:
    """The reader of a file, by its first bytes or its name; None if no format is its own."""
    head = content[:HEAD]
    for reader in READERS:  # called for every image: no generator
        if reader.accepts(head, name):
            return reader
    return None
