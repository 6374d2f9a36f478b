"""One image of the demo, as pixels: who paints which data set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mubench_gen.data.demo import electron, fluorescence
from mubench_gen.data.demo.bacteria import bacteria
from mubench_gen.data.demo.blood import blood
from mubench_gen.data.demo.canvas import Floats, Random, Shape
from mubench_gen.data.demo.catalogue import Acquisition
from mubench_gen.data.demo.plan import Micrograph
from mubench_gen.data.demo.tissue import tissue

Pixels = npt.NDArray[np.uint8]
Painter = Callable[[Random, Shape, str, Acquisition], Floats]

SHAPES: tuple[Shape, ...] = ((224, 224), (256, 256), (240, 320))

_PAINTERS: dict[str, Painter] = {
    "demo_texture": tissue,
    "demo_blood": blood,
    "demo_bacteria": bacteria,
    "demo_count": fluorescence.count,
    "demo_cycle": fluorescence.cycle,
    "demo_shape": fluorescence.shape_of_organelles,
    "demo_colocalization": fluorescence.colocalization,
    "demo_cristae": electron.cristae,
    "demo_particle": electron.particle,
}


def paint(micrograph: Micrograph) -> Pixels:
    """The image's pixels, shape (height, width, 3), by its seed and index alone."""
    rng = np.random.default_rng((micrograph.seed, micrograph.index))
    shape = SHAPES[int(rng.integers(len(SHAPES)))]
    painter = _PAINTERS[micrograph.dataset.name]
    picture = painter(rng, shape, micrograph.class_name, micrograph.acquisition)
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
