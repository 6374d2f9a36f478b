"""Pictures in the place of an item's own, for controls: the mean image of the data, and noise."""

from __future__ import annotations

import hashlib
import random
from contextlib import suppress
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Literal

from mubench_gen.data.dataset import Dataset
from mubench_gen.errors import ImageError
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.types import Image, Row, as_png

if TYPE_CHECKING:
    from PIL import Image as PillowImage

_MOST = 64  # images that the mean is of
_SIDE = 256  # pixels; of the mean before it gets the size of an image


class StandIns:
    """The mean and the noise images of a data set, each as large as the image it stands for.

    They are drawn when a request needs them: the mean is of `_MOST` images that the seed draws,
    shown as the data set's policy shows them; noise is by the seed and the item's image.
    """

    def __init__(self, dataset: Dataset, seed: int) -> None:
        self._dataset = dataset
        self._seed = seed
        self._alone = Lock()

    def of(self, row: Row, kind: Literal["mean", "noise"]) -> tuple[Image, ...]:
        """The pictures in the place of the row's images."""
        draw = self._mean if kind == "mean" else self._noise
        return tuple(
            Image(f"{kind} image for {one.name}", partial(draw, one), StandardPolicy())
            for one in row.images
        )

    def _mean(self, image: Image) -> bytes:
        with self._alone:
            mean = self._mean_picture
        return as_png(mean.resize(image.size))

    def _noise(self, image: Image) -> bytes:
        import numpy as np
        from PIL import Image as Pillow

        digest = hashlib.sha256(f"noise\0{self._seed}\0{image.sha256}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        width, height = image.size
        values = generator.integers(0, 256, (height, width, 3), np.uint8)
        return as_png(Pillow.fromarray(values))

    @cached_property
    def _mean_picture(self) -> PillowImage.Image:
        import numpy as np
        from PIL import Image as Pillow

        rows = range(len(self._dataset))
        drawn = sorted(random.Random(self._seed).sample(rows, min(_MOST, len(rows))))
        total, shown = np.zeros((_SIDE, _SIDE, 3)), 0
        for number in drawn:
            with suppress(ImageError):  # its own items say what is wrong with it
                picture = self._dataset[number].image.pixels().resize((_SIDE, _SIDE))
                total, shown = total + np.asarray(picture), shown + 1
        return Pillow.fromarray((total / max(1, shown)).round().astype(np.uint8))
