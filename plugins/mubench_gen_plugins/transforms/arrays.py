"""Pictures as arrays of values from 0 to 1, and the filters that several transforms share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

    Values = NDArray[np.float32]


def values(picture: Picture) -> Values:
    """Height × width × 3 values from 0 to 1."""
    return np.asarray(picture, np.float32) / np.float32(255)


def picture_of(found: NDArray[Any]) -> Picture:
    """The values as 8-bit RGB, rounded; those outside 0 to 1 are cut off."""
    from PIL import Image

    return Image.fromarray((found.clip(0, 1) * 255).round().astype(np.uint8))


def by_areas(picture: Picture, size: tuple[int, int]) -> Picture:
    """A smaller picture: each pixel the mean of the area that it covers, of pixels in part too.

    (Pillow's box filter takes a pixel as a whole or not at all, which is the same only where the
    old size is a multiple of the new one.)
    """
    from PIL import Image

    found = np.asarray(picture, np.float64)
    for axis, length in enumerate((size[1], size[0])):
        if length != found.shape[axis]:
            found = _means_along(found, length, axis)
    return Image.fromarray(np.rint(found).clip(0, 255).astype(np.uint8))


def _means_along(found: NDArray[np.float64], length: int, axis: int) -> NDArray[np.float64]:
    """The means over `length` equal parts of an axis: differences of its integral at their ends."""
    cells = np.moveaxis(found, axis, 0)
    integral = np.concatenate([np.zeros_like(cells[:1]), cells.cumsum(axis=0)])
    ends = np.linspace(0, len(cells), length + 1)
    whole = ends.astype(np.int64).clip(max=len(cells) - 1)
    part = (ends - whole).reshape(-1, *(1,) * (cells.ndim - 1))
    at_ends = integral[whole] + part * cells[whole]
    return np.moveaxis(np.diff(at_ends, axis=0) * (length / len(cells)), 0, axis)


def gaussian(sigma: float, truncate: float = 4.0) -> Values:
    """The weights of a Gaussian that is cut off at `truncate` standard deviations."""
    reach = int(truncate * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum(), np.float32)


def along(found: Values, weights: Values, axis: int, edge: Any = "edge") -> Values:
    """The values filtered along an axis; beyond the border as numpy.pad's mode says."""
    reach, size = len(weights) // 2, found.shape[axis]
    padded = np.pad(found, [(reach,) * 2 if at == axis else (0, 0) for at in range(3)], mode=edge)
    total = np.zeros_like(found)
    for at, weight in enumerate(weights):
        total += weight * np.moveaxis(np.moveaxis(padded, axis, 0)[at : at + size], 0, axis)
    return total


def filtered(found: Values, kernel: NDArray[Any], edge: Any = "reflect") -> Values:
    """Each value as the sum of those around it, weighted by a kernel of odd sides; beyond the
    border as numpy.pad's mode says."""
    from scipy import fft

    down, across = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(found, [(down, down), (across, across), (0, 0)], mode=edge)
    size = [fft.next_fast_len(length, real=True) for length in padded.shape[:2]]
    weights = fft.rfft2(kernel[::-1, ::-1, np.newaxis].astype(np.float32), size, axes=(0, 1))
    made = fft.irfft2(fft.rfft2(padded, size, axes=(0, 1)) * weights, size, axes=(0, 1))
    height, width, _ = found.shape
    return np.asarray(made[2 * down : 2 * down + height, 2 * across : 2 * across + width])


def to_hsv(found: Values) -> tuple[Values, Values, Values]:
    """Hue, saturation and value, each from 0 to 1; a grey has hue 0 (red)."""
    top = found.max(axis=2)
    span = top - found.min(axis=2)
    safe = np.where(span > 0, span, 1)
    red, green, blue = np.moveaxis(found, 2, 0)
    sixths = np.select(
        [top == red, top == green], [(green - blue) / safe, 2 + (blue - red) / safe],
        4 + (red - green) / safe,
    )  # fmt: skip
    return sixths / 6 % 1, span / np.where(top > 0, top, 1), top


def from_hsv(hue: Values, saturation: Values, value: Values) -> Values:
    """The colours with these hues, saturations and values."""
    channels = []
    for offset in (5, 3, 1):
        sector = (offset + hue * 6) % 6
        missing = np.minimum(sector, 4 - sector).clip(0, 1)
        channels.append(value * (1 - saturation * missing))
    return np.stack(channels, axis=2)
