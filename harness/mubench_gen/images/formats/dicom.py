"""DICOM through pydicom, frame by frame: grey with its window, palettes, and colour."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ImageError
from mubench_gen.images.formats.planes import Planes, cut, package, told
from mubench_gen.images.source import Channel, Reader, Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PREAMBLE = 128
_INVERTED = "MONOCHROME1"
_GREY = (_INVERTED, "MONOCHROME2")


def _accepts(head: bytes, name: str) -> bool:
    return head[_PREAMBLE : _PREAMBLE + 4] == b"DICM"


@contextmanager
def _open(content: bytes, name: str) -> Iterator[Sequence[Planes]]:
    package("pydicom", "dicom", "DICOM", name)
    with told("DICOM", name):
        found = _picture(content, name)
    yield [found]


DICOM = Reader("DICOM", (), _open, _accepts)


def _picture(content: bytes, name: str) -> Planes:
    import numpy as np
    import pydicom
    from pydicom import pixels

    data = pydicom.dcmread(io.BytesIO(content))
    if not any(key in data for key in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise ImageError(f"{name}: the DICOM file holds no picture ({data.get('Modality', '?')})")
    if "TotalPixelMatrixColumns" in data and int(data.get("NumberOfFrames", 1)) > 1:
        raise ImageError(
            f"{name}: a whole slide in tiles of DICOM: save the level or region that is meant as "
            "TIFF (wsidicom reads it)"
        )
    kind, frames = str(data.PhotometricInterpretation), int(data.get("NumberOfFrames", 1) or 1)
    samples = "RGB" if kind not in _GREY else ""

    def read(at: Mapping[str, int], level: int, region: Region | None) -> NDArray[Any]:
        values = pixels.pixel_array(data, index=at.get("I", 0))  # YCbCr becomes RGB
        if data.BitsStored == 1:
            return cut(values.astype(np.bool_), region)
        if kind == "PALETTE COLOR":
            values = pixels.apply_color_lut(values, data)
        elif not samples:
            values = pixels.apply_modality_lut(values, data)
            values = -values.astype(np.float32) if kind == _INVERTED else values
        return cut(values, region)

    first = read({}, 0, None)
    axes = ("I" if frames > 1 else "") + ("YXS" if samples else "YX")
    shape = ((frames,) if frames > 1 else ()) + first.shape
    return Planes(
        "DICOM", name, axes, shape, first.dtype, read, [(first.shape[1], first.shape[0])],
        samples=samples, channels=[] if samples else [Channel(window=_window(data, kind))],
    )  # fmt: skip


def _window(data: Any, kind: str) -> tuple[float, float] | None:
    """The values that the file's first window shows as black and white."""
    centres, widths = data.get("WindowCenter"), data.get("WindowWidth")
    if centres is None or widths is None:
        return None
    centre, width = (
        float(v if isinstance(v, str | float | int) else v[0]) for v in (centres, widths)
    )
    low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
    if high <= low:
        return None
    return (-high, -low) if kind == _INVERTED else (low, high)
