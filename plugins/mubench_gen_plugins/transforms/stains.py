"""Stains of bright-field slides, in the space of their optical densities.

Colour deconvolution of Ruifrok & Johnston (2001): log(colour) is a sum of the stains' vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

# Absorption of red, green and blue by haematoxylin, eosin and DAB, as they published it.
_STAINS = ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78))
Space = Literal["hed", "he"]
Times = Annotated[float, Field(ge=0, le=10)]


def stain_shift(
    picture: Picture,
    seed: int,
    scale: Annotated[float, Field(ge=0, le=1)] = 0.1,
    offset: Annotated[float, Field(ge=0, le=1)] = 0.02,
    space: Space = "hed",
) -> Picture:
    """Each stain times 1 ± scale plus ± offset (optical density), drawn evenly by the seed.

    `space`: "hed" haematoxylin, eosin and DAB; "he" without DAB, in whose place is what remains.
    """
    import numpy as np

    generator = np.random.default_rng(seed)
    shift = generator.uniform(1 - scale, 1 + scale, 3), generator.uniform(-offset, offset, 3)
    if space == "he":
        shift[0][2], shift[1][2] = 1, 0
    return _changed(picture, *shift, space)


def stain_strength(
    picture: Picture,
    haematoxylin: Times = 1.0,
    eosin: Times = 1.0,
    dab: Times = 1.0,
    space: Space = "hed",
) -> Picture:
    """Each stain times its factor: eosin=0.5 is half of the eosin."""
    import numpy as np

    return _changed(picture, np.array([haematoxylin, eosin, dab]), np.zeros(3), space)


def _changed(picture: Picture, times: Any, plus: Any, space: str) -> Picture:
    import numpy as np

    from mubench_gen_plugins.transforms.arrays import picture_of, values

    vectors = np.array(_STAINS)
    if space == "he":
        vectors[2] = np.cross(vectors[0], vectors[1])
        vectors[2] /= np.linalg.norm(vectors[2])
    density = -np.log10(np.maximum(values(picture), 1e-6))
    stains = density @ np.linalg.inv(vectors)
    return picture_of(10 ** -((stains * times + plus) @ vectors))
