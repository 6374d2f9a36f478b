"""An image as a small WebP picture of so many bytes at most."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image as PillowImage

# (longest side in pixels, WebP quality), the best first.
_STEPS = (
    (384, 72), (320, 68), (256, 64), (224, 60), (192, 56), (160, 52), (144, 48), (128, 44),
    (112, 40), (96, 34), (80, 28), (64, 22), (48, 16),
)  # fmt: skip
# Bytes of the whole page: 5 MB with up to 1,000 pictures, 20 MB with 5,000.
_PAGE, _SMALL_PAGE, _A_FURTHER = 4_800_000, 1_000, 3_700
_LEAST, _MOST = 1_200, 20_000  # bytes of one picture


def bytes_a_picture(pictures: int, *, taken: int) -> int:
    """How large each of so many pictures may be where the rest of the page takes `taken`."""
    page = _PAGE + _A_FURTHER * max(0, pictures - _SMALL_PAGE)
    room = (page - taken) * 3 // 4  # they stand in base64
    return min(_MOST, max(_LEAST, room // max(1, pictures)))


def thumbnail(pixels: PillowImage.Image, most: int) -> bytes:
    """WebP of the best size and quality that takes `most` bytes; never larger than the image.

    Of an image that resists even the smallest size, that size.
    """
    steps = [step for step in _STEPS if step[0] <= 3.6 * most**0.5]  # hardly one is so smooth
    tried, last = 0, len(steps) - 1
    content = _encoded(pixels, *steps[0])
    while len(content) > most and tried < last:
        # Bytes go about with the pixels and the quality: try next what should then fit.
        cost = _cost(pixels, *steps[tried]) * most / len(content)
        fitting = (i for i in range(tried + 1, last) if _cost(pixels, *steps[i]) <= cost)
        too_large, tried = tried, next(fitting, last)
        content = _encoded(pixels, *steps[tried])
        while len(content) < 0.6 * most and tried - 1 > too_large:  # noise gets smooth when small
            better = _encoded(pixels, *steps[tried - 1])
            if len(better) > most:
                return content
            content, tried = better, tried - 1
    return content


def _cost(pixels: PillowImage.Image, side: int, quality: int) -> float:
    return min(side, max(pixels.size)) ** 2 * (quality + 25.0)


def _encoded(pixels: PillowImage.Image, side: int, quality: int) -> bytes:
    from PIL import Image as Pillow

    small = pixels
    if max(pixels.size) > side:
        scale = side / max(pixels.size)
        width, height = (max(1, round(length * scale)) for length in pixels.size)
        small = pixels.resize((width, height), Pillow.Resampling.HAMMING)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()
