"""TIFF, OME-TIFF, ImageJ's and others' TIFF through tifffile, plane by plane."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from math import prod
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ImageError, MissingExtraError
from mubench_gen.images.files import declared
from mubench_gen.images.formats.planes import paste
from mubench_gen.images.source import Channel, Reader, Region
from mubench_gen.images.tiff_channels import channels_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MINISWHITE, _MINISBLACK, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_PHOTOMETRICS = (_MINISWHITE, _MINISBLACK, _RGB, _PALETTE, _CMYK, _YCBCR)
_JPEG = (6, 7, 33007, 34892)  # kinds of compression whose colours are decoded to RGB
_PILLOWS = (1, 2, 3, 4, 5, 7, 8, 32773, 32946)  # kinds of compression that all Pillows read
_ASSOCIATED, _UNASSOCIATED = 1, 2  # transparency, of the tag ExtraSamples
_ORIENTATION = "Orientation"


def is_tiff(head: bytes) -> bool:
    """Whether it is a TIFF file, by its first bytes."""
    return head.startswith(_HEADS)


@contextmanager
def tiff_file(content: bytes, name: str) -> Iterator[Any]:
    """The file opened by tifffile, whose log lines stay inside."""
    try:
        import tifffile
    except ImportError:
        raise MissingExtraError("tifffile", "tiff", "Reading microscope files") from None
    _keep_logs_inside()
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            _ = len(file.pages)  # finds a chain of pages that leads back to itself
            yield file
    except ImageError:
        raise
    except Exception as error:  # decoders raise what they like on damaged files
        if "imagecodecs" in str(error) and find_spec("imagecodecs") is None:
            raise MissingExtraError("imagecodecs", "tiff", f"Decompressing {name}") from None
        raise ImageError(f"{name}: cannot be read as TIFF: {error}") from None


@cache
def _keep_logs_inside() -> None:
    """tifffile tells damage in log lines; here an ImageError does."""
    logger = logging.getLogger("tifffile")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # without one, the last resort writes to stderr


@contextmanager
def _open(content: bytes, name: str) -> Iterator[Sequence[TiffSource]]:
    with tiff_file(content, name) as file:
        yield [TiffSource(series, number, content, name) for number, series in _series(file)]


def is_plain(source: Any) -> bool:
    """Whether it is a picture of 8 bits or fewer, or the first of pages of such colour."""
    sizes = dict(zip(source.axes, source.shape, strict=True))
    more = {axis for axis, size in sizes.items() if size > 1} - set("YXS")
    return (
        source.series.dtype.name in ("uint8", "bool")
        and more <= set("IQ" if source.samples else "")
        and int(source.series.keyframe.compression) in _PILLOWS
    )


TIFF = Reader("TIFF", _HEADS, _open, is_plain=is_plain)


def _series(file: Any) -> Iterator[tuple[int, Any]]:
    return ((number, one) for number, one in enumerate(file.series) if len(one.shape) > 1)


@dataclass(frozen=True)
class TiffSource:
    """One series of a TIFF file."""

    series: Any
    number: int
    content: bytes
    name: str

    @property
    def format(self) -> str:
        kind = str(self.series.kind)
        return {"ome": "OME-TIFF", "imagej": "ImageJ TIFF", "svs": "Aperio SVS"}.get(
            kind, "TIFF" if kind in ("generic", "shaped", "uniform") else f"TIFF ({kind})"
        )

    @cached_property
    def axes(self) -> str:
        named = self._leading + "".join(a for a in self._inner if a not in "YXS")
        return f"{named}{'' if self.samples or not self._has_samples else 'C'}YX" + (
            "S" if self.samples else ""
        )

    @cached_property
    def shape(self) -> tuple[int, ...]:
        sizes = dict(zip(self.series.axes, self.series.shape, strict=True))
        known = {"C": sizes.get("S", 1), **sizes, "S": len(self.samples)}
        return tuple(known[axis] for axis in self.axes)

    @property
    def dtype(self) -> np.dtype[Any]:
        import numpy as np

        return np.dtype(np.uint16) if self._is_palette else self.series.dtype

    @cached_property
    def samples(self) -> str:
        page = self._page
        photometric = int(page.photometric)
        if photometric not in _PHOTOMETRICS:
            raise ImageError(f"{self.name}: its colours ({page.photometric!r:.40}) have no rule")
        if self._is_palette:
            return "RGB"
        if not self._has_samples:
            return ""
        count = dict(zip(self.series.axes, self.series.shape, strict=True))["S"]
        if photometric == _YCBCR and page.compression not in _JPEG:
            raise ImageError(f"{self.name}: YCbCr colours without JPEG have no rule")
        # Without the tag, a fourth sample is transparency, as other programs take it.
        extra = int(page.extrasamples[0]) if page.extrasamples else _UNASSOCIATED
        if photometric in (_RGB, _YCBCR):
            clear = {_ASSOCIATED: "RGBa", _UNASSOCIATED: "RGBA"}.get(extra, "RGB")
            return "" if count < 3 else "RGB" if count == 3 else clear
        if photometric == _CMYK:
            return "CMYK" if count >= 4 else ""
        alpha = {_ASSOCIATED: "La", _UNASSOCIATED: "LA"}.get(extra, "")
        return alpha if count == 2 and page.extrasamples else ""

    @cached_property
    def channels(self) -> Sequence[Channel]:
        count = dict(zip(self.axes, self.shape, strict=True)).get("C", 1)
        return channels_of(self.series.parent, self.number, count)

    @cached_property
    def levels(self) -> Sequence[tuple[int, int]]:
        def size(level: Any) -> tuple[int, int]:
            sizes = dict(zip(level.axes, level.shape, strict=True))
            return sizes["X"], sizes["Y"]

        return [size(level) for level in self.series.levels]

    @property
    def orientation(self) -> int:
        tag = self._page.tags.get(_ORIENTATION)
        return declared(1 if tag is None else tag.value)

    @property
    def is_whole(self) -> bool:
        return not self._page.is_contiguous and self._inner not in ("YX", "YXS")

    def plane(
        self, at: Mapping[str, int], *, level: int = 0, region: Region | None = None
    ) -> NDArray[Any]:
        import numpy as np

        series = self.series.levels[level]
        axes, shape = self._leading, series.shape[: len(self._leading)]
        place = tuple(at.get(axis, 0) for axis in axes)
        number = int(np.ravel_multi_index(place, shape)) if axes else 0
        page, inner = self._stored(series, number, region)
        chosen = {a: at.get("C", 0) if a == "S" else at.get(a, 0) for a in inner}
        kept = "YXS" if self.samples and not self._is_palette else "YX"
        index = tuple(slice(None) if axis in kept else chosen[axis] for axis in inner)
        left = [axis for axis in inner if axis in kept]
        found = page[index].transpose([left.index(axis) for axis in kept if axis in left])
        # Samples of which the file does not say what they are stand behind the known ones.
        return self._as_light(found[..., : len(self.samples)] if "S" in left else found)

    @cached_property
    def _page(self) -> Any:
        return self.series.keyframe

    @property
    def _is_palette(self) -> bool:
        return int(self._page.photometric) == _PALETTE and self._page.colormap is not None

    @property
    def _has_samples(self) -> bool:
        return "S" in self.series.axes

    @cached_property
    def _inner(self) -> str:
        """The axes of one page of the file."""
        axes: str = self.series.axes
        return axes[len(axes) - len(self._page.axes) :]

    @cached_property
    def _leading(self) -> str:
        axes: str = self.series.axes
        if not {"Y", "X"} <= set(self._inner):
            raise ImageError(f"{self.name}: has no plane: its axes are {axes}")
        return axes[: len(axes) - len(self._inner)]

    def _stored(self, series: Any, number: int, region: Region | None) -> tuple[NDArray[Any], str]:
        """One page as it is stored, cut to the region, and its axes."""
        import numpy as np

        inner = self._inner
        shape = series.shape[len(self._leading) :]
        if series.dataoffset is not None and self._leading:
            kind = np.dtype(series.keyframe.parent.byteorder + series.keyframe._dtype.char)
            size = prod(shape)
            start = series.dataoffset + number * size * kind.itemsize
            flat = np.frombuffer(self.content, kind, size, start)
            return _cut(flat.reshape(shape), inner, region), inner
        page = series.pages[number]
        if page is None:
            raise ImageError(f"{self.name}: plane {number} is missing in the file")
        if region is not None and inner in ("YX", "YXS") and not page.keyframe.is_contiguous:
            return _tiles(page, region), inner
        return _cut(page.asarray().reshape(shape), inner, region), inner

    def _as_light(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of which the larger number is more light."""
        import numpy as np

        page, found = self._page, values
        if self._is_palette:
            found = page.colormap.T[np.minimum(values, page.colormap.shape[1] - 1)]
        elif int(page.photometric) == _MINISWHITE and values.dtype.kind == "f":
            found = -values
        elif int(page.photometric) == _MINISWHITE and values.dtype.kind == "u":
            found = values.dtype.type(2**page.bitspersample - 1) - values
        elif int(page.photometric) == _MINISWHITE:
            found = ~values
        return found


def _cut(page: NDArray[Any], axes: str, region: Region | None) -> NDArray[Any]:
    if region is None:
        return page
    x, y, width, height = region
    wanted = {"X": slice(x, x + width), "Y": slice(y, y + height)}
    return page[tuple(wanted.get(axis, slice(None)) for axis in axes)]


def _tiles(page: Any, region: Region) -> NDArray[Any]:
    """A region of one page, for which only the tiles or strips that it meets are decoded."""
    import numpy as np

    whole = page.keyframe
    x, y, width, height = region
    wide, high = (
        (whole.tilewidth, whole.tilelength)
        if whole.is_tiled
        else (whole.imagewidth, whole.rowsperstrip)
    )
    across = -(-whole.imagewidth // wide)
    found = np.zeros((height, width, whole.samplesperpixel), whole.dtype)
    decode = whole.decode  # made when it is first looked at, by reading elsewhere in the file
    more = {"jpegtables": page.jpegtables, "jpegheader": whole.jpegheader} if (
        whole.compression in _JPEG
    ) else {}  # fmt: skip
    for down in range(y // high, -(-(y + height) // high)):
        for right in range(x // wide, -(-(x + width) // wide)):
            number = down * across + right
            start, count = page.dataoffsets[number], page.databytecounts[number]
            handle = page.parent.filehandle
            handle.seek(start)
            tile = decode(handle.read(count) if count else None, number, **more)[0]
            if tile is not None:
                paste(found, tile[0], right * wide - x, down * high - y)
    return found[..., 0] if whole.axes == "YX" else found
