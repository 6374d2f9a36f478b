"""DICOM through pydicom, frame by frame: grey with its window, palettes, colour, and tiles."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ImageError, MissingExtraError
from mubench_gen.images.formats.dicom_tiles import Tiles, tiles_of
from mubench_gen.images.formats.planes import Planes, Read, cut, package, paste, told
from mubench_gen.images.source import Channel, Reader, Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frame = Callable[[int], NDArray[Any]]

_PREAMBLE = 128
_INVERTED, _PALETTE = "MONOCHROME1", "PALETTE COLOR"
_GREY = (_INVERTED, "MONOCHROME2")
_TIMED = ("FrameTime", "FrameTimeVector", "CineRate")
_RESCALED = ("RescaleSlope", "RescaleIntercept")


def _accepts(content: bytes, name: str) -> bool:
    return content[_PREAMBLE : _PREAMBLE + 4] == b"DICM"


@contextmanager
def _open(content: bytes, name: str) -> Iterator[Sequence[Planes]]:
    package("pydicom", "dicom", "DICOM", name)
    with told("DICOM", name):
        found = _picture(content, name)
    yield [found]


DICOM = Reader("DICOM", (), _open, _accepts)


def _picture(content: bytes, name: str) -> Planes:
    import pydicom

    data = pydicom.dcmread(io.BytesIO(content))
    if not any(key in data for key in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise ImageError(f"{name}: the DICOM file holds no picture ({data.get('Modality', '?')})")
    samples = "" if data.PhotometricInterpretation in _GREY else "RGB"
    channel = [] if samples else [Channel(window=_window(data))]

    def frame(number: int) -> NDArray[Any]:
        return _frame(data, number, name)

    tiles, plane = tiles_of(data), "YXS" if samples else "YX"
    if tiles is not None:
        axes = ("Z" if tiles.planes > 1 else "") + ("C" if tiles.paths > 1 else "") + plane
        sizes = {"Z": tiles.planes, "C": tiles.paths, "X": tiles.size[0], "Y": tiles.size[1]}
        read, channels = (
            _of_tiles(tiles, frame, _dtype(data), (3,) if samples else ()),
            channel * tiles.paths,
        )
    else:
        frames = int(data.get("NumberOfFrames", 1) or 1)
        # Frames are times where the file gives their rate; else it does not say what they are.
        loop = "T" if any(key in data for key in _TIMED) else "I"
        axes = (loop if frames > 1 else "") + plane
        sizes = {loop: frames, "X": int(data.Columns), "Y": int(data.Rows)}
        read, channels = _of_frames(frame), channel
    shape = tuple({**sizes, "S": 3}[axis] for axis in axes)
    return Planes(
        "DICOM", name, axes, shape, _dtype(data), read, [(sizes["X"], sizes["Y"])],
        samples=samples, channels=channels, is_whole=tiles is None,
    )  # fmt: skip


def _of_frames(frame: Frame) -> Read:
    def read(at: Mapping[str, int], level: int, region: Region | None) -> NDArray[Any]:
        return cut(frame(at.get("I", at.get("T", 0))), region)

    return read


def _of_tiles(tiles: Tiles, frame: Frame, dtype: np.dtype[Any], samples: tuple[int, ...]) -> Read:
    """A reader of which only the tiles that a region meets are decoded."""

    def read(at: Mapping[str, int], level: int, region: Region | None) -> NDArray[Any]:
        import numpy as np

        region = region or (0, 0, *tiles.size)
        # Where there is no tile, nothing was scanned: a slide is white there.
        found = np.full((*region[:1:-1], *samples), 255 if samples else 0, dtype)
        for number, x, y in tiles.within(at.get("Z", 0), at.get("C", 0), region):
            paste(found, frame(number), x, y)
        return found

    return read


def _frame(data: Any, number: int, name: str) -> NDArray[Any]:
    """One frame as light, or as red, green and blue."""
    import numpy as np
    from pydicom import pixels

    from mubench_gen.images.formats import dicom_codecs

    try:
        values = pixels.pixel_array(data, index=number)  # YCbCr becomes RGB
    except Exception:
        syntax = data.file_meta.get("TransferSyntaxUID")
        known = syntax in dicom_codecs.DECODER_DEPENDENCIES
        if not known or importlib.util.find_spec("imagecodecs") is not None:
            raise
        what = f"{name}: decompressing {syntax.name}"
        raise MissingExtraError("imagecodecs", "dicom", what) from None
    kind = data.PhotometricInterpretation
    if data.get("BitsStored") == 1:
        return np.asarray(values, np.bool_)
    if kind == _PALETTE:
        return np.asarray(pixels.apply_color_lut(values, data))
    if kind in _GREY:
        values = pixels.apply_modality_lut(values, data)
        return np.asarray(-values.astype(np.float32) if kind == _INVERTED else values)
    return np.asarray(values)


def _dtype(data: Any) -> np.dtype[Any]:
    """The kind of values that `_frame` gives, by the header."""
    import numpy as np

    kind = data.PhotometricInterpretation
    if data.get("BitsStored") == 1:
        return np.dtype(np.bool_)
    if kind == _INVERTED:
        return np.dtype(np.float32)
    if kind == _PALETTE:
        return np.dtype(f"u{-(-data.RedPaletteColorLookupTableDescriptor[2] // 8)}")
    if kind in _GREY and "ModalityLUTSequence" in data:
        bits = data.ModalityLUTSequence[0].LUTDescriptor[2]
        return np.dtype(np.uint8 if bits <= 8 else np.uint16)
    if "DoubleFloatPixelData" in data or (kind in _GREY and all(k in data for k in _RESCALED)):
        return np.dtype(np.float64)
    if "FloatPixelData" in data:
        return np.dtype(np.float32)
    return np.dtype(f"{'i' if data.PixelRepresentation else 'u'}{data.BitsAllocated // 8}")


def _window(data: Any) -> tuple[float, float] | None:
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
    inverted = data.PhotometricInterpretation == _INVERTED
    return (-high, -low) if inverted else (low, high)
