"""Several pictures of one size as one: tiles in rows, from left to right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image as PillowImage


def grid(tiles: int) -> tuple[int, int]:
    """How many tiles a montage is across and down: as square as it can be."""
    across = math.ceil(math.sqrt(tiles))
    return across, math.ceil(tiles / across)


def laid(tiles: Sequence[PillowImage.Image]) -> PillowImage.Image:
    """The tiles, all of the first one's size, as one picture; one alone stays as it is."""
    from PIL import Image

    if len(tiles) == 1:
        return tiles[0]
    across, down = grid(len(tiles))
    width, height = tiles[0].size
    whole = Image.new("RGB", (width * across, height * down))
    for number, tile in enumerate(tiles):
        whole.paste(tile, (number % across * width, number // across * height))
    return whole
