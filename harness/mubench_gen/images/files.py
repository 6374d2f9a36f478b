"""Image files without their pixels: headers, PNG chunks, and files without metadata.

Some metadata (an orientation, a colour profile) is applied by some programs and ignored by
others: `bare` is the same picture without it.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mubench_gen.errors import ImageError
from mubench_gen.images import jpeg

if TYPE_CHECKING:
    from PIL import Image as PillowImage

# Formats that Pillow decodes itself: it hands others (EPS) to programs on the machine.
FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "PPM", "JPEG2000", "AVIF")
PNG = b"\x89PNG\r\n\x1a\n"
_PNG_COLOUR = frozenset({b"iCCP", b"gAMA", b"cHRM", b"cICP", b"mDCV", b"cLLI"})
_PNG_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_PNG_KEYWORDS = (b"Raw profile type ", b"XML:com.adobe.xmp\0")
_WEBP_ABOUT = 0x2C  # flags of a colour profile, Exif and XMP
_ORIENTATION = 0x0112


def opened(content: bytes, name: str) -> PillowImage.Image:
    """The file with its header read. Its size is for the caller to check."""
    from PIL import Image as Pillow

    Pillow.preinit()
    for kind in FORMATS:
        if kind not in Pillow.OPEN:
            Pillow.init()
        if kind not in Pillow.OPEN:  # AVIF came with Pillow 11.3
            continue
        # Pillow.open would compare the size with a limit of its own, and warn.
        make, accepts = Pillow.OPEN[kind]
        try:
            if accepts is None or accepts(content[:16]) is True:
                return make(io.BytesIO(content), "")
        except Exception as error:  # decoders raise what they like on damaged files
            raise ImageError(f"{name}: cannot be opened: {error}") from None
    raise ImageError(f"{name}: no image format that can be read here")


def orientation(picture: PillowImage.Image) -> int:
    """The EXIF orientation that the file declares: 2 to 8, or 1, which is upright."""
    try:
        return declared(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF data count as none
        return 1


def exif_orientation(jpeg_file: bytes) -> int:
    """The orientation that a JPEG declares, also one that Pillow does not open."""
    from PIL.Image import Exif

    found = Exif()
    try:
        found.load(jpeg.exif_of(jpeg_file))
    except Exception:  # damaged EXIF data count as none
        return 1
    return declared(found.get(_ORIENTATION, 1))


def declared(value: object) -> int:
    """The value of an orientation tag; 1, which is upright, if it is not valid."""
    return value if isinstance(value, int) and 2 <= value <= 8 else 1


def may_be_turned(content: bytes) -> bool:
    """Whether a PNG, JPEG or WebP file may declare an orientation; it is not looked through."""
    if is_png(content):
        return any(kind == b"eXIf" or kind in _PNG_TEXT for kind, _, _ in _png_spans(content))
    if jpeg.is_jpeg(content):
        return jpeg.has_about(content)
    if content[12:16] == b"VP8X":
        return bool(content[20] & _WEBP_ABOUT)
    return False


def is_png(content: bytes) -> bool:
    """Whether it is a PNG file, by its first bytes."""
    return content.startswith(PNG)


def media_type(content: bytes) -> str | None:
    """The media type of a file that every server reads, by its first bytes; else None."""
    if is_png(content):
        return "image/png"
    if jpeg.is_jpeg(content):
        return "image/jpeg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    return None


def bare(content: bytes) -> bytes | None:
    """A file of one of these media types without metadata that only some programs apply.

    None if the metadata cannot be left out. An orientation must have been applied or refused
    before.
    """
    if is_png(content):
        return _bare_png(content)
    if jpeg.is_jpeg(content):
        return jpeg.bare(content)
    if content[12:16] == b"VP8X" and int.from_bytes(content[20:21], "big") & _WEBP_ABOUT:
        return None
    return content


def png_chunks(content: bytes, name: str) -> Iterator[tuple[bytes, memoryview]]:
    """(kind, body) of each chunk up to the end's. ImageError where one is cut or corrupt."""
    view = memoryview(content)
    for kind, at, end in _png_spans(content):
        if end > len(content):
            raise ImageError(f"{name}: the PNG file is truncated")
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise ImageError(f"{name}: the PNG file is corrupt (checksum of its {kind!r} chunk)")
        yield kind, view[at + 8 : end - 4]


def is_png_exif(kind: bytes, body: memoryview) -> bool:
    """Whether a chunk may declare an orientation."""
    return kind == b"eXIf" or (kind in _PNG_TEXT and bytes(body[:20]).startswith(_PNG_KEYWORDS))


def _png_spans(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, begin, end) of each chunk up to the end's; the last may end behind the file."""
    at = len(PNG)
    while at < len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        kind = content[at + 4 : at + 8]
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end


def _bare_png(content: bytes) -> bytes:
    spans = list(_png_spans(content))
    view = memoryview(content)
    kept = [
        view[at:end]
        for kind, at, end in spans
        if kind not in _PNG_COLOUR and not is_png_exif(kind, view[at + 8 : end - 4])
    ]
    return content if len(kept) == len(spans) else b"".join([PNG, *kept])
