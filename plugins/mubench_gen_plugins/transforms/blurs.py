"""Blurs: Gaussian, out of focus, and of a moving stage."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Sigma = Annotated[float, Field(gt=0, le=1_000)]


def blur(picture: Picture, sigma: Sigma = 1.0) -> Picture:
    """A Gaussian blur; sigma in pixels. (Pillow's: three box blurs.)"""
    from PIL import ImageFilter

    return picture.filter(ImageFilter.GaussianBlur(sigma))


def gaussian_blur(picture: Picture, sigma: Annotated[float, Field(gt=0, le=100)] = 1.0) -> Picture:
    """A Gaussian blur of sigma pixels, cut off at 4 sigma; the border's pixels are repeated."""
    from mubench_gen_plugins.transforms.arrays import along, gaussian, picture_of, values

    weights = gaussian(sigma)
    return picture_of(along(along(values(picture), weights, 0), weights, 1))


def defocus_blur(
    picture: Picture,
    radius: Annotated[int, Field(ge=1, le=100)] = 3,
    softness: Annotated[float, Field(gt=0, le=10)] = 0.1,
) -> Picture:
    """A blur with a disk of that radius, whose rim is softened by a Gaussian of `softness`."""
    import numpy as np

    from mubench_gen_plugins.transforms.arrays import along, filtered, picture_of, values

    reach = max(8, radius)
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = (down**2 + across**2 <= radius**2).astype(np.float32)
    taps = 1 if radius <= 8 else 2
    rim = np.exp(-0.5 * (np.arange(-taps, taps + 1) / softness) ** 2).astype(np.float32)
    kernel = disk[..., None] / disk.sum()
    for axis in (0, 1):
        kernel = along(kernel, rim / rim.sum(), axis, "reflect")
    return picture_of(filtered(values(picture), kernel[..., 0]))


def motion_blur(
    picture: Picture,
    seed: int,
    radius: Annotated[int, Field(ge=1, le=200)] = 10,
    sigma: Sigma = 3.0,
) -> Picture:
    """A trail of 2 × radius + 1 pixels with half-Gaussian weights, from -45° to 45° by the seed."""
    import numpy as np

    from mubench_gen_plugins.transforms.arrays import filtered, picture_of, values

    angle = math.radians(np.random.default_rng(seed).uniform(-45, 45))
    reach = 2 * radius + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    for step in range(2 * radius + 1):
        down = math.ceil(step * math.sin(angle) - 0.5)
        across = math.ceil(step * math.cos(angle) - 0.5)
        kernel[reach + down, reach + across] += math.exp(-0.5 * (step / sigma) ** 2)
    return picture_of(filtered(values(picture), kernel / kernel.sum(), "edge"))
