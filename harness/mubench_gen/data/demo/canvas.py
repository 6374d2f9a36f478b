"""What the scenes paint with: noise, outlines, stains, colour tables and sensors.

Arrays are float32, intensities in 0 … 1, shape (height, width) or (height, width, 3);
lengths are pixels, angles radians.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Floats = npt.NDArray[np.float32]
Shape = tuple[int, int]
Point = tuple[float, float]
Random = np.random.Generator

# Optical densities of unit stain for red, green, blue (Ruifrok & Johnston 2001).
HEMATOXYLIN = (0.65, 0.70, 0.29)
EOSIN = (0.07, 0.99, 0.11)
DAB = (0.27, 0.57, 0.78)


def resize(field: Floats, shape: Shape) -> Floats:
    """The field at another size, bicubic; may overshoot its range a little."""
    height, width = shape
    image = Image.fromarray(field).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float32)


def soften(field: Floats, radius: float) -> Floats:
    """A cheap blur: reduced by `radius` and enlarged again (shape unchanged)."""
    if radius <= 1:
        return field
    height, width = field.shape
    small = (max(2, round(width / radius)), max(2, round(height / radius)))
    image = Image.fromarray(field).resize(small, Image.Resampling.HAMMING)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float32)


def clouds(rng: Random, shape: Shape, cell: float, octaves: int = 2) -> Floats:
    """Smooth noise, mean 0.5, with features of `cell` pixels and finer ones below."""
    total = np.zeros(shape, np.float32)
    weight = 1.0
    for octave in range(octaves):
        size = max(2.0, cell / 2**octave)
        grid = (round(shape[0] / size) + 2, round(shape[1] / size) + 2)
        total += weight * (resize(rng.random(grid, dtype=np.float32), shape) - 0.5)
        weight /= 2
    return total + np.float32(0.5)


def grain(rng: Random, shape: Shape, sigma: float) -> Floats:
    """White sensor noise of standard deviation `sigma`."""
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(sigma)


def shot_noise(rng: Random, light: Floats, photons: float) -> Floats:
    """Poisson noise of `photons` at intensity 1, in its Gaussian limit."""
    spread = np.sqrt(np.maximum(light, 0) / np.float32(photons))
    return light + rng.standard_normal(light.shape, dtype=np.float32) * spread


def smoothstep(field: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between; falling where low > high."""
    t: Floats = np.clip((field - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True, slots=True)
class Patch:
    """A window of a canvas around an ellipse: `radius` is 0 at its centre, 1 on its rim."""

    window: tuple[slice, slice]
    radius: Floats


def patch(shape: Shape, centre: Point, radii: Point, angle: float, reach: float) -> Patch:
    """The window that holds the ellipse out to `reach` times its radii, cut at the canvas."""
    extent = max(radii) * reach + 1
    top, bottom = _span(centre[0], extent, shape[0])
    left, right = _span(centre[1], extent, shape[1])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(centre[0])
    x = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(centre[1])
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = (y * cos + x * sin) / np.float32(radii[0])
    across = (x * cos - y * sin) / np.float32(radii[1])
    return Patch((slice(top, bottom), slice(left, right)), np.hypot(along, across))


def _span(centre: float, extent: float, size: int) -> tuple[int, int]:
    low = int(np.clip(centre - extent, 0, size))
    return low, int(np.clip(centre + extent + 1, low, size))


def add_glow(
    canvas: Floats,
    centre: Point,
    radii: Point,
    *,
    angle: float = 0.0,
    peak: float = 1.0,
) -> None:
    """Add a Gaussian spot whose standard deviation is half of `radii`, in place."""
    spot = patch(_shape(canvas), centre, radii, angle, reach=1.6)
    canvas[spot.window] += np.float32(peak) * np.exp(-2 * spot.radius**2)


def outline(
    rng: Random, centre: Point, radii: Point, *, angle: float = 0.0, wobble: float = 0.0
) -> list[Point]:
    """A closed outline of 24 (x, y) points: an ellipse whose radius wobbles by that share."""
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    phase = rng.uniform(0, 2 * np.pi, 3)
    waves = sum(np.cos(k * turn + phase[k - 2]) / k for k in (2, 3, 4))
    scale = 1 + wobble * waves
    along, across = radii[0] * scale * np.cos(turn), radii[1] * scale * np.sin(turn)
    y = centre[0] + along * np.cos(angle) - across * np.sin(angle)
    x = centre[1] + along * np.sin(angle) + across * np.cos(angle)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def filled(shape: Shape, outlines: Iterable[tuple[Sequence[Point], float]]) -> Floats:
    """Outlines filled with their values (0 … 1), later ones over earlier ones."""
    image = Image.new("L", (shape[1], shape[0]))
    draw = ImageDraw.Draw(image)
    for points, value in outlines:
        draw.polygon(points, fill=round(255 * value))
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def stroked(shape: Shape, lines: Iterable[tuple[Sequence[Point], float]], width: float) -> Floats:
    """Open (x, y) lines drawn `width` pixels wide with their values (0 … 1)."""
    image = Image.new("L", (shape[1], shape[0]))
    draw = ImageDraw.Draw(image)
    for points, value in lines:
        draw.line(points, fill=round(255 * value), width=max(1, round(width)), joint="curve")
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def wander(
    rng: Random,
    start: Point,
    *,
    angle: float,
    length: float,
    bend: float,
    step: float = 4.0,
) -> list[Point]:
    """A line of (x, y) points from `start` (y, x) whose heading drifts by `bend` a step."""
    steps = max(2, round(length / step))
    headings = angle + np.cumsum(rng.normal(0, bend, steps))
    y = start[0] + step * np.cumsum(np.sin(headings))
    x = start[1] + step * np.cumsum(np.cos(headings))
    return list(zip(x.tolist(), y.tolist(), strict=True))


def scatter(rng: Random, shape: Shape, count: int, *, gap: float, margin: float) -> list[Point]:
    """`count` (y, x) places at least `gap` apart where that can be had in 30 tries each."""
    places: list[Point] = []
    for _ in range(count):
        for _ in range(30):
            y = float(rng.uniform(margin, shape[0] - margin))
            x = float(rng.uniform(margin, shape[1] - margin))
            if all((y - v) ** 2 + (x - u) ** 2 >= gap * gap for v, u in places):
                break
        places.append((y, x))
    return places


def stained(layers: Iterable[tuple[Floats, Sequence[float]]], light: Sequence[float]) -> Floats:
    """Transmitted light after layers of (density, stain), by Beer and Lambert's law.

    `light` is the lamp's red, green, blue; the result has shape (height, width, 3).
    """
    picture: Floats = np.asarray(light, np.float32)
    for density, stain in layers:
        picture = picture * np.exp(-density[..., None] * np.asarray(stain, np.float32))
    return picture


def tinted(light: Floats, colour: Sequence[float]) -> Floats:
    """Grey intensities as shades of one colour that turns white where it saturates."""
    glare = np.maximum(light - np.float32(0.85), 0)[..., None]
    rgb: Floats = light[..., None] * np.asarray(colour, np.float32) + glare
    return rgb


def grey(light: Floats) -> Floats:
    """Grey intensities as three equal channels."""
    return np.repeat(light[..., None], 3, axis=2)


def jittered(rng: Random, colour: Sequence[float], spread: float) -> tuple[float, ...]:
    """The colour with each channel moved by up to `spread`, not below 0."""
    return tuple(max(0.0, c + float(rng.uniform(-spread, spread))) for c in colour)


def vignette(shape: Shape, strength: float) -> Floats:
    """Uneven lighting: 1 in the middle, 1 − `strength` in the corners."""
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    falloff: Floats = 1 - np.float32(strength / 2) * (y * y + x * x)
    return falloff


def _shape(canvas: Floats) -> Shape:
    return canvas.shape[0], canvas.shape[1]
