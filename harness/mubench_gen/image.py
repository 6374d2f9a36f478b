"""The image policy: what is checked before an image is decoded, and how it becomes RGB.

Files are looked at by their header first, so that a small file of enormous dimensions is
refused before memory is taken. Nothing but 8-bit values is ever handed to Pillow's own
conversion, which saturates 16-bit and float images to white.
"""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ImageError
from mubench_gen.types import Image

if TYPE_CHECKING:
    from PIL import Image as PillowImage

# What decodes by itself: Pillow hands others (EPS) to programs that it finds on the machine.
_FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "PPM", "JPEG2000")
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_SCAN, _JPEG_END = b"\xff\xda", b"\xff\xd9"  # in between, 0xff is always followed by 0
_TIFF_BITS = 258  # the tag of the bits a sample
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_BYTES_A_VALUE = {"I": 4, "F": 4, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_DEEP = frozenset(_BYTES_A_VALUE)
_PLAIN = frozenset({"1", "L", "RGB", "RGBX", "P", "CMYK", "YCbCr", "LAB", "HSV"})


@dataclass(frozen=True, slots=True)
class StandardPolicy:
    """Named choices, recorded in the manifest and in every key.

    `depth`: 16-bit, 32-bit and float images are scaled linearly, their own minimum to 0
    and maximum to 255 (16-bit colour keeps its high byte: Pillow reads no more).
    `alpha`: transparent pixels are laid over white. `pages`: of several pages, the first.
    `max_bytes`: the largest decoded size (width × height × channels × bytes) accepted.
    """

    name: str = "standard-1"
    depth: str = "minmax"
    alpha: str = "white"
    pages: str = "first"
    max_bytes: int = 256 * 2**20

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def check(self, content: bytes, name: str) -> str | None:
        """What decoding will change, None where nothing; ImageError for what it refuses."""
        if content.startswith(_PNG):
            return self._check_png(content, name)
        with _opened(content, name) as picture:
            self._check_size(picture.size, _bytes_a_pixel(picture.mode), name)
            pages = _page_count(picture, name)
            if picture.format == "JPEG" and content.rfind(_JPEG_END) < content.rfind(_JPEG_SCAN):
                raise ImageError(f"{name}: the JPEG file is truncated (it has no end marker)")
            return _joined(_depth_note(picture), _mode_note(picture), _page_note(pages))

    def decode(self, content: bytes, name: str) -> PillowImage.Image:
        """8-bit RGB by this policy."""
        self.check(content, name)
        with _opened(content, name) as picture:
            try:
                picture.load()
                return _to_rgb(picture, name)
            except ImageError:
                raise
            except Exception as error:  # decoders raise what they like on damaged files
                raise ImageError(f"{name}: cannot be decoded: {error}") from None

    def _check_size(self, size: tuple[int, int], bytes_a_pixel: float, name: str) -> None:
        width, height = size
        needed = width * height * bytes_a_pixel
        if width < 1 or height < 1:
            raise ImageError(f"{name}: an image of {width} × {height} pixels has none")
        if needed > self.max_bytes:
            raise ImageError(
                f"{name}: {width:,} × {height:,} pixels decode to {needed / 2**20:,.0f} MiB; "
                f"the policy's limit is {self.max_bytes / 2**20:,.0f} MiB"
            )

    def _check_png(self, content: bytes, name: str) -> str | None:
        depth = colour = pages = 0
        transparent = ended = False
        for kind, body in _png_chunks(content, name):
            if kind == b"IHDR" and len(body) == 13:
                width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
                depth, colour = body[8], body[9]
                values = _PNG_CHANNELS.get(colour, 4)
                self._check_size((width, height), values * max(depth, 8) / 8, name)
            elif kind == b"acTL":
                pages = int.from_bytes(body[:4], "big")
            elif kind == b"tRNS":
                transparent = True
            elif kind == b"IEND":
                ended = True
        if not depth or not ended:
            raise ImageError(
                f"{name}: the PNG file is truncated (no {'end' if depth else 'header'})"
            )
        return _joined(_png_note(depth, colour, transparent), _page_note(pages))


def open_image(name: str, load: Callable[[], bytes], policy: StandardPolicy) -> Image:
    """An image that reads itself when it is first looked at; unreadable is an ImageError."""

    def read() -> bytes:
        try:
            content = load()
        except (OSError, ValueError) as error:  # ValueError: a name with a null character
            reason = getattr(error, "strerror", None) or error
            raise ImageError(f"{name}: cannot be read: {reason}") from None
        if not content:
            raise ImageError(f"{name}: the file is empty")
        return content

    return Image(name, read, policy)


def _png_chunks(content: bytes, name: str) -> Iterator[tuple[bytes, memoryview]]:
    view, at = memoryview(content), len(_PNG)
    while at < len(content):
        length = int.from_bytes(view[at : at + 4], "big")
        end = at + 12 + length
        if end > len(content):
            raise ImageError(f"{name}: the PNG file is truncated")
        kind = bytes(view[at + 4 : at + 8])
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise ImageError(f"{name}: the PNG file is corrupt (checksum of its {kind!r} chunk)")
        yield kind, view[at + 8 : end - 4]
        if kind == b"IEND":
            return
        at = end


def _opened(content: bytes, name: str) -> PillowImage.Image:
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with warnings.catch_warnings():  # the size limit is ours, checked right after
            warnings.simplefilter("ignore")
            return Pillow.open(io.BytesIO(content), formats=_FORMATS)
    except UnidentifiedImageError:
        raise ImageError(f"{name}: no image format that can be read here") from None
    except Exception as error:  # decoders raise what they like on damaged files
        raise ImageError(f"{name}: cannot be opened: {error}") from None


def _to_rgb(picture: PillowImage.Image, name: str) -> PillowImage.Image:
    from PIL import Image as Pillow

    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture.copy() if picture.readonly else picture
    if picture.mode in _DEEP:
        return _scaled(picture, name)
    if picture.mode in _ALPHA or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = Pillow.new("RGBA", layer.size, "white")
        return Pillow.alpha_composite(white, layer).convert("RGB")
    if picture.mode in _PLAIN:
        return picture.convert("RGB")
    raise ImageError(f"{name}: pixels of mode {picture.mode!r} have no rule in the image policy")


def _scaled(picture: PillowImage.Image, name: str) -> PillowImage.Image:
    import numpy as np
    from PIL import Image as Pillow

    values = np.asarray(picture, dtype=np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        raise ImageError(f"{name}: holds no finite value")
    low, high = values[finite].min(), values[finite].max()
    span = high - low if high > low else 1.0
    grey = np.where(finite, (values - low) / span * 255, 0).round().astype(np.uint8)
    return Pillow.fromarray(grey).convert("RGB")


def _bytes_a_pixel(mode: str) -> float:
    from PIL import ImageMode

    try:
        bands = len(ImageMode.getmode(mode).bands)
    except KeyError:  # a mode of the decoder's own; decoding refuses it
        bands = 4
    return bands * _BYTES_A_VALUE.get(mode, 1)


def _page_count(picture: PillowImage.Image, name: str) -> int:
    try:
        return int(getattr(picture, "n_frames", 1))
    except Exception as error:  # counting pages walks the file
        raise ImageError(f"{name}: its pages cannot be counted: {error}") from None


def _png_note(depth: int, colour: int, transparent: bool) -> str | None:
    if depth == 16 and colour == 0:
        return "16-bit grey to 8-bit, minmax"
    notes = ["16-bit colour to 8-bit, high byte"] if depth == 16 else []
    if colour in (4, 6) or transparent:
        notes.append("alpha over white")
    elif colour == 3:
        notes.append("palette to RGB")
    return _joined(*notes)


def _depth_note(picture: PillowImage.Image) -> str | None:
    """Of a TIFF of 16-bit colour; other deep images have a mode of their own."""
    bits: Any = getattr(picture, "tag_v2", {}).get(_TIFF_BITS, (8,))
    deep = picture.mode not in _DEEP and max(bits) > 8
    return f"{max(bits)}-bit colour to 8-bit, high byte" if deep else None


def _mode_note(picture: PillowImage.Image) -> str | None:
    mode = picture.mode
    if mode in _DEEP:
        return f"{mode} to 8-bit, minmax"
    if mode in _ALPHA or "transparency" in picture.info:
        return "alpha over white"
    if mode in ("P", "CMYK", "YCbCr", "LAB", "HSV"):
        return {"P": "palette"}.get(mode, mode) + " to RGB"
    return None


def _page_note(pages: int) -> str | None:
    return f"page 1 of {pages}" if pages > 1 else None


def _joined(*notes: str | None) -> str | None:
    return "; ".join(note for note in notes if note) or None
