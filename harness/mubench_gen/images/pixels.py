"""Decoded images → 8-bit RGB, in bands of rows where a whole copy would be made."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mubench_gen.errors import ImageError
from mubench_gen.images import jpeg
from mubench_gen.images.bands import bands
from mubench_gen.images.files import opened, orientation
from mubench_gen.images.ranges import shares, spread

if TYPE_CHECKING:
    from PIL import Image as PillowImage

BYTES_A_VALUE = {"I": 4, "F": 4, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
DEEP = frozenset(BYTES_A_VALUE)
_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_PLAIN = frozenset({"1", "L", "RGB", "RGBX", "P", "CMYK", "YCbCr", "LAB", "HSV"})


def loaded(content: bytes, name: str) -> PillowImage.Image:
    """The file decoded. ImageError if it cannot be, or is a truncated JPEG."""
    load = partial(_loaded, name=name)
    try:
        return jpeg.load_whole(content, load) if jpeg.is_jpeg(content) else load(content)
    except ImageError:
        raise
    except Exception as error:  # decoders raise what they like on damaged files
        raise ImageError(f"{name}: cannot be decoded: {error}") from None


def turned(picture: PillowImage.Image, number: int) -> PillowImage.Image:
    """The picture with that orientation applied."""
    from PIL.Image import Transpose

    turn = {
        2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE, 6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(number)  # fmt: skip
    return picture if turn is None else picture.transpose(turn)


def upright(picture: PillowImage.Image) -> PillowImage.Image:
    """The picture turned as its file declares."""
    return turned(picture, orientation(picture))


def to_rgb(picture: PillowImage.Image, name: str) -> PillowImage.Image:
    """8-bit RGB of decoded pixels: deep ones are scaled, transparent ones laid over white."""
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture.copy() if picture.readonly else picture
    if picture.mode in DEEP:
        return _scaled(picture, name).convert("RGB")
    if is_clear(picture):
        return _over_white(picture)
    if picture.mode in _PLAIN:
        return picture.convert("RGB")
    raise ImageError(f"{name}: pixels of mode {picture.mode!r} have no rule in the image policy")


def is_clear(picture: PillowImage.Image) -> bool:
    """Whether some pixels may be transparent."""
    return picture.mode in _ALPHA or "transparency" in picture.info


def _loaded(content: bytes, name: str) -> PillowImage.Image:
    picture = opened(content, name)
    picture.load()
    return picture


def _rows(picture: PillowImage.Image, rows: slice) -> PillowImage.Image:
    return picture.crop((0, rows.start, picture.width, rows.stop))


def _scaled(picture: PillowImage.Image, name: str) -> PillowImage.Image:
    """8-bit grey of a deep image, its own least value black and its greatest white."""
    import numpy as np
    from PIL import Image as Pillow

    limits = spread(np.asarray(_rows(picture, rows)) for rows in bands(*picture.size))
    if limits is None:
        raise ImageError(f"{name}: holds no finite value")
    grey = Pillow.new("L", picture.size)
    for rows in bands(*picture.size):
        values = shares(np.asarray(_rows(picture, rows)), *limits) * 255
        grey.paste(Pillow.fromarray(values.round().astype(np.uint8)), (0, rows.start))
    return grey


def _over_white(picture: PillowImage.Image) -> PillowImage.Image:
    from PIL import Image as Pillow

    found = Pillow.new("RGB", picture.size)
    for rows in bands(*picture.size):
        layer = _rows(picture, rows).convert("RGBA")
        white = Pillow.new("RGBA", layer.size, "white")
        found.paste(Pillow.alpha_composite(white, layer).convert("RGB"), (0, rows.start))
    return found
