"""JPEG files segment by segment, and how truncated ones are found."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mubench_gen.images.bands import bands

if TYPE_CHECKING:
    from PIL import Image as PillowImage

    Load = Callable[[bytes], PillowImage.Image]

# Any marker except those within a scan: a stuffed 0 or a restart.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_SCAN, _END = 0xDA, 0xD9
_ABOUT = frozenset({0xE1, 0xE2})  # Exif and XMP; a colour profile
_BLOCK = 8  # pixels a side of what is coded together
_PADDING = bytes(range(1, 65))


def is_jpeg(content: bytes) -> bool:
    """Whether it is a JPEG file, by its first bytes."""
    return content.startswith(b"\xff\xd8\xff")


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
