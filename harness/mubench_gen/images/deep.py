"""PNG, JPEG 2000 and PNM files of more than 8 bits, decoded as they are.

Pillow reads 16-bit grey; of 16-bit colour it keeps the high byte, so imagecodecs reads that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ImageError, MissingExtraError
from mubench_gen.images.files import PNG, is_png, opened, orientation
from mubench_gen.images.pixels import loaded
from mubench_gen.images.source import Channel, Reader, Region

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

_J2K, _JP2 = b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"
_HEADS = (PNG, _J2K, _JP2, b"P")
_PGM = re.compile(rb"P[25](?:\s|#[^\n]*\n)+\d+(?:\s|#[^\n]*\n)+\d+(?:\s|#[^\n]*\n)+(\d+)")
_PFM = re.compile(rb"P[Ff]\s+\d+\s+\d+\s+-?[\d.]+\s")
_PNG_GREY = 0
_HEADER = 512  # bytes in which the header of JPEG 2000 stands
_SAMPLES = {2: "LA", 3: "RGB", 4: "RGBA"}


def _is_deep(head: bytes, name: str) -> bool:
    """Whether the header of a PNG, JPEG 2000 or PNM file declares more than 8 bits."""
    if is_png(head):
        return head[24:25] == b"\x10"
    if head.startswith(_J2K):
        return _jpeg_2000_bits(head[42:43]) > 8
    if head.startswith(_JP2):
        at = head.find(b"ihdr", 0, _HEADER)
        return at > 0 and _jpeg_2000_bits(head[at + 14 : at + 15]) > 8
    grey = _PGM.match(head)
    return int(grey[1]) > 255 if grey else _PFM.match(head) is not None


@dataclass(frozen=True)
class ArraySource:
    """A file that is one array, decoded when its values are looked at.

    `size` is from its header, (width, height); `decode` gives Y × X or Y × X × samples.
    """

    format: str
    size: tuple[int, int]
    orientation: int
    decode: Callable[[], NDArray[Any]]
    name: str

    @cached_property
    def values(self) -> NDArray[Any]:
        try:
            found = self.decode()
        except (ImageError, MissingExtraError):
            raise
        except Exception as error:  # decoders raise what they like on damaged files
            raise ImageError(f"{self.name}: cannot be decoded: {error}") from None
        if found.ndim == 3 and found.shape[-1] == 1:
            found = found[..., 0]
        if found.ndim == 4:  # the frames of an animation
            found = found[0]
        if found.shape[1::-1] != self.size or found.ndim not in (2, 3):
            raise ImageError(f"{self.name}: cannot be decoded: its header and its pixels differ")
        return found

    @property
    def axes(self) -> str:
        return "YX" if self.values.ndim == 2 else "YXS" if self.samples else "CYX"

    @property
    def shape(self) -> tuple[int, ...]:
        values = self.values
        return values.shape if self.axes != "CYX" else (values.shape[2], *values.shape[:2])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.values.dtype

    @property
    def samples(self) -> str:
        return _SAMPLES.get(self.values.shape[2], "") if self.values.ndim == 3 else ""

    @property
    def channels(self) -> Sequence[Channel]:
        return ()

    @property
    def is_whole(self) -> bool:
        return True

    @property
    def levels(self) -> Sequence[tuple[int, int]]:
        return [self.size]

    def plane(
        self, at: Mapping[str, int], *, level: int = 0, region: Region | None = None
    ) -> NDArray[Any]:
        values = self.values
        if self.axes == "CYX":
            values = values[..., at.get("C", 0)]
        if region is None:
            return values
        x, y, width, height = region
        return values[y : y + height, x : x + width]


def codecs(purpose: str) -> Any:
    """imagecodecs, which reads what Pillow does not. MissingExtraError without it."""
    try:
        import imagecodecs
    except ImportError:
        raise MissingExtraError("imagecodecs", "tiff", purpose) from None
    return imagecodecs


@contextmanager
def _open(content: bytes, name: str) -> Iterator[Sequence[ArraySource]]:
    with opened(content, name) as picture:
        size, turn, kind = picture.size, orientation(picture), str(picture.format)

    def decode() -> NDArray[Any]:
        import numpy as np

        found: NDArray[Any]
        if kind == "JPEG2000":
            found = codecs("Reading JPEG 2000 of 16 bits").jpeg2k_decode(content)
        elif kind == "PNG" and content[25] != _PNG_GREY:
            found = codecs("Reading PNG files of 16-bit colour").png_decode(content)
        else:
            found = np.asarray(loaded(content, name))
        return found

    yield [ArraySource(kind, size, turn, decode, name)]


DEEP = Reader("16-bit picture", _HEADS, _open, _is_deep)


def _jpeg_2000_bits(found: bytes) -> int:
    """The bits a sample of a header's byte; 255 stands for components of different depths."""
    return (found[0] & 0x7F) + 1 if found else 0
