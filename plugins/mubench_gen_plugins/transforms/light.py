"""Brightness, contrast and colour, and uneven illumination."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from mubench_gen_plugins.transforms.arrays import Values

Share = Annotated[float, Field(ge=0, le=1)]
Order = Literal["rbg", "grb", "gbr", "brg", "bgr"]
_TINTS = {
    "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1),
    "cyan": (0, 1, 1), "magenta": (1, 0, 1), "yellow": (1, 1, 0),
}  # fmt: skip
Tint = Literal["red", "green", "blue", "cyan", "magenta", "yellow"]


def brightness(picture: Picture, add: Annotated[float, Field(ge=-1, le=1)] = 0.1) -> Picture:
    """The value of HSV plus `add`; below 0 darker."""
    from mubench_gen_plugins.transforms.arrays import from_hsv, picture_of, to_hsv, values

    hue, saturation, value = to_hsv(values(picture))
    return picture_of(from_hsv(hue, saturation, (value + add).clip(0, 1)))


def contrast(picture: Picture, keep: Annotated[float, Field(ge=0, le=100)] = 0.4) -> Picture:
    """The distance of each value from its colour's mean, times `keep`."""
    from mubench_gen_plugins.transforms.arrays import picture_of, values

    found = values(picture)
    middle = found.mean(axis=(0, 1))
    return picture_of((found - middle) * keep + middle)


def gamma(picture: Picture, gamma: Annotated[float, Field(gt=0, le=100)] = 1.5) -> Picture:
    """Each value to the power of gamma: above 1 darker, below 1 brighter."""
    from mubench_gen_plugins.transforms.arrays import picture_of, values

    return picture_of(values(picture) ** gamma)


def saturation(
    picture: Picture,
    times: Annotated[float, Field(ge=0, le=1_000)] = 0.3,
    add: Annotated[float, Field(ge=-1, le=1)] = 0.0,
) -> Picture:
    """The saturation of HSV times `times` plus `add`; greys have the hue of red."""
    from mubench_gen_plugins.transforms.arrays import from_hsv, picture_of, to_hsv, values

    hue, found, value = to_hsv(values(picture))
    return picture_of(from_hsv(hue, (found * times + add).clip(0, 1), value))


def hue(picture: Picture, degrees: Annotated[float, Field(ge=-360, le=360)] = 20.0) -> Picture:
    """The hue of HSV turned by so many degrees."""
    from mubench_gen_plugins.transforms.arrays import from_hsv, picture_of, to_hsv, values

    found, saturated, value = to_hsv(values(picture))
    return picture_of(from_hsv((found + degrees / 360) % 1, saturated, value))


def grayscale(picture: Picture) -> Picture:
    """The luma of each pixel in all three channels (ITU-R 601-2)."""
    return picture.convert("L").convert("RGB")


def invert(picture: Picture) -> Picture:
    """Bright becomes dark: 255 minus each value."""
    from PIL import ImageChops

    return ImageChops.invert(picture)


def channel_swap(picture: Picture, order: Order = "bgr") -> Picture:
    """Red, green and blue in another order: "bgr" swaps red and blue."""
    from PIL import Image

    bands = dict(zip("rgb", picture.split(), strict=True))
    return Image.merge("RGB", [bands[name] for name in order])


def pseudo_colour(picture: Picture, colour: Tint = "green") -> Picture:
    """The luma of each pixel in one colour on black, as a fluorescence channel is shown."""
    from PIL import Image

    luma = picture.convert("L")
    dark = Image.new("L", picture.size)
    return Image.merge("RGB", [luma if lit else dark for lit in _TINTS[colour]])


def vignette(picture: Picture, loss: Share = 0.2) -> Picture:
    """Darker with the square of the distance from the middle; at the corners by `loss`."""
    import numpy as np

    from mubench_gen_plugins.transforms.arrays import picture_of, values

    down, across = _grid(picture)
    return picture_of(values(picture) * (1 - loss * (down**2 + across**2) / 2)[..., np.newaxis])


def uneven_light(picture: Picture, seed: int, loss: Share = 0.2) -> Picture:
    """Darker from one side to the other, by `loss` at the end; the direction by the seed."""
    import numpy as np

    from mubench_gen_plugins.transforms.arrays import picture_of, values

    angle = np.random.default_rng(seed).uniform(0, 2 * math.pi)
    down, across = _grid(picture)
    slope = across * math.cos(angle) + down * math.sin(angle)
    reach = abs(math.cos(angle)) + abs(math.sin(angle))
    return picture_of(values(picture) * (1 - loss * (slope / reach + 1) / 2)[..., np.newaxis])


def _grid(picture: Picture) -> tuple[Values, Values]:
    """The places of the pixels down and across, from -1 to 1."""
    import numpy as np

    down = np.linspace(-1, 1, picture.height, dtype=np.float32)[:, np.newaxis]
    return down, np.linspace(-1, 1, picture.width, dtype=np.float32)[np.newaxis]
