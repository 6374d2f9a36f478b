"""Scenes of electron microscopy: sections with mitochondria, particles in thin films."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mubench_gen.data.demo.canvas import (
    Floats,
    Point,
    Random,
    Shape,
    clouds,
    filled,
    grain,
    grey,
    outline,
    patch,
    scatter,
    smoothstep,
    soften,
    stroked,
    vignette,
    wander,
)
from mubench_gen.data.demo.catalogue import CRISTAE, PARTICLE, Acquisition


def cristae(rng: Random, shape: Shape, name: str, acquisition: Acquisition) -> Floats:
    """Mitochondria in cytoplasm, most of them in the class's state."""
    zoom = float(rng.uniform(0.8, 1.3))
    light = 0.62 + 0.22 * (clouds(rng, shape, 7, 2) - 0.5) + 0.12 * (clouds(rng, shape, 60) - 0.5)
    light -= 0.28 * _membranes(rng, shape)
    light -= 0.3 * _ribosomes(rng, shape)
    others = [c for c in CRISTAE.classes if c != name]
    for centre in scatter(rng, shape, int(rng.integers(4, 8)), gap=82 * zoom, margin=20):
        state = name if rng.random() < 0.75 else str(rng.choice(others))
        _draw_mitochondrion(rng, light, state, centre, zoom)
    if acquisition.submodality == "SBF-SEM":
        # Block-face images are coarser, noisier and of lower contrast.
        light = 0.52 + 0.75 * (soften(light, 2.6) - 0.52) + grain(rng, shape, 0.07)
    else:
        light = soften(light, 1.3) + grain(rng, shape, float(rng.uniform(0.02, 0.06)))
    return _developed(rng, light)


def _developed(rng: Random, light: Floats) -> Floats:
    """Contrast and brightness as an operator might have set them."""
    shape = (light.shape[0], light.shape[1])
    gain, offset = float(rng.uniform(0.8, 1.25)), float(rng.uniform(-0.07, 0.07))
    return grey((0.5 + gain * (light - 0.5) + offset) * vignette(shape, 0.15))


def _membranes(rng: Random, shape: Shape) -> Floats:
    """Endoplasmic reticulum: a few long double lines."""
    lines = []
    for start in scatter(rng, shape, int(rng.integers(3, 8)), gap=20, margin=0):
        line = wander(rng, start, angle=float(rng.uniform(0, 6.3)), length=150, bend=0.12)
        lines += [(line, 0.9), ([(x + 4, y + 4) for x, y in line], 0.9)]
    return soften(stroked(shape, lines, 2), 1.5)


def _ribosomes(rng: Random, shape: Shape) -> Floats:
    dots = smoothstep(clouds(rng, shape, 4, 1), 0.78, 0.9)
    return dots * smoothstep(clouds(rng, shape, 70, 1), 0.4, 0.6)


def _draw_mitochondrion(rng: Random, light: Floats, state: str, centre: Point, zoom: float) -> None:
    shape = (light.shape[0], light.shape[1])
    stretch = float(rng.uniform(1.0, 1.5))
    size = 34 * zoom * (1.12 if state == "swollen cristae" else 1.0)
    radii = (size * stretch, size / stretch**0.5)
    angle = float(rng.uniform(0, np.pi))
    rim = outline(rng, centre, radii, angle=angle, wobble=0.05)
    inside = soften(filled(shape, [(rim, 1.0)]), 2)
    matrix = 0.62 if state == "swollen cristae" else 0.4
    folds = _FOLDS[state](rng, shape, centre, radii, angle) * inside
    light *= 1 - inside
    light += inside * np.float32(matrix + float(rng.normal(0, 0.04)))
    light += folds * np.float32(0.34 if state != "swollen cristae" else -0.3)
    light -= 0.5 * soften(stroked(shape, [([*rim, rim[0]], 1.0)], 3), 1.5)


def _lamellae(rng: Random, shape: Shape, centre: Point, radii: Point, angle: float) -> Floats:
    """Stacked sheets across the long axis."""
    y = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(centre[0])
    x = np.arange(shape[1], dtype=np.float32)[None, :] - np.float32(centre[1])
    along = y * np.float32(np.cos(angle)) + x * np.float32(np.sin(angle))
    period = float(rng.uniform(1.1, 1.7))
    return smoothstep(np.sin(along / np.float32(period) + 3 * clouds(rng, shape, 30)), 0, 0.8)


def _tubules(rng: Random, shape: Shape, centre: Point, radii: Point, angle: float) -> Floats:
    """Cross-sections of tubes: small bright discs."""
    spots = []
    for _ in range(int(rng.integers(22, 36))):
        place = (
            centre[0] + float(rng.normal(0, 0.45)) * radii[0],
            centre[1] + float(rng.normal(0, 0.45)) * radii[0],
        )
        radius = float(rng.uniform(2.2, 3.6))
        spots.append((outline(rng, place, (radius, radius * float(rng.uniform(1, 1.6)))), 1.0))
    return soften(filled(shape, spots), 1.6)


def _onion(rng: Random, shape: Shape, centre: Point, radii: Point, angle: float) -> Floats:
    """Concentric sheets."""
    field = np.zeros(shape, np.float32)
    ring = patch(shape, centre, radii, angle, reach=1.1)
    turns = float(rng.uniform(24, 34)) * radii[1] / 34
    field[ring.window] = smoothstep(np.sin(ring.radius * np.float32(turns)), 0, 0.8)
    return field


def _remnants(rng: Random, shape: Shape, centre: Point, radii: Point, angle: float) -> Floats:
    """What is left after swelling: short pieces of sheet at the rim."""
    pieces = []
    for _ in range(int(rng.integers(5, 10))):
        turn = float(rng.uniform(0, 2 * np.pi))
        start = (
            centre[0] + 0.8 * radii[1] * np.sin(turn),
            centre[1] + 0.8 * radii[1] * np.cos(turn),
        )
        pieces.append((wander(rng, start, angle=turn + np.pi, length=16, bend=0.3), 1.0))
    return soften(stroked(shape, pieces, 2.5), 1.5)


_FOLDS: dict[str, Callable[[Random, Shape, Point, Point, float], Floats]] = dict(
    zip(CRISTAE.classes, (_lamellae, _tubules, _onion, _remnants), strict=True)
)


def particle(rng: Random, shape: Shape, name: str, acquisition: Acquisition) -> Floats:
    """Particles in ice (dark, drowned in noise) or in negative stain (bright, clearer)."""
    zoom = float(rng.uniform(0.75, 1.25))
    density = np.zeros(shape, np.float32)
    count = 5 if name == "filamentous" else int(rng.integers(7, 16))
    for centre in scatter(rng, shape, count, gap=46 * zoom, margin=10):
        kind = name if rng.random() < 0.9 else str(rng.choice(PARTICLE.classes))
        density = np.maximum(density, _one_particle(rng, shape, kind, centre, zoom))
    density = soften(density, 2)
    film = clouds(rng, shape, 90) - 0.5
    if acquisition.submodality == "cryo-electron microscopy":
        noise = soften(grain(rng, shape, 1.0), 1.7) * np.float32(rng.uniform(0.07, 0.17))
        light = 0.6 + 0.12 * film - 0.26 * density + noise
    else:
        pool = soften(density, 12)
        light = 0.5 + 0.2 * film - 0.3 * pool + 0.5 * density
        light += grain(rng, shape, float(rng.uniform(0.03, 0.09)))
    return _developed(rng, light)


def _one_particle(rng: Random, shape: Shape, kind: str, centre: Point, zoom: float) -> Floats:
    angle = float(rng.uniform(0, 2 * np.pi))
    radius = 18 * zoom * float(rng.uniform(0.9, 1.1))
    if kind == "rod-like":
        rod = outline(rng, centre, (radius * 1.9, radius * 0.45), angle=angle, wobble=0.02)
        return filled(shape, [(rod, 0.9)])
    if kind == "filamentous":
        line = wander(rng, centre, angle=angle, length=260 * zoom, bend=0.1)
        return stroked(shape, [(line, 0.9)], 7 * zoom)
    if kind == "icosahedral":
        turns = angle + np.arange(6) * np.pi / 3
        rim = [
            (
                centre[1] + radius * float(np.cos(t)),
                centre[0] + radius * float(np.sin(t)),
            )
            for t in turns
        ]
        return filled(
            shape,
            [(rim, 1.0), (outline(rng, centre, (radius * 0.6, radius * 0.6)), 0.6)],
        )
    rim = outline(rng, centre, (radius, radius), wobble=0.02)
    inner = 0.6 if kind == "spherical" else 0.55
    core = 0.6 if kind == "spherical" else 0.0
    return filled(
        shape,
        [(rim, 1.0), (outline(rng, centre, (radius * inner, radius * inner)), core)],
    )
