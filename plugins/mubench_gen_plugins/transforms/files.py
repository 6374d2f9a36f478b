"""What saving, shrinking and enlarging takes from a picture."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Factor = Annotated[float, Field(ge=1, le=1_000)]
Filter = Literal["nearest", "box", "bilinear", "bicubic", "lanczos"]


def jpeg(picture: Picture, quality: Annotated[int, Field(ge=1, le=95)] = 50) -> Picture:
    """The picture after JPEG compression at that quality, with chroma at half resolution."""
    from PIL import Image

    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return Image.open(file)


def downscale(picture: Picture, factor: Factor = 2.0) -> Picture:
    """A smaller picture: each side divided by the factor, each pixel the mean of its area."""
    from mubench_gen_plugins.transforms.arrays import by_areas

    size = max(1, round(picture.width / factor)), max(1, round(picture.height / factor))
    return by_areas(picture, size)


def pixelate(picture: Picture, keep: Annotated[float, Field(gt=0, le=1)] = 0.6) -> Picture:
    """Shrunk to that share of each side and enlarged again, both with a box filter."""
    from PIL.Image import Resampling

    small = max(1, int(picture.width * keep)), max(1, int(picture.height * keep))
    return picture.resize(small, Resampling.BOX).resize(picture.size, Resampling.BOX)


def resample(
    picture: Picture, factor: Factor = 2.0, down: Filter = "lanczos", up: Filter = "bicubic"
) -> Picture:
    """Shrunk by the factor and enlarged again to its size, with these filters of Pillow."""
    from PIL.Image import Resampling

    small = max(1, round(picture.width / factor)), max(1, round(picture.height / factor))
    lower, upper = Resampling[down.upper()], Resampling[up.upper()]
    return picture.resize(small, lower).resize(picture.size, upper)


def shrink(picture: Picture, max_pixels: Annotated[int, Field(ge=1)] = 250_000) -> Picture:
    """Shrunk to at most so many pixels (width × height), by areas; a smaller one stays."""
    factor = math.sqrt(picture.width * picture.height / max_pixels)
    if factor <= 1:
        return picture
    from mubench_gen_plugins.transforms.arrays import by_areas

    size = max(1, int(picture.width / factor)), max(1, int(picture.height / factor))
    return by_areas(picture, size)


def pixel_size(
    picture: Picture,
    um: Annotated[float, Field(gt=0, le=1e4)] = 1.0,
    to: Annotated[float, Field(gt=0, le=1e4)] = 2.0,
) -> Picture:
    """A picture of `um` micrometres a pixel as at `to`: each side times um / to; larger pixels
    are means of areas, as a camera's are."""
    from PIL.Image import Resampling

    from mubench_gen_plugins.transforms.arrays import by_areas

    size = max(1, round(picture.width * um / to)), max(1, round(picture.height * um / to))
    if size[0] * size[1] > 2**28:
        raise ValueError(f"{size[0]:,} × {size[1]:,} pixels are too many")
    return by_areas(picture, size) if to > um else picture.resize(size, Resampling.BICUBIC)
