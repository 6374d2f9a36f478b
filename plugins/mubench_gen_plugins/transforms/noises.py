"""Noise of cameras and detectors, drawn by the seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def gaussian_noise(
    picture: Picture, seed: int, sd: Annotated[float, Field(gt=0, le=10)] = 0.08
) -> Picture:
    """Gaussian noise of that standard deviation (of 1 = full brightness) on each value."""
    import numpy as np

    from mubench_gen_plugins.transforms.arrays import picture_of, values

    found = values(picture)
    return picture_of(found + np.random.default_rng(seed).normal(0, sd, found.shape))


def shot_noise(
    picture: Picture, seed: int, photons: Annotated[float, Field(gt=0, le=1e6)] = 60.0
) -> Picture:
    """Poisson noise: each value is a count of at most `photons` on average."""
    import numpy as np

    from mubench_gen_plugins.transforms.arrays import picture_of, values

    return picture_of(np.random.default_rng(seed).poisson(values(picture) * photons) / photons)


def speckle_noise(
    picture: Picture, seed: int, sd: Annotated[float, Field(gt=0, le=10)] = 0.15
) -> Picture:
    """Each value times 1 plus Gaussian noise of that standard deviation."""
    import numpy as np

    from mubench_gen_plugins.transforms.arrays import picture_of, values

    found = values(picture)
    return picture_of(found + found * np.random.default_rng(seed).normal(0, sd, found.shape))


def salt_and_pepper(
    picture: Picture, seed: int, amount: Annotated[float, Field(gt=0, le=1)] = 0.03
) -> Picture:
    """That share of the values (of each colour by itself) is full or none, half of them each."""
    import numpy as np

    from mubench_gen_plugins.transforms.arrays import picture_of, values

    generator = np.random.default_rng(seed)
    found = values(picture)
    hit = generator.random(found.shape) <= amount
    salt = generator.random(found.shape) <= 0.5
    return picture_of(np.where(hit, salt, found))
