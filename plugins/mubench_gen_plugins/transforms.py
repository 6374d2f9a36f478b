"""Image transforms for ablations: does a model need the colour, the sharpness, the resolution?

Each has an entry point of its own name, so that `--image-set transform=blur:sigma=2` and
`ablate --axis transform=none,grayscale` find it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

import mubench_gen
from mubench_gen import Transform

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def grayscale(picture: Picture) -> Picture:
    """The luma of each pixel in all three channels (ITU-R 601-2)."""
    return picture.convert("L").convert("RGB")


def blur(picture: Picture, sigma: Annotated[float, Field(gt=0, le=1_000)] = 1.0) -> Picture:
    """A Gaussian blur; sigma in pixels. (Pillow's: three box blurs.)"""
    from PIL import ImageFilter

    return picture.filter(ImageFilter.GaussianBlur(sigma))


def jpeg(picture: Picture, quality: Annotated[int, Field(ge=1, le=95)] = 50) -> Picture:
    """The picture after JPEG compression at that quality, with chroma at half resolution."""
    from PIL import Image

    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return Image.open(file)


def downscale(picture: Picture, factor: Annotated[float, Field(ge=1, le=1_000)] = 2.0) -> Picture:
    """A smaller picture: each side divided by the factor, each pixel the mean of its area."""
    from PIL.Image import Resampling

    size = max(1, round(picture.width / factor)), max(1, round(picture.height / factor))
    return picture.resize(size, Resampling.BOX)


@mubench_gen.hookimpl
def mubench_gen_transforms() -> Sequence[Transform]:
    return [
        Transform("grayscale", grayscale, description="without colour"),
        Transform("blur", blur, description="Gaussian blur of sigma pixels"),
        Transform("jpeg", jpeg, description="compressed as JPEG of a quality from 1 to 95"),
        Transform("downscale", downscale, description="smaller by a factor", moves_pixels=True),
    ]
