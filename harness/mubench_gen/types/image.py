"""An image of a data set, how its file becomes pixels, and what is marked in it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL import Image as PillowImage


TURNED = "turned by its EXIF orientation"  # in the `conversion` of an image that was


class ImagePolicy(Protocol):
    """How files become 8-bit RGB; `images.policy.StandardPolicy` is the harness's own.

    It may have more: `name`, `transforms`, `moves_pixels`, `is_redrawn(content, name)` for
    `Image.data`, `variant(conversion)` for the image's key, and `size(content, name)`.
    """

    def check(self, content: bytes, name: str) -> str | None:
        """What decoding the file has to change, in words; None for nothing. Decodes no pixel."""

    def verify(self, content: bytes, name: str) -> None:
        """ImageError where the file cannot be shown."""

    def decode(self, content: bytes, name: str) -> PillowImage.Image:
        """The file's picture as 8-bit RGB. ImageError where it cannot be decoded."""


class Image:
    """One image of a data set: its file's own bytes, read, checked and decoded at most once.

    `file_bytes` are the file's (PNG, JPEG, TIFF, …); `sha256` is their digest in hexadecimal;
    `conversion` says what decoding has to change ("16-bit to 8-bit, minmax"), None for nothing;
    `data` is a file of the picture that is shown: `file_bytes`, or a PNG where other programs
    may show these in another way (turned; 16-bit, several planes); `pixels()` is that picture as
    an 8-bit RGB `PIL.Image.Image`, turned as the file declares; `size` is its width and height.
    All but `name` may raise `ImageError`.
    """

    __slots__ = (
        "_checked",
        "_conversion",
        "_data",
        "_identity",
        "_load",
        "_pixels",
        "_png",
        "_policy",
        "_sha256",
        "_size",
        "_verified",
        "name",
    )

    def __init__(self, name: str, load: Callable[[], bytes], policy: ImagePolicy) -> None:
        self.name = name
        self._load = load
        self._policy = policy
        self._data: bytes | None = None
        self._png: bytes | None = None
        self._sha256: str | None = None
        self._identity: str | None = None
        self._size: tuple[int, int] | None = None
        self._checked = False
        self._conversion: str | None = None
        self._pixels: PillowImage.Image | None = None
        self._verified = False

    @property
    def file_bytes(self) -> bytes:
        """The bytes of the file, never re-encoded."""
        if self._data is None:
            self._data = self._load()
        return self._data

    @property
    def data(self) -> bytes:
        """What a model may read in place of the pixels: `file_bytes`, or a PNG of the picture
        where a transform changes it, or other programs may show the file in another way."""
        if not self.is_transformed and not self._is_redrawn:
            return self.file_bytes
        if self._png is None:
            self._png = as_png(self.pixels())
        return self._png

    @property
    def _is_redrawn(self) -> bool:
        is_redrawn = getattr(self._policy, "is_redrawn", None)  # other policies may lack it
        return bool(is_redrawn and is_redrawn(self.file_bytes, self.name))

    @property
    def sha256(self) -> str:
        """The digest of the file's bytes, in hexadecimal."""
        if self._sha256 is None:
            self._sha256 = hashlib.sha256(self.file_bytes).hexdigest()
        return self._sha256

    @property
    def conversion(self) -> str | None:
        """What decoding has to change ("16-bit to 8-bit, minmax"), None for nothing."""
        if not self._checked:
            self._conversion = self._policy.check(self.file_bytes, self.name)
            self._checked = True
        return self._conversion

    @property
    def is_transformed(self) -> bool:
        """Whether a transform changes the pixels."""
        return bool(getattr(self._policy, "transforms", False))  # other policies may lack it

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is shown, by the file's header where that tells."""
        if self._size is None:
            by_header = getattr(self._policy, "size", None)
            moved = getattr(self._policy, "moves_pixels", self.is_transformed)
            if self._pixels is not None or moved or by_header is None:
                self._size = self.pixels().size
            else:
                self._size = by_header(self.file_bytes, self.name)
        return self._size

    @property
    def policy(self) -> str:
        """The name of the image policy; empty for one without a name."""
        return str(getattr(self._policy, "name", ""))

    @property
    def is_turned(self) -> bool:
        """Whether the file declares an orientation that is applied."""
        return TURNED in (self.conversion or "")

    @property
    def identity(self) -> str:
        """The digest of what is shown, in hexadecimal: `sha256` where the image is neither turned
        nor shown in a way that depends on what its file is."""
        if self._identity is None:
            by_kind = getattr(self._policy, "variant", lambda _: TURNED if self.is_turned else "")
            variant = by_kind(self.conversion or "")
            told = f"{self.sha256} {variant}".encode()
            self._identity = hashlib.sha256(told).hexdigest() if variant else self.sha256
        return self._identity

    def verify(self) -> None:
        """Look for damage as closely as decoding does, where the file goes elsewhere undecoded."""
        if not self._verified and self._pixels is None and self.conversion is None:
            self._policy.verify(self.file_bytes, self.name)
            self._verified = True

    @property
    def is_decoded(self) -> bool:
        """Whether `pixels` are there already."""
        return self._pixels is not None

    def pixels(self) -> PillowImage.Image:
        """The image as 8-bit RGB, decoded at most once."""
        if self._pixels is None:
            self._pixels = self._policy.decode(self.file_bytes, self.name)
        return self._pixels

    @classmethod
    def from_pixels(cls, name: str, picture: PillowImage.Image) -> Image:
        """An image of these pixels, for models that make pictures of their own."""
        shown = picture.convert("RGB")
        image = cls(name, lambda: as_png(shown), _AsItIs())
        image._pixels = shown
        return image

    def crop(self, box: Box) -> Image:
        """The part of the picture in a box of its pixels, which is cut at the picture's edges.

        ValueError where less than one pixel is left.
        """
        width, height = self.pixels().size
        x0, y0 = max(0, round(box.x0)), max(0, round(box.y0))
        x1, y1 = min(width, round(box.x1)), min(height, round(box.y1))
        if x0 >= x1 or y0 >= y1:
            raise ValueError(f"{self.name}: nothing of its {width} × {height} pixels is in {box}")
        part = self.pixels().crop((x0, y0, x1, y1))
        return Image.from_pixels(f"{self.name}[{x0},{y0},{x1},{y1}]", part)

    def resized(self, width: int, height: int) -> Image:
        """The picture at another size, in pixels, by Lanczos' filter."""
        from PIL import Image as Pillow

        picture = self.pixels().resize((width, height), Pillow.Resampling.LANCZOS)
        return Image.from_pixels(f"{self.name}[{width}x{height}]", picture)

    def __repr__(self) -> str:
        return f"Image({self.name!r})"


class _AsItIs:
    """The policy of a picture that is 8-bit RGB already."""

    def check(self, content: bytes, name: str) -> str | None:
        return None

    def verify(self, content: bytes, name: str) -> None: ...

    def decode(self, content: bytes, name: str) -> PillowImage.Image:
        from PIL import Image as Pillow

        return Pillow.open(io.BytesIO(content)).convert("RGB")


def as_png(picture: PillowImage.Image) -> bytes:
    """The picture as a PNG file: the same pixels, quickly made."""
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


@dataclass(frozen=True, slots=True)
class Box:
    """An upright box in pixels of the file, x to the right and y down; `name` is what it holds."""

    x0: float
    y0: float
    x1: float
    y1: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class Polygon:
    """An outline in pixels of the file: x0, y0, x1, y1, …; `name` is what it is around."""

    points: tuple[float, ...]
    name: str = ""
