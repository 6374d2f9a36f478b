"""What lies over a specimen: scale bars, dust, and the seams of a stitched picture."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_PLAIN = 3  # levels by which the pixels of a bar differ at most


def scale_bar(
    picture: Picture,
    length: Annotated[float, Field(gt=0, le=0.9)] = 0.2,
    label: Annotated[str, Field(max_length=40)] = "10 µm",
) -> Picture:
    """A bar of that share of the width in the lower right corner, with its label above it.

    White on a dark corner, black on a bright one.
    """
    from PIL import ImageDraw, ImageFont

    width, height = picture.size
    across, thick = max(2, round(width * length)), max(2, round(height * 0.015))
    margin = max(1, round(min(width, height) * 0.04))
    left, top = max(0, width - margin - across), max(0, height - margin - thick)
    corner = picture.crop((left, min(top, height * 3 // 4), width, height)).convert("L")
    levels = corner.histogram()
    mean = sum(level * count for level, count in enumerate(levels)) / max(1, sum(levels))
    ink = (0, 0, 0) if mean > 127 else (255, 255, 255)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((left, top, left + across - 1, top + thick - 1), fill=ink)
    if label:
        font = ImageFont.truetype(_font(), max(8.0, height * 0.05))
        pen.text((left + across / 2, top - thick), label, fill=ink, font=font, anchor="mb")
    return picture


def _font() -> str:
    """The file of a font that has a µ: matplotlib's, which is not imported for it."""
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.submodule_search_locations
    return f"{spec.submodule_search_locations[0]}/mpl-data/fonts/ttf/DejaVuSans.ttf"


def no_scale_bar(picture: Picture, near: Annotated[float, Field(ge=0, le=0.5)] = 0.08) -> Picture:
    """A scale bar with its label painted over from the rows above and below it.

    A bar is black or white, 2 to 1 pixels in 20 of the height thick, at least a twentieth of the
    width long, in the lower or upper quarter. Its label: up to `near` of the height away. A
    picture without one stays.
    """
    import numpy as np
    from PIL import Image

    found = np.array(picture)
    bar = _bar(found)
    if bar is None:
        return picture
    left, top, right, bottom = bar
    reach = round(near * found.shape[0])
    top, bottom = max(0, top - reach), min(found.shape[0], bottom + reach)
    above = found[top - 1 if top else min(bottom, len(found) - 1), left:right]
    below = found[bottom if bottom < len(found) else max(0, top - 1), left:right]
    share = np.linspace(0, 1, bottom - top)[:, np.newaxis, np.newaxis]
    found[top:bottom, left:right] = ((1 - share) * above + share * below).round()
    return Image.fromarray(found)


def _bar(found: Any) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of the longest bar, with a margin of two pixels."""
    import numpy as np
    from scipy import ndimage

    height, width, _ = found.shape
    best: tuple[int, ...] | None = None
    for plain in (found.min(axis=2) >= 255 - _PLAIN, found.max(axis=2) <= _PLAIN):
        plain[height // 4 : height - height // 4] = False
        # Only rows of plain pixels that are a twentieth of the width long.
        long = ndimage.binary_opening(plain, np.ones((1, max(4, width // 20)), bool))
        for rows, columns in ndimage.find_objects(ndimage.label(long)[0]):
            thick, across = rows.stop - rows.start, columns.stop - columns.start
            if not 2 <= thick <= max(2, height // 20) or across < 3 * thick or across > 0.9 * width:
                continue
            if best is None or across > best[2] - best[0]:
                best = columns.start, rows.start, columns.stop, rows.stop
    if best is None:
        return None
    left, top, right, bottom = best
    return max(0, left - 2), max(0, top - 2), min(width, right + 2), min(height, bottom + 2)


def dust(
    picture: Picture,
    seed: int,
    specks: Annotated[int, Field(ge=1, le=10_000)] = 5,
    dark: Annotated[float, Field(gt=0, le=1)] = 0.4,
) -> Picture:
    """Soft dark specks at places drawn by the seed, 0.3 to 1.5 % of the shorter side in radius."""
    import numpy as np

    from mubench_gen_plugins.transforms.arrays import picture_of, values

    generator = np.random.default_rng(seed)
    found = values(picture)
    height, width, _ = found.shape
    for x, y, size in generator.random((specks, 3)):
        radius = max(1.0, (0.003 + 0.012 * size) * min(width, height))
        reach, column, row = int(2 * radius) + 1, int(x * width), int(y * height)
        rows = np.arange(max(0, row - reach), min(height, row + reach + 1))
        columns = np.arange(max(0, column - reach), min(width, column + reach + 1))
        away = np.hypot(rows[:, np.newaxis] - row, columns[np.newaxis] - column)
        shade = dark / (1 + np.exp(4 * (away - radius) / radius))
        found[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] *= 1 - shade[..., np.newaxis]
    return picture_of(found)


def seams(
    picture: Picture,
    seed: int,
    step: Annotated[float, Field(gt=0, le=1)] = 0.05,
    tiles: Annotated[int, Field(ge=2, le=100)] = 3,
) -> Picture:
    """As stitched of tiles × tiles fields, each brighter or darker by up to `step` by the seed."""
    import numpy as np

    from mubench_gen_plugins.transforms.arrays import picture_of, values

    found = values(picture)
    gains = 1 + np.random.default_rng(seed).uniform(-step, step, (tiles, tiles))
    rows = np.arange(found.shape[0]) * tiles // found.shape[0]
    columns = np.arange(found.shape[1]) * tiles // found.shape[1]
    return picture_of(found * gains[np.ix_(rows, columns)][..., np.newaxis])
