"""JPEG XL through imagecodecs; its size is read from the header first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mubench_gen.errors import ImageError
from mubench_gen.images.deep import ArraySource, codecs
from mubench_gen.images.source import Reader

_STREAM, _BOXES = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
_BITS = (9, 13, 18, 30)
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width : height


def jpeg_xl_size(content: bytes, name: str) -> tuple[int, int]:
    """(width, height) by ISO/IEC 18181-1's SizeHeader, turned as the metadata behind it say.
    ImageError where there is none."""
    stream = _stream(content)
    if not stream.startswith(_STREAM):
        raise ImageError(f"{name}: the JPEG XL file has no header")
    bits = _Bits(int.from_bytes(stream[2:14], "little"))
    is_small = bits.read(1)
    height = _side(bits, is_small)
    ratio = bits.read(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        width = height * across // down
    else:
        width = _side(bits, is_small)
    all_default = bits.read(1)
    is_turned = not all_default and bits.read(1) and bits.read(3) >= 4  # 0 is upright
    return (height, width) if is_turned else (width, height)


class _Bits:
    """Bits from the least significant one on."""

    def __init__(self, value: int) -> None:
        self._value = value

    def read(self, count: int) -> int:
        found = self._value & ((1 << count) - 1)
        self._value >>= count
        return found


def _side(bits: _Bits, is_small: int) -> int:
    if is_small:
        return (bits.read(5) + 1) * 8
    return bits.read(_BITS[bits.read(2)]) + 1


def _stream(content: bytes) -> bytes:
    """The first bytes of the codestream, which may lie in a box."""
    if not content.startswith(_BOXES):
        return content
    at = 0
    while at + 16 <= len(content):
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        head = 8
        if length == 1:
            length, head = int.from_bytes(content[at + 8 : at + 16], "big"), 16
        if kind in (b"jxlc", b"jxlp"):
            skipped = 4 if kind == b"jxlp" else 0  # the part's number
            return content[at + head + skipped : at + head + skipped + 16]
        if length < head:
            break
        at += length
    return b""


@contextmanager
def _open(content: bytes, name: str) -> Iterator[Sequence[ArraySource]]:
    library = codecs("Reading JPEG XL")
    size = jpeg_xl_size(content, name)

    def decode() -> Any:
        return library.jpegxl_decode(content)

    yield [ArraySource("JPEG XL", size, 1, decode, name)]


JPEG_XL = Reader("JPEG XL", (_STREAM, _BOXES), _open)
