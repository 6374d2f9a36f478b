"""Scenes of fluorescence microscopy: nuclei, chromatin, organelles, single molecules."""

from __future__ import annotations

import numpy as np

from mubench_gen.data.demo.canvas import (
    Floats,
    Point,
    Random,
    Shape,
    add_glow,
    clouds,
    filled,
    grain,
    grey,
    jittered,
    outline,
    scatter,
    shot_noise,
    smoothstep,
    soften,
    tinted,
    wander,
)
from mubench_gen.data.demo.catalogue import CYCLE, SHAPE, Acquisition

COLOURS = {
    "DAPI": (0.18, 0.38, 1.0),
    "Hoechst 33342": (0.15, 0.5, 1.0),
    "H2B-mCherry": (1.0, 0.22, 0.16),
    "MitoTracker": (1.0, 0.42, 0.1),
    "GalT-EGFP": (0.22, 1.0, 0.3),
}


def _exposed(rng: Random, light: Floats, acquisition: Acquisition) -> Floats:
    """The stain's colour, the submodality's haze, and a camera's noise."""
    shape = (light.shape[0], light.shape[1])
    if acquisition.submodality == "epifluorescence microscopy":
        # Light from out of focus; a confocal pinhole keeps most of it out.
        light = 0.85 * light + float(rng.uniform(0.15, 0.4)) * soften(light, 22)
    light = light * float(rng.uniform(0.85, 1.35)) + float(rng.uniform(0.01, 0.05))
    light = shot_noise(rng, np.maximum(light, 0), float(rng.uniform(25, 250)))
    light = light + grain(rng, shape, float(rng.uniform(0.004, 0.025)))
    if rng.random() < 0.2:  # shown without a colour table
        return grey(light)
    return tinted(light, jittered(rng, COLOURS[acquisition.stain], 0.18))


def count(rng: Random, shape: Shape, name: str, acquisition: Acquisition) -> Floats:
    """As many nuclei as the class says, some touching, over debris and blurred neighbours."""
    wanted = int(name.split()[0])
    zoom = float(rng.uniform(0.75, 1.15))
    size = 17 * zoom
    light = np.zeros(shape, np.float32)
    for y, x in scatter(rng, shape, int(rng.integers(0, 4)), gap=0, margin=0):
        add_glow(light, (y, x), (size * 2.0, size * 1.6), peak=float(rng.uniform(0.1, 0.22)))
    places = scatter(rng, shape, wanted, gap=size * float(rng.uniform(1.45, 2.1)), margin=size)
    for centre in places:
        stretch = float(rng.uniform(1, 1.35))
        radii = (size * stretch, size / stretch)
        rim = outline(rng, centre, radii, angle=float(rng.uniform(0, 3)), wobble=0.08)
        nucleus = soften(filled(shape, [(rim, float(rng.uniform(0.5, 0.95)))]), 2.5)
        light = np.maximum(light, nucleus) + np.float32(0.25) * np.minimum(light, nucleus)
    light = light * (0.7 + 0.6 * clouds(rng, shape, 8 * zoom))
    for y, x in scatter(rng, shape, int(rng.integers(0, 12)), gap=0, margin=3):
        add_glow(light, (y, x), (4, 4), peak=float(rng.uniform(0.2, 0.6)))
    return _exposed(rng, light, acquisition)


def cycle(rng: Random, shape: Shape, name: str, acquisition: Acquisition) -> Floats:
    """One cell's chromatin at a phase of the cycle that spills into the neighbouring stages."""
    phase = CYCLE.classes.index(name) + 0.5 + float(rng.normal(0, 0.33))
    centre = (
        shape[0] / 2 + float(rng.uniform(-18, 18)),
        shape[1] / 2 + float(rng.uniform(-18, 18)),
    )
    light = np.zeros(shape, np.float32)
    for y, x in scatter(rng, shape, int(rng.integers(0, 3)), gap=150, margin=-10):
        if np.hypot(y - centre[0], x - centre[1]) > 90:
            rim = outline(rng, (y, x), (38, 30), angle=float(rng.uniform(0, 3)), wobble=0.08)
            light += soften(filled(shape, [(rim, 0.35)]), 4) * clouds(rng, shape, 10)
    light = np.maximum(light, _chromatin(rng, shape, phase, centre))
    return _exposed(rng, light, acquisition)


def _chromatin(rng: Random, shape: Shape, phase: float, centre: Point) -> Floats:
    """Chromatin at `phase` (interphase 0–1, prophase 1–2, … telophase 5–6), continuous in it."""
    zoom = float(rng.uniform(0.85, 1.2))

    def at(*values: float) -> float:
        return float(np.interp(phase, (0.5, 1.5, 2.5, 3.5, 4.5, 5.5), values))

    angle = float(rng.uniform(0, np.pi))
    radii = (zoom * at(50, 45, 40, 40, 34, 30), zoom * at(44, 40, 30, 12, 10, 14))
    # The two sets of chromatids part after metaphase.
    apart = zoom * max(0.0, at(0, 0, 0, -6, 22, 44))
    mask = np.zeros(shape, np.float32)
    for side in (-1, 1) if apart > 3 else (0,):
        place = (
            centre[0] + side * apart * np.sin(angle + np.pi / 2),
            centre[1] + side * apart * np.cos(angle + np.pi / 2),
        )
        rim = outline(
            rng,
            place,
            radii,
            angle=np.pi / 2 - angle,
            wobble=at(0.05, 0.07, 0.18, 0.1, 0.1, 0.06),
        )
        mask = np.maximum(mask, filled(shape, [(rim, 1.0)]))
    threads = smoothstep(clouds(rng, shape, at(9, 6, 7, 6, 6, 7), 1), 0.25, 0.7)
    contrast = at(0.25, 0.75, 0.85, 0.4, 0.4, 0.3)
    bright = at(0.5, 0.65, 0.8, 0.95, 0.92, 0.8)
    return soften(mask, 3) * (1 - contrast + contrast * threads) * np.float32(bright)


def shape_of_organelles(rng: Random, shape: Shape, name: str, acquisition: Acquisition) -> Floats:
    """A cell full of organelles, most of them of the class's shape."""
    zoom = float(rng.uniform(0.8, 1.25))
    centre = (shape[0] / 2, shape[1] / 2)
    turn = float(rng.uniform(0, 3))
    cell = outline(rng, centre, (shape[0] * 0.52, shape[1] * 0.44), angle=turn, wobble=0.12)
    hole = outline(rng, (centre[0] + float(rng.uniform(-25, 25)), centre[1]), (34, 28), wobble=0.08)
    room = filled(shape, [(cell, 1.0), (hole, 0.0)])
    others = [c for c in SHAPE.classes if c != name]
    light = 0.05 * soften(room, 6)
    for centre in scatter(rng, shape, int(rng.integers(45, 80)), gap=15 * zoom, margin=8):
        if room[int(centre[0]), int(centre[1])] > 0:
            kind = name if rng.random() < 0.72 else str(rng.choice(others))
            _draw_organelle(rng, light, kind, centre, zoom)
    return _exposed(rng, np.minimum(light, 1.2), acquisition)


def _draw_organelle(rng: Random, light: Floats, kind: str, centre: Point, zoom: float) -> None:
    peak = float(rng.uniform(0.35, 0.95))
    angle = float(rng.uniform(0, 2 * np.pi))
    if kind == "round":
        radius = zoom * float(rng.uniform(5.5, 8.5))
        add_glow(light, centre, (radius, radius), peak=peak)
    elif kind == "fragmented":
        for _ in range(4):
            place = (
                centre[0] + float(rng.normal(0, 6)),
                centre[1] + float(rng.normal(0, 6)),
            )
            radius = zoom * float(rng.uniform(2.2, 4))
            add_glow(light, place, (radius, radius), peak=peak)
    elif kind == "ring-shaped":
        radius = zoom * float(rng.uniform(6, 8.5))
        add_glow(light, centre, (radius * 1.3, radius * 1.3), peak=peak)
        add_glow(light, centre, (radius * 0.75, radius * 0.75), peak=-peak * 0.85)
    else:
        # Elongated ones bend little; branched ones fork once or twice.
        arms = 1 if kind == "elongated" else int(rng.integers(2, 4))
        for arm in range(arms):
            _draw_tube(rng, light, centre, angle + 2.1 * arm, zoom, peak)


def _draw_tube(
    rng: Random, light: Floats, centre: Point, angle: float, zoom: float, peak: float
) -> None:
    length = zoom * float(rng.uniform(16, 26))
    for x, y in wander(rng, centre, angle=angle, length=length, bend=0.16, step=3.5):
        add_glow(light, (y, x), (4.2 * zoom, 4.2 * zoom), peak=peak * 0.42)


def colocalization(rng: Random, shape: Shape, name: str, acquisition: Acquisition) -> Floats:
    """Red and green spots, a share of which sits on common places."""
    shares = {
        "no colocalization": 0.0,
        "low colocalization": 0.33,
        "high colocalization": 0.67,
        "full overlap": 1.0,
    }
    share = float(np.clip(shares[name] + rng.normal(0, 0.1), 0, 1))
    spots = int(rng.integers(35, 90))
    radius = float(rng.uniform(4, 7))
    green, red = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for centre in scatter(rng, shape, spots, gap=6, margin=4):
        both = rng.random() < share
        first = bool(rng.random() < 0.5)
        for channel in (green, red) if both else ((green,) if first else (red,)):
            place = (
                centre[0] + float(rng.normal(0, 1)),
                centre[1] + float(rng.normal(0, 1)),
            )
            add_glow(channel, place, (radius, radius), peak=float(rng.uniform(0.4, 1)))
    haze = np.float32(rng.uniform(0.02, 0.09)) * clouds(rng, shape, 60)
    channels = [
        shot_noise(rng, np.maximum(c + haze, 0), float(rng.uniform(20, 120))) for c in (red, green)
    ]
    # Red bleeds a little into blue and green into red, as filters do.
    bleed = float(rng.uniform(0, 0.2))
    return np.stack([channels[0] + bleed * channels[1], channels[1], 0.15 * channels[0]], axis=2)
