"""What a picture looks like in a few numbers: whether a model can see anything on it, and which
pictures are alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mubench_gen.images.bands import bands
from mubench_gen.images.files import is_png
from mubench_gen.images.jpeg import is_jpeg

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image as PillowImage

    from mubench_gen.types import Image

_CONSTANT = 3.0  # standard deviation of the brightness, of 255 levels
_SATURATED = 0.1  # share of the pixels
_SMALL = 32  # pixels of the shorter side
_HASHED = 32  # pixels a side of what is hashed
_KEPT = 16  # pixels a side of what is compared at last
_WAVES = 8  # a side, of the 32: the hash has 63 bits
_BITS_APART, _LEVELS_APART = 6, 3.0
# Bytes a pixel: a JPEG, or a channel of a PNG, of more is of no nearly constant picture.
_PNG, _JPEG = 0.35, 0.08
_COLOURED = (2, 6)  # colour types of PNG that have three channels


@dataclass(frozen=True, slots=True)
class Appearance:
    """Of 8-bit RGB. `deviation`: the standard deviation of its brightness; `bright` and `dark`:
    the share of pixels with 255 in some channel, with 0 in all; `print`: its perceptual hash;
    `small`: 16 × 16 levels of grey."""

    width: int
    height: int
    deviation: float
    bright: float
    dark: float
    print: int
    small: bytes

    @property
    def is_nearly_constant(self) -> bool:
        return self.deviation < _CONSTANT

    def warnings(self) -> list[str]:
        """What somebody should look at before a model is asked, in words."""
        found = []
        if self.is_nearly_constant:
            found.append(
                f"nearly constant: its brightness varies by {self.deviation:.1f} of 255 levels"
            )
        elif self.bright >= _SATURATED:
            found.append(
                f"saturated, or on white: {self.bright:.0%} of its pixels are at full brightness"
            )
        if min(self.width, self.height) < _SMALL:
            found.append(f"very small: {self.width} × {self.height} pixels")
        return found


def appearance(picture: PillowImage.Image) -> Appearance:
    """The numbers of an 8-bit RGB picture, taken in bands of rows."""
    import numpy as np

    bright = dark = 0
    for rows in bands(*picture.size):
        part = picture.crop((0, rows.start, picture.width, rows.stop))
        values = np.asarray(part)
        bright += int(np.count_nonzero((values == 255).any(axis=2)))
        dark += int(np.count_nonzero(~values.any(axis=2)))
    pixels = picture.width * picture.height
    grey_picture = picture.convert("L")
    small = np.asarray(grey_picture.resize((_HASHED, _HASHED)))
    return Appearance(
        *picture.size,
        deviation=_deviation(grey_picture),
        bright=bright / pixels,
        dark=dark / pixels,
        print=_hash(small),
        small=grey_picture.resize((_KEPT, _KEPT)).tobytes(),
    )


def is_nearly_constant(picture: PillowImage.Image) -> bool:
    """Whether an 8-bit RGB picture is nearly of one brightness."""
    return _deviation(picture.convert("L")) < _CONSTANT


def _deviation(grey: PillowImage.Image) -> float:
    """The standard deviation of the brightness, of 255 levels."""
    counts = grey.histogram()
    pixels = sum(counts)
    mean = sum(level * count for level, count in enumerate(counts)) / pixels
    squares = sum(level * level * count for level, count in enumerate(counts)) / pixels
    return float(max(0.0, squares - mean * mean) ** 0.5)


def is_seen_to_be_constant(image: Image) -> bool:
    """The same of an image that nobody has decoded, at little cost: only a PNG or JPEG that is
    small for its pixels is decoded, and others are taken for varied. May raise ImageError.
    """
    content, (width, height) = image.file_bytes, image.size
    png = _PNG * (3 if content[25:26] and content[25] in _COLOURED else 1)
    most = png if is_png(content) else _JPEG if is_jpeg(content) else 0.0
    if image.conversion is not None or len(content) > most * width * height:
        return False
    return is_nearly_constant(image.pixels())


def look_alike(found: Sequence[Appearance]) -> Iterator[tuple[int, int]]:
    """Pairs of pictures that are the same to the eye: (first, later) of each later one.

    Each is compared with all earlier ones by the hash's bits, and then by its levels of grey.
    Nearly constant pictures are left out.
    """
    import numpy as np

    ones = np.array([number.bit_count() for number in range(2**16)], np.uint8)
    prints = np.array([one.print for one in found], np.uint64).view(np.uint16).reshape(-1, 4)
    for later, one in enumerate(found):
        if one.is_nearly_constant:
            continue
        apart = ones[prints[:later] ^ prints[later]].sum(axis=1)
        near = (int(first) for first in np.flatnonzero(apart <= _BITS_APART))
        for first in near:
            if not found[first].is_nearly_constant and _same_grey(found[first], one):
                yield first, later
                break


def _same_grey(one: Appearance, other: Appearance) -> bool:
    import numpy as np

    first = np.frombuffer(one.small, np.uint8).astype(np.float64)
    second = np.frombuffer(other.small, np.uint8).astype(np.float64)
    apart: float = float(np.sqrt(np.mean((first - second) ** 2)))
    return apart <= _LEVELS_APART


def _hash(small: NDArray[np.uint8]) -> int:
    """A perceptual hash: the signs of the low frequencies of the cosine transform."""
    import numpy as np

    places = np.arange(_HASHED)
    waves = np.cos(np.pi / _HASHED * (places + 0.5) * places[:_WAVES, None])
    found = (waves @ small @ waves.T).ravel()[1:]
    bits = found > np.median(found)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
