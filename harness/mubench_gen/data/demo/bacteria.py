"""Living bacteria in phase contrast, darkfield and DIC."""

from __future__ import annotations

import numpy as np

from mubench_gen.data.demo.canvas import (
    Floats,
    Point,
    Random,
    Shape,
    clouds,
    filled,
    grey,
    jittered,
    scatter,
    shot_noise,
    soften,
    stroked,
    tinted,
    vignette,
    wander,
)
from mubench_gen.data.demo.catalogue import BACTERIA, Acquisition


def bacteria(rng: Random, shape: Shape, name: str, acquisition: Acquisition) -> Floats:
    """Living bacteria in phase contrast, darkfield or DIC."""
    zoom = float(rng.uniform(0.8, 1.35))
    lines, width = _colonies(rng, shape, name, zoom)
    if rng.random() < 0.6:  # a few contaminants of another shape
        stray, _ = _colonies(rng, shape, str(rng.choice(BACTERIA.classes)), zoom)
        lines += stray[: max(1, len(stray) // 8)]
    cells = soften(_capsules(shape, lines, width), 2)
    halo = soften(cells, 10)
    field = 0.06 * (clouds(rng, shape, 40) - 0.5)
    if acquisition.submodality == "darkfield microscopy":
        light = tinted(0.05 + field + 1.2 * cells * (1 - 0.45 * soften(cells, 6)), (1, 0.97, 0.88))
    elif acquisition.submodality == "phase contrast microscopy":
        tone = jittered(rng, (0.95, 1.0, 0.95), 0.07)
        light = tinted(0.55 + field - 0.5 * cells + 0.55 * halo * (1 - cells), tone)
    else:
        shear = np.roll(cells, (2, 2), (0, 1)) - np.roll(cells, (-2, -2), (0, 1))
        light = grey(0.5 + field + 0.45 * soften(shear, 1.5))
    light = light * vignette(shape, 0.25)[..., None]
    return shot_noise(rng, light, float(rng.uniform(150, 900)))


def _capsules(shape: Shape, lines: list[list[Point]], width: float) -> Floats:
    """Thick lines with round ends."""
    radius = width / 2
    dots = [
        ([(x + radius * c, y + radius * s) for c, s in _ROUND], 1.0)
        for line in lines
        for x, y in (line[0], line[-1])
    ]
    strokes = stroked(shape, [(line, 1.0) for line in lines if len(line) > 1], width)
    return np.maximum(strokes, filled(shape, dots))


_ROUND = [(float(np.cos(t)), float(np.sin(t))) for t in np.linspace(0, 2 * np.pi, 12)[:-1]]


def _colonies(rng: Random, shape: Shape, name: str, zoom: float) -> tuple[list[list[Point]], float]:
    """Centre lines of the cells, (x, y), and the cells' width."""
    width = 9 * zoom
    places = scatter(rng, shape, int(rng.integers(12, 26)), gap=26 * zoom, margin=4)
    turn = [float(t) for t in rng.uniform(0, 2 * np.pi, len(places))]
    if name == "single cocci":
        pairs = [p for p in places if rng.random() < 0.25]
        return [[(x, y)] for y, x in places] + [[(x + width, y)] for y, x in pairs], width
    if name == "cocci in chains":
        return _strings(rng, places[:7], turn, width, float(rng.uniform(4, 9)), 0.3), width
    if name == "cocci in clusters":
        return _grapes(rng, places[:5], width), width
    if name == "spiral cells":
        return [_coil(p, float(t), 8 * width, width) for p, t in zip(places, turn, strict=True)][
            :14
        ], width * 0.45
    # Short and long rods overlap: cells grow until they divide.
    length = width * float(rng.normal(1.7, 0.3) if name == "short rods" else rng.normal(3.2, 0.6))
    rods = [
        wander(
            rng,
            p,
            angle=float(t),
            length=length * float(rng.uniform(0.7, 1.3)),
            bend=0.05,
        )
        for p, t in zip(places, turn, strict=True)
    ]
    return rods, width * 0.85


def _strings(
    rng: Random,
    places: list[Point],
    turn: list[float],
    width: float,
    cells: float,
    bend: float,
) -> list[list[Point]]:
    chains = [
        wander(rng, p, angle=float(t), length=width * cells, bend=bend, step=width)
        for p, t in zip(places, turn[: len(places)], strict=True)
    ]
    return [[point] for chain in chains for point in chain]


def _grapes(rng: Random, places: list[Point], width: float) -> list[list[Point]]:
    spread = width * float(rng.uniform(0.8, 1.5))
    return [
        [(x + float(rng.normal(0, spread)), y + float(rng.normal(0, spread)))]
        for y, x in places
        for _ in range(int(rng.integers(5, 13)))
    ]


def _coil(place: Point, angle: float, length: float, width: float) -> list[Point]:
    along = np.linspace(0, length * 0.6, 30)
    across = 0.6 * width * np.sin(along / width * 2.4)
    y = place[0] + along * np.sin(angle) + across * np.cos(angle)
    x = place[1] + along * np.cos(angle) - across * np.sin(angle)
    return list(zip(x.tolist(), y.tolist(), strict=True))
