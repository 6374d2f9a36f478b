"""Image transforms for ablations: what does a model lose with the colour, the sharpness, the light?

`--image-set transform=jpeg:3` is one at a severity from 1 to 5, `jpeg:quality=10` at a value of its
own; `ablate --axis transform=none,blurs:1-5,stain_shift:3` compares them. Where the tables come
from: docs/transforms.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import mubench_gen
from mubench_gen import Transform
from mubench_gen_plugins.transforms import blurs, files, light, marks, noises, places, stains

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def _table(**columns: Sequence[Any]) -> tuple[Mapping[str, Any], ...]:
    """The options of each severity, from a column for each option."""
    rows = zip(*columns.values(), strict=True)
    return tuple(dict(zip(columns, row, strict=True)) for row in rows)


def _of(
    family: str, *made: tuple[Callable[..., Picture], str, Any], version: str = "1"
) -> list[Transform]:
    """The transforms of a family: each a function, its description and its severities."""
    moves = family in ("resolution", "orientation")
    return [
        Transform(
            function.__name__,
            function,
            version=version,
            description=description,
            moves_pixels=moves,
            severities=severities,
            family=family,
        )
        for function, description, severities in made
    ]


_SIGMAS, _FACTORS = (1, 2, 3, 4, 6), (1.5, 2, 3, 4, 6)
_LOSSES = (0.2, 0.35, 0.5, 0.65, 0.8)
_ALL = [
    Transform(
        "blur",
        blurs.blur,
        description="Gaussian blur of sigma pixels",
        severities=_table(sigma=_SIGMAS),
    ),
    *_of(
        "blurs",
        (blurs.gaussian_blur, "exact Gaussian blur of sigma pixels", _table(sigma=_SIGMAS)),
        (
            blurs.defocus_blur,
            "out of focus: blurred with a disk",
            _table(radius=(3, 4, 6, 8, 10), softness=(0.1, 0.5, 0.5, 0.5, 0.5)),
        ),
        (
            blurs.motion_blur,
            "moved along a line",
            _table(radius=(10, 15, 15, 15, 20), sigma=(3, 5, 8, 12, 15)),
        ),
    ),
    *_of(
        "noises",
        (noises.gaussian_noise, "Gaussian noise", _table(sd=(0.08, 0.12, 0.18, 0.26, 0.38))),
        (noises.shot_noise, "Poisson noise of few photons", _table(photons=(60, 25, 12, 5, 3))),
        (noises.speckle_noise, "noise in proportion", _table(sd=(0.15, 0.2, 0.35, 0.45, 0.6))),
        (
            noises.salt_and_pepper,
            "values that are full or none",
            _table(amount=(0.03, 0.06, 0.09, 0.17, 0.27)),
        ),
    ),
    *_of(
        "compression",
        (
            files.jpeg,
            "compressed as JPEG of a quality from 1 to 95",
            _table(quality=(25, 18, 15, 10, 7)),
        ),
        (files.pixelate, "in large pixels", _table(keep=(0.6, 0.5, 0.4, 0.3, 0.25))),
        (files.resample, "shrunk and enlarged again", _table(factor=_FACTORS)),
    ),
    *_of(
        "resolution",
        (files.downscale, "smaller by a factor", _table(factor=_FACTORS)),
        (
            files.shrink,
            "at most max_pixels large",
            _table(max_pixels=(1_000_000, 250_000, 100_000, 25_000, 10_000)),
        ),
        (files.pixel_size, "from um to to micrometres a pixel", _table(to=(1.25, 1.5, 2, 3, 4))),
        version="2",  # 1 took pixels at the edges of an area as a whole or not at all
    ),
    *_of(
        "light",
        (light.brightness, "brighter or darker", _table(add=(0.1, 0.2, 0.3, 0.4, 0.5))),
        (light.contrast, "less contrast", _table(keep=(0.4, 0.3, 0.2, 0.1, 0.05))),
        (light.gamma, "values to a power", _table(gamma=(1.25, 1.5, 2, 2.5, 3))),
        (light.vignette, "dark corners", _table(loss=_LOSSES)),
        (light.uneven_light, "dark to one side", _table(loss=_LOSSES)),
    ),
    *_of(
        "colours",
        (
            light.saturation,
            "more or less colour",
            _table(times=(0.3, 0.1, 2, 5, 20), add=(0, 0, 0, 0.1, 0.2)),
        ),
        (light.hue, "hue turned by degrees", _table(degrees=(10, 20, 45, 90, 180))),
        (light.grayscale, "without colour", ()),
        (light.invert, "bright becomes dark", ()),
        (light.channel_swap, "red, green and blue in another order", ()),
        (light.pseudo_colour, "in one colour on black", ()),
    ),
    *_of(
        "stains",
        (
            stains.stain_shift,
            "H-E(-DAB) stains shifted by the seed",
            _table(scale=(0.05, 0.1, 0.2, 0.3, 0.5), offset=(0.01, 0.02, 0.04, 0.06, 0.1)),
        ),
        (
            stains.stain_strength,
            "H-E(-DAB) stains weaker or stronger",
            _table(**dict.fromkeys(("haematoxylin", "eosin", "dab"), (0.8, 0.65, 0.5, 0.35, 0.2))),
        ),
    ),
    *_of(
        "marks",
        (marks.scale_bar, "a scale bar with a label", ()),
        (marks.no_scale_bar, "without a scale bar", ()),
        (
            marks.dust,
            "dark specks",
            _table(specks=(5, 10, 20, 40, 80), dark=(0.4, 0.4, 0.5, 0.6, 0.7)),
        ),
        (marks.seams, "stitched of uneven fields", _table(step=(0.03, 0.06, 0.1, 0.15, 0.2))),
    ),
    *_of(
        "orientation",
        (places.rotate, "turned by 90, 180 or 270 degrees", ()),
        (places.flip, "mirrored", ()),
        (places.crop, "the middle alone", _table(keep=(0.95, 0.9, 0.8, 0.7, 0.5))),
    ),
]


@mubench_gen.hookimpl
def mubench_gen_transforms() -> Sequence[Transform]:
    return _ALL
