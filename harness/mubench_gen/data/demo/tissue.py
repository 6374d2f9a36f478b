"""Stained tissue in the light microscope."""

from __future__ import annotations

import numpy as np

from mubench_gen.data.demo.canvas import (
    DAB,
    EOSIN,
    HEMATOXYLIN,
    Floats,
    Point,
    Random,
    Shape,
    clouds,
    filled,
    grain,
    jittered,
    outline,
    resize,
    smoothstep,
    soften,
    stained,
)
from mubench_gen.data.demo.catalogue import TEXTURE, Acquisition

Tissue = tuple[Floats, Floats]  # densities of nuclear stain and of counterstain


def tissue(rng: Random, shape: Shape, name: str, acquisition: Acquisition) -> Floats:
    """A tissue section of one texture; a corner may belong to another."""
    zoom = float(rng.uniform(0.75, 1.3))
    nuclear, counter = _TISSUES[name](rng, shape, zoom)
    if rng.random() < 0.5:
        other = str(rng.choice([c for c in TEXTURE.classes if c != name]))
        share = smoothstep(clouds(rng, shape, 150, 1), 0.62, 0.68)
        nuclear_2, counter_2 = _TISSUES[other](rng, shape, zoom)
        nuclear = nuclear * (1 - share) + nuclear_2 * share
        counter = counter * (1 - share) + counter_2 * share
    strength = rng.uniform(0.75, 1.25, 2)
    if acquisition.stain == "H&E":
        layers = [
            (nuclear * np.float32(1.5 * strength[0]), jittered(rng, HEMATOXYLIN, 0.1)),
            (counter * np.float32(0.62 * strength[1]), jittered(rng, EOSIN, 0.14)),
        ]
    else:
        # A share of the nuclei is positive (brown), the rest keeps its blue counterstain.
        positive = smoothstep(clouds(rng, shape, 26, 1), 0.4, 0.6) * np.float32(rng.uniform(0.4, 1))
        layers = [
            (nuclear * positive * np.float32(1.6), jittered(rng, DAB, 0.08)),
            (nuclear * (1 - positive) + counter * np.float32(0.22), HEMATOXYLIN),
            (counter * np.float32(0.15 * strength[1]), jittered(rng, EOSIN, 0.1)),
        ]
    light = stained(layers, jittered(rng, (0.95, 0.94, 0.95), 0.04))
    return light + grain(rng, shape, 0.015)[..., None]


def _nuclei(
    rng: Random,
    shape: Shape,
    places: list[Point],
    size: float,
    stretch: float,
    angle: float,
) -> Floats:
    shapes = []
    for centre in places:
        long = size * float(rng.uniform(0.75, 1.25))
        turn = angle + float(rng.normal(0, 0.35)) if stretch > 1.5 else float(rng.uniform(0, 3))
        radii = (long * stretch**0.5, long / stretch**0.5)
        rim = outline(rng, centre, radii, angle=turn, wobble=0.12)
        shapes.append((rim, float(rng.uniform(0.6, 1))))
    mask = soften(filled(shape, shapes), 1.6)
    return mask * (0.7 + 0.6 * clouds(rng, shape, 5, 1))


def _places(rng: Random, shape: Shape, spacing: float) -> list[Point]:
    """A jittered grid, which is quicker than `scatter` where there are hundreds."""
    rows, cols = np.mgrid[0 : shape[0] : spacing, 0 : shape[1] : spacing]
    points = np.stack([rows.ravel(), cols.ravel()], 1)
    points = points + rng.uniform(-0.42, 0.42, points.shape) * spacing
    return [(float(y), float(x)) for y, x in points]


def _epithelium(rng: Random, shape: Shape, zoom: float) -> Tissue:
    nuclei = _nuclei(rng, shape, _places(rng, shape, 19 * zoom), 7.5 * zoom, 1.35, 0.0)
    lumen = smoothstep(clouds(rng, shape, 70 * zoom, 2), 0.28, 0.2)
    return nuclei * (1 - lumen), (0.55 + 0.4 * clouds(rng, shape, 30)) * (1 - lumen)


def _stroma(rng: Random, shape: Shape, zoom: float) -> Tissue:
    angle = float(rng.uniform(0, np.pi))
    warp = clouds(rng, shape, 80 * zoom) * 14
    y = np.arange(shape[0], dtype=np.float32)[:, None]
    x = np.arange(shape[1], dtype=np.float32)[None, :]
    across = (y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))) / np.float32(6 * zoom)
    waves = 0.5 + 0.5 * np.sin(across + warp)
    fibres = (0.45 + 0.55 * waves * clouds(rng, shape, 24 * zoom)).astype(np.float32)
    sparse = [p for p in _places(rng, shape, 34 * zoom) if rng.random() < 0.75]
    return _nuclei(rng, shape, sparse, 5 * zoom, 4.0, angle), fibres


def _lymphocytes(rng: Random, shape: Shape, zoom: float) -> Tissue:
    nuclei = _nuclei(rng, shape, _places(rng, shape, 12.5 * zoom), 4.8 * zoom, 1.1, 0.0)
    return nuclei, 0.25 + 0.3 * clouds(rng, shape, 20)


def _adipose(rng: Random, shape: Shape, zoom: float) -> Tissue:
    spacing = 46 * zoom
    walls = smoothstep(_to_walls(_places(rng, shape, spacing), shape), 4.5, 1.5)
    few = [p for p in _places(rng, shape, spacing) if rng.random() < 0.5]
    nuclei = _nuclei(rng, shape, few, 3.5 * zoom, 2.0, 0.0)
    return nuclei * smoothstep(walls, 0.1, 0.6), 0.7 * walls + 0.04 * clouds(rng, shape, 30)


def _to_walls(centres: list[Point], shape: Shape) -> Floats:
    """Distance to the nearest wall of the centres' Voronoi cells, at half resolution first."""
    y, x = np.mgrid[0 : shape[0] : 2, 0 : shape[1] : 2].astype(np.float32)
    places = np.asarray(centres, np.float32)
    distance = np.hypot(y[..., None] - places[:, 0], x[..., None] - places[:, 1])
    nearest: Floats = np.partition(distance, 1, axis=2)
    walls: Floats = (nearest[..., 1] - nearest[..., 0]) / np.float32(2)
    return resize(walls, shape)


def _mucus(rng: Random, shape: Shape, zoom: float) -> Tissue:
    veil = clouds(rng, shape, 60 * zoom, 3)
    few = [p for p in _places(rng, shape, 55 * zoom) if rng.random() < 0.35]
    return _nuclei(rng, shape, few, 5 * zoom, 1.4, 0.0) + 0.10 * veil, 0.1 + 0.35 * veil


def _debris(rng: Random, shape: Shape, zoom: float) -> Tissue:
    crumbs = smoothstep(clouds(rng, shape, 9 * zoom, 2), 0.62, 0.75)
    specks = [p for p in _places(rng, shape, 15 * zoom) if rng.random() < 0.55]
    nuclear = _nuclei(rng, shape, specks, 2.6 * zoom, 1.3, 0.0) * 0.8 + crumbs * 0.3
    return nuclear, 0.35 + 0.75 * clouds(rng, shape, 13 * zoom, 3)


_TISSUES = dict(
    zip(
        TEXTURE.classes,
        (_epithelium, _stroma, _lymphocytes, _adipose, _mucus, _debris),
        strict=True,
    )
)
