"""Planes with their windows and colours → 8-bit RGB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mubench_gen.images.bands import bands
from mubench_gen.images.colours import Colour
from mubench_gen.images.contrast import full_scale, greatest
from mubench_gen.images.ranges import shares, spread

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image as PillowImage


_CLEAR = ("RGBA", "RGBa", "LA", "La")


def blended(
    planes: Sequence[NDArray[Any]],
    windows: Sequence[tuple[float, float]],
    colours: Sequence[Colour],
) -> PillowImage.Image:
    """Planes in their colours, added up."""
    import numpy as np
    from PIL import Image

    height, width = planes[0].shape
    picture = Image.new("RGB", (width, height))
    for rows in bands(width, height):
        band = np.zeros((rows.stop - rows.start, width, 3))
        for plane, (low, high), colour in zip(planes, windows, colours, strict=True):
            share = _light(plane[rows], low, high)
            band += share[..., None] * np.asarray(colour)
        drawn = Image.fromarray(band.clip(0, 255).round().astype(np.uint8))
        picture.paste(drawn, (0, rows.start))
    return picture


def _light(values: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """Values as light from 0 to 1: none where there is no number, all of it at infinity."""
    import numpy as np

    found = shares(values, low, high).clip(0, 1)
    return np.where(np.isposinf(values), 1.0, found) if values.dtype.kind == "f" else found


def from_samples(
    plane: NDArray[Any], limits: tuple[float, float], samples: str
) -> PillowImage.Image:
    """Colour samples as 8-bit RGB; transparency over white, inks as light."""
    import numpy as np
    from PIL import Image

    height, width = plane.shape[:2]
    picture = Image.new("RGB", (width, height))
    full = greatest(plane.dtype)
    if samples in _CLEAR:
        _, most = spread([plane]) or (0.0, full)
        full = full_scale(most, plane.dtype)
    for rows in bands(width, height):
        part = plane[rows]
        light = _light(part, *limits)
        if samples == "CMYK":
            light = 1 - shares(part, 0, full)
            light = (light[..., :3] * light[..., 3:]).clip(0, 1)
        elif samples in _CLEAR:
            clear = shares(part[..., -1:], 0, full).clip(0, 1)
            colour = light[..., :-1] if samples[-1] == "a" else light[..., :-1] * clear
            light = (colour + (1 - clear)).clip(0, 1)
        drawn = np.broadcast_to(light * 255, (*light.shape[:2], 3)).round().astype(np.uint8)
        picture.paste(Image.fromarray(drawn), (0, rows.start))
    return picture
