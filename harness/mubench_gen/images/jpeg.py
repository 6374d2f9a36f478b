"""JPEG files segment by segment, and how truncated ones are found."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mubench_gen.errors import ImageError
from mubench_gen.images.bands import bands

if TYPE_CHECKING:
    from PIL import Image as PillowImage

    Load = Callable[[bytes], PillowImage.Image]

# Any marker except those within a scan: a stuffed 0 or a restart.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_EXIF = 0xE1
_SCAN, _END = 0xDA, 0xD9
_SCAN_BYTES, _END_BYTES = b"\xff\xda", b"\xff\xd9"  # in between, 0xff is followed by 0
_FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}  # 0xF7: JPEG-LS
_ABOUT = frozenset({0xE1, 0xE2})  # Exif and XMP; a colour profile
_BLOCK = 8  # pixels a side of what is coded together
_PADDING = bytes(range(1, 65))


def is_jpeg(content: bytes) -> bool:
    """Whether it is a JPEG file, by its first bytes."""
    return content.startswith(b"\xff\xd8\xff")


@dataclass(frozen=True, slots=True)
class Frame:
    """What the frame header of a JPEG says; `code` is its marker's: how it is coded."""

    code: int
    bits: int
    width: int
    height: int
    components: int


def check_end(content: bytes, name: str) -> None:
    """ImageError for a file that lacks its end marker."""
    if content.rfind(_END_BYTES) < content.rfind(_SCAN_BYTES):
        raise ImageError(f"{name}: the JPEG file is truncated (it has no end marker)")


def frame_of(content: bytes) -> Frame | None:
    """The frame header; None where there is none before the scan."""
    for code, at, end in _segments(content):
        if code in _FRAMES:
            head = content[at:end].lstrip(b"\xff")[3:9]  # behind the marker and the length
            height, width = int.from_bytes(head[1:3], "big"), int.from_bytes(head[3:5], "big")
            return Frame(code, head[0], width, height, head[5]) if len(head) == 6 else None
        if code == _SCAN:
            return None
    return None


def bare(content: bytes) -> bytes:
    """The file without Exif, XMP and colour profile, where it has any."""
    kept, begin = [], 0
    for code, at, end in _segments(content):
        if code == _SCAN:
            break
        if code in _ABOUT:
            kept.append(content[begin:at])
            begin = end
    return b"".join([*kept, content[begin:]])


def exif_of(content: bytes) -> bytes:
    """The Exif data before the picture, with their mark; empty where there are none."""
    for code, at, end in _segments(content):
        if code == _SCAN:
            break
        body = content[at + 4 : end]
        if code == _EXIF and body.startswith(b"Exif\0\0"):
            return body
    return b""


def has_about(content: bytes) -> bool:
    """Whether Exif, XMP or a colour profile stands before the picture."""
    for code, _, _ in _segments(content):
        if code == _SCAN:
            return False
        if code in _ABOUT:
            return True
    return False


def load_whole(content: bytes, load: Load) -> PillowImage.Image:
    """What `load` makes of a JPEG. ValueError if its data end before its pixels do.

    libjpeg reports nothing then: missing pixels are grey, or those of a progressive file's earlier
    scans. Bytes added before the end marker are decoded if data are missing, and skipped if not:
    a file that shows another picture with them was truncated.
    """
    scans, end = _extent(content)
    if scans > 1:  # one picture after the other, since all their scans are in memory
        filled = _checksum(load(_padded(content, end)))
        picture = load(content)
        cut = _checksum(picture) != filled
    else:
        picture = load(content)
        cut = _ends_grey(picture) and _checksum(load(_padded(content, end))) != _checksum(picture)
    if cut:
        raise ValueError("it was cut: its data end before its pixels do")
    return picture


def _extent(content: bytes) -> tuple[int, int]:
    """How many scans the picture has, and where the marker stands that ends it."""
    scans = 0
    for code, at, _ in _segments(content):
        scans += code == _SCAN
        if code == _END:
            return scans, at
    return scans, len(content)


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, begin, end) of each segment up to the end's; of a scan, of its header."""
    at = 2
    while (found := _MARKER.search(content, at)) is not None:
        code, at = found[1][0], found.end()
        if code != _END:
            at += int.from_bytes(content[at : at + 2], "big")
        yield code, found.start(), at
        if code == _END:
            return


def _padded(content: bytes, end: int) -> bytes:
    return b"".join((content[:end], _PADDING, content[end:]))


def _ends_grey(picture: PillowImage.Image) -> bool:
    """Whether the last block is the grey that stands for no data, in each channel."""
    width, height = picture.size
    last = ((width - 1) // _BLOCK * _BLOCK, (height - 1) // _BLOCK * _BLOCK, width, height)
    extrema = picture.crop(last).getextrema()
    limits = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return all(limit in ((128, 128), (127, 127)) for limit in limits)  # 127: of CMYK, inverted


def _checksum(picture: PillowImage.Image) -> int:
    found = 0
    for rows in bands(*picture.size):
        band = picture.crop((0, rows.start, picture.width, rows.stop))
        found = zlib.crc32(band.tobytes(), found)
    return found
