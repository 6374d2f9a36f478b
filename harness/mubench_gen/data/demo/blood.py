"""Blood smears in the light microscope."""

from __future__ import annotations

import numpy as np

from mubench_gen.data.demo.canvas import (
    Floats,
    Point,
    Random,
    Shape,
    clouds,
    filled,
    grain,
    jittered,
    outline,
    scatter,
    smoothstep,
    soften,
    stained,
    vignette,
)
from mubench_gen.data.demo.catalogue import Acquisition


def blood(rng: Random, shape: Shape, name: str, acquisition: Acquisition) -> Floats:
    """A smear: one white cell near the middle among red ones."""
    zoom = float(rng.uniform(0.8, 1.2))
    centre = (
        shape[0] / 2 + float(rng.uniform(-25, 25)),
        shape[1] / 2 + float(rng.uniform(-25, 25)),
    )
    # Lymphocytes are the small ones, but large ones and small monocytes exist.
    mean = {"lymphocyte": 44.0, "monocyte": 60.0}.get(name, 54.0)
    size = mean * zoom * float(rng.normal(1, 0.1))
    red = _red_cells(rng, shape, centre, size, zoom)
    body = soften(filled(shape, [(outline(rng, centre, (size, size), wobble=0.06), 1.0)]), 3)
    nucleus = _white_nucleus(rng, shape, name, centre, size)
    nucleus = nucleus * (0.75 + 0.5 * clouds(rng, shape, 9, 1))
    granules = _granules(rng, shape, name) * body * (1 - 0.7 * nucleus)
    wash = float(rng.uniform(0.75, 1.25))
    # Wright's stain is redder than Giemsa's; batches vary more than the two differ.
    purple = np.array((0.55, 0.95, 0.30)) + (
        (0, 0, 0) if acquisition.stain == "Giemsa" else (-0.1, 0.02, 0.03)
    )
    granule = {"eosinophil": (0.10, 0.75, 0.75), "basophil": (0.75, 0.85, 0.30)}
    layers = [
        (red * np.float32(0.5 * wash), jittered(rng, (0.12, 0.55, 0.42), 0.1)),
        (body * np.float32(0.30 * wash), jittered(rng, (0.45, 0.5, 0.12), 0.12)),
        (nucleus * np.float32(1.35 * wash), jittered(rng, purple.tolist(), 0.1)),
        (
            granules * np.float32(wash),
            jittered(rng, granule.get(name, (0.3, 0.6, 0.3)), 0.1),
        ),
    ]
    light = stained(layers, jittered(rng, (0.96, 0.94, 0.9), 0.04))
    return light * vignette(shape, 0.2)[..., None] + grain(rng, shape, 0.012)[..., None]


def _red_cells(rng: Random, shape: Shape, centre: Point, size: float, zoom: float) -> Floats:
    radius = 31 * zoom
    count = int(rng.integers(8, 22))
    cells = [
        p
        for p in scatter(rng, shape, count, gap=1.9 * radius, margin=-20)
        if np.hypot(p[0] - centre[0], p[1] - centre[1]) > size + 0.9 * radius
    ]
    discs = [(outline(rng, p, (radius, radius), wobble=0.05), 1.0) for p in cells]
    dents = [(outline(rng, p, (radius * 0.5, radius * 0.5)), 0.5) for p in cells]
    return np.minimum(soften(filled(shape, discs), 2.5), soften(filled(shape, discs + dents), 9))


def _white_nucleus(rng: Random, shape: Shape, name: str, centre: Point, size: float) -> Floats:
    """Round, kidney-shaped or lobed, in density 0 … 1."""
    angle = float(rng.uniform(0, 2 * np.pi))
    if name in ("lymphocyte", "basophil"):
        share = float(rng.normal(0.84, 0.05)) if name == "lymphocyte" else 0.66
        radii = (size * share, size * share * 0.93)
        lobes = [(outline(rng, centre, radii, angle=angle, wobble=0.07), 1.0)]
    elif name == "monocyte":
        bite = size * float(rng.normal(0.45, 0.12))
        place = (
            centre[0] + size * 0.7 * np.sin(angle),
            centre[1] + size * 0.7 * np.cos(angle),
        )
        lobes = [
            (
                outline(rng, centre, (size * 0.74, size * 0.66), angle=angle, wobble=0.08),
                1.0,
            ),
            (outline(rng, place, (bite * 0.8, bite * 0.8), wobble=0.1), 0.0),
        ]
    else:
        lobes = _lobes(rng, name, centre, size, angle)
    return soften(filled(shape, lobes), 3)


def _lobes(
    rng: Random, name: str, centre: Point, size: float, angle: float
) -> list[tuple[list[Point], float]]:
    count = int(rng.choice([2, 3])) if name == "eosinophil" else int(rng.choice([2, 3, 4]))
    lobes = []
    for k in range(count):
        turn = angle + 2.0 * k / max(1, count - 1) * 1.1
        place = (
            centre[0] + size * 0.42 * np.sin(turn),
            centre[1] + size * 0.42 * np.cos(turn),
        )
        radius = size * (0.42 - 0.045 * count) * float(rng.uniform(0.9, 1.15))
        lobes.append((outline(rng, place, (radius * 1.15, radius), angle=turn, wobble=0.1), 1.0))
    return lobes


def _granules(rng: Random, shape: Shape, name: str) -> Floats:
    strength = {"eosinophil": 0.75, "basophil": 1.1, "neutrophil": 0.25}.get(name, 0.06)
    cell = {"basophil": 8.0, "eosinophil": 6.5}.get(name, 5.0)
    strength *= float(rng.uniform(0.45, 1.15))
    return smoothstep(clouds(rng, shape, cell, 1), 0.45, 0.75) * np.float32(strength)
