"""The image policy: what is checked before an image is decoded, and how it becomes RGB.

Files are looked at by their header first, so that a small file of enormous dimensions is
refused before memory is taken. Nothing but 8-bit values is ever handed to Pillow's own
conversion, which saturates 16-bit and float images to white.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ImageError
from mubench_gen.images.files import (
    is_png,
    is_png_exif,
    may_be_turned,
    opened,
    orientation,
    png_chunks,
)
from mubench_gen.images.jpeg import check_end, is_jpeg
from mubench_gen.images.notes import (
    depth_note,
    joined,
    mode_note,
    page_note,
    png_note,
    png_pages,
    turn_note,
)
from mubench_gen.images.pixels import BYTES_A_VALUE, loaded, to_rgb, upright
from mubench_gen.images.time_limit import Timed
from mubench_gen.images.transform import ChosenTransform
from mubench_gen.types import TURNED, Image

if TYPE_CHECKING:
    from PIL import Image as PillowImage

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MOST_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class StandardPolicy:
    """Named choices, recorded in the manifest; those that make the picture are in every key.

    `depth`: 16-bit, 32-bit and float images are scaled linearly, their own minimum to 0
    and maximum to 255 (16-bit colour keeps its high byte: Pillow reads no more).
    `alpha`: transparent pixels are laid over white. `pages`: of several pages, the first.
    `orientation`: what a file declares (EXIF) is applied, as viewers do.
    `max_bytes`: the largest decoded size (width × height × channels × bytes) accepted;
    `max_pixels`: the largest width × height; `seconds`: the longest that reading, checking or
    decoding one image may take. `transform`: what is done to the decoded picture at last.
    """

    name: str = "standard-1"
    depth: str = "minmax"
    alpha: str = "white"
    pages: str = "first"
    max_bytes: int = _MOST_BYTES
    orientation: str = "applied"
    max_pixels: int = _MOST_BYTES // 3
    seconds: float | None = field(default=None, compare=False)
    transform: ChosenTransform | None = None

    @property
    def splits(self) -> bool:
        """Whether one file may be several images: its planes or times."""
        return False

    def frames(self, content: bytes, name: str) -> list[tuple[str, str]]:
        """The images of a file that is several, by name and conversion; empty for one image."""
        return []

    def pictures(self, content: bytes, name: str) -> list[PillowImage.Image]:
        """The pictures of `frames`."""
        return [self.decode(content, name)]

    @property
    def transforms(self) -> bool:
        """Whether the decoded picture is changed by a plugin's transform."""
        return self.transform is not None

    @property
    def moves_pixels(self) -> bool:
        """Whether the transform may move what is seen or change the size."""
        return self.transform is not None and self.transform.transform.moves_pixels

    def untransformed(self) -> StandardPolicy:
        """The same policy for pictures that were transformed already."""
        return self if self.transform is None else replace(self, transform=None)

    def as_dict(self) -> dict[str, Any]:
        """What the manifest records."""
        named = [one.name for one in fields(self) if one.name not in ("seconds", "transform")]
        transform = {} if self.transform is None else {"transform": self.transform.identity()}
        return {**{name: getattr(self, name) for name in named}, **transform}

    def identity(self) -> dict[str, Any]:
        """The policy's part of every key. The limits change no picture, and an orientation is in
        the key of the image that declares one."""
        return {
            **{n: v for n, v in self.as_dict().items() if n not in ("orientation", "max_pixels")},
            "max_bytes": _MOST_BYTES,  # its value before it could be chosen: keys stay the same
        }

    def check(self, content: bytes, name: str) -> str | None:
        """What decoding will change, None for nothing; ImageError for a file that it refuses."""
        done = None if self.transform is None else self.transform.words
        return joined(self._conversion(content, name), done)

    def _conversion(self, content: bytes, name: str) -> str | None:
        """What decoding will change without the transform."""
        if is_png(content):
            return self._check_png(content, name)
        with opened(content, name) as picture:
            self._check_size(picture.size, _bytes_a_pixel(picture.mode), name)
            pages = _page_count(picture, name)
            if is_jpeg(content):
                check_end(content, name)
            notes = depth_note(picture), mode_note(picture), page_note(pages)
            return joined(*notes, turn_note(orientation(picture)))

    def may_change(self, content: bytes) -> bool:
        """Whether another program may show the file in another way; a quick look, not a check."""
        return may_be_turned(content)

    def is_redrawn(self, content: bytes, name: str) -> bool:
        """Whether a PNG of the pixels stands for the file where it is read in place of them; not
        for a damaged one, of which there are none."""
        try:
            return self.may_change(content) and self.check(content, name) is not None
        except ImageError:
            return False

    def variant(self, conversion: str) -> str:
        """What the key of an image says beside its file's digest and the policy, by what decoding
        changes: nothing where that is the same for all files."""
        return TURNED if TURNED in conversion else ""

    def size(self, content: bytes, name: str) -> tuple[int, int]:
        """Width and height of the picture without the transform, by the file's header."""
        if is_png(content) and not may_be_turned(content):  # Pillow would decode it for its EXIF
            return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
        with opened(content, name) as picture:
            width, height = picture.size
            return (height, width) if orientation(picture) > 4 else (width, height)

    def verify(self, content: bytes, name: str) -> None:
        """Check a file that goes to a model undecoded: ImageError for damage that `check` does
        not see and a decoder does not report."""
        if is_jpeg(content):
            loaded(content, name)

    def decode(self, content: bytes, name: str) -> PillowImage.Image:
        """8-bit RGB by this policy, transformed."""
        return self.transformed(self._decoded(content, name), content, name)

    def transformed(
        self, picture: PillowImage.Image, content: bytes, name: str
    ) -> PillowImage.Image:
        """The decoded picture after the transform, if there is one."""
        if self.transform is None:
            return picture
        made = self.transform.apply(picture, content, name)
        self._check_size(made.size, 3, f"{name}: transformed")
        return made

    def _decoded(self, content: bytes, name: str) -> PillowImage.Image:
        """8-bit RGB without the transform."""
        self._conversion(content, name)
        picture = to_rgb(upright(loaded(content, name)), name)
        picture.info = {}  # else a model may turn the picture again, or apply a profile
        return picture

    def _check_size(self, size: tuple[int, int], bytes_a_pixel: float, name: str) -> None:
        width, height = size
        if width < 1 or height < 1:
            raise ImageError(f"{name}: an image of {width} × {height} has no pixels")
        pixels = width * height
        if pixels > self.max_pixels:
            raise ImageError(
                f"{name}: {width:,} × {height:,} are {pixels:,} pixels; the policy's limit is "
                f"{self.max_pixels:,} (--image-set max_pixels={pixels})"
            )
        self._check_bytes(pixels * bytes_a_pixel, f"{width:,} × {height:,} pixels", name)

    def _check_bytes(self, needed: float, what: str, name: str) -> None:
        if needed > self.max_bytes:
            raise ImageError(
                f"{name}: {what} decode to {needed / 2**20:,.0f} MiB; the policy's limit is "
                f"{self.max_bytes / 2**20:,.0f} MiB (--image-set max_bytes={needed:.0f})"
            )

    def _check_png(self, content: bytes, name: str) -> str | None:
        depth = colour = 0
        kinds: list[bytes] = []
        frames, turned = 0, 1
        for kind, body in png_chunks(content, name):
            kinds.append(kind)
            if kind == b"IHDR" and len(body) == 13:
                width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
                depth, colour = body[8], body[9]
                values = _PNG_CHANNELS.get(colour, 4)
                self._check_size((width, height), values * max(depth, 8) / 8, name)
            elif kind == b"acTL":
                frames = int.from_bytes(body[:4], "big")
            if is_png_exif(kind, body):
                turned = orientation(opened(content, name))
        if not depth or kinds[-1] != b"IEND":
            raise ImageError(
                f"{name}: the PNG file is truncated (no {'end' if depth else 'header'})"
            )
        notes = png_note(depth, colour, b"tRNS" in kinds), page_note(png_pages(frames, kinds))
        return joined(*notes, turn_note(turned))


def open_image(name: str, load: Callable[[], bytes], policy: StandardPolicy) -> Image:
    """An image that is read when it is first used; ImageError if it cannot be read."""

    def read() -> bytes:
        try:
            content = load()
        except (OSError, ValueError) as error:  # ValueError: a name with a null character
            reason = getattr(error, "strerror", None) or error
            raise ImageError(f"{name}: cannot be read: {reason}") from None
        if not content:
            raise ImageError(f"{name}: the file is empty")
        return content

    if policy.seconds is None:
        return Image(name, read, policy)
    timed = Timed(name, read, policy, policy.seconds)
    return Image(name, timed.read, timed)


def _bytes_a_pixel(mode: str) -> float:
    from PIL import ImageMode

    try:
        bands = len(ImageMode.getmode(mode).bands)
    except KeyError:  # a mode of the decoder's own; decoding refuses it
        bands = 4
    return bands * BYTES_A_VALUE.get(mode, 1)


def _page_count(picture: PillowImage.Image, name: str) -> int:
    try:
        return int(getattr(picture, "n_frames", 1))
    except Exception as error:  # counting pages walks the file
        raise ImageError(f"{name}: its pages cannot be counted: {error}") from None
