"""Training images: painted by the demo's generator from seeds that the demo doesn't use."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from mubench_gen.data.demo.plan import plan
from mubench_gen.data.demo.rows import answers, row
from mubench_gen.data.demo.scenes import paint

SIDE = 112
MEAN = STD = 0.5
IMAGES_PER_SEED = 900


@dataclass(frozen=True, slots=True)
class ImageSet:
    """`pixels` is uint8 of shape (n, 3, SIDE, SIDE); `rows` are the images' data set rows."""

    pixels: torch.Tensor
    rows: list[dict[str, Any]]
    answers: list[dict[str, str]]

    def __len__(self) -> int:
        return len(self.rows)


def make_images(
    count: int, seeds: Sequence[int], workers: int = 2, datasets: Sequence[str] = ()
) -> ImageSet:
    """`count` images, IMAGES_PER_SEED of each seed, as the models' processors would see them.

    Where `datasets` are named, the images of the others are left out, and not painted.
    """
    everything = ((seed, index) for seed in seeds for index in range(IMAGES_PER_SEED))
    wanted = (p for p in everything if not datasets or plan(*p).dataset.name in datasets)
    places = list(islice(wanted, count))
    if len(places) < count:
        raise ValueError(f"{len(seeds)} seeds give at most {len(places)} such images")
    if workers == 1:
        pixels = [_small(SIDE, place) for place in places]
    else:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            pixels = pool.map(partial(_small, SIDE), places, chunksize=64)
    planned = [plan(seed, index) for seed, index in places]
    return ImageSet(
        pixels=torch.from_numpy(np.stack(pixels)),
        rows=[row(p) for p in planned],
        answers=[answers(p) for p in planned],
    )


def _small(side: int, place: tuple[int, int]) -> npt.NDArray[np.uint8]:
    picture = Image.fromarray(paint(plan(*place)))
    small = picture.resize((side, side), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(small).transpose(2, 0, 1))


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 0 … 255 to float32 −1 … 1, as the processor does it."""
    return (pixels.float() / 255 - MEAN) / STD


def turned(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each image under one of the square's eight symmetries; a micrograph has no upside."""
    which = torch.randint(8, (len(pixels),), generator=generator)
    result = pixels.clone()
    for symmetry in range(8):
        mine = which == symmetry
        image = torch.rot90(pixels[mine], symmetry % 4, (2, 3))
        result[mine] = image.flip(3) if symmetry >= 4 else image
    return result
