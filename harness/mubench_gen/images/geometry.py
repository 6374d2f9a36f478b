"""Boxes and polygons in an image: overlap, bounds, masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mubench_gen.errors import ImageError
from mubench_gen.images.auto import is_another_frame
from mubench_gen.types import Box, Image, Polygon, Row

if TYPE_CHECKING:
    from PIL import Image as PillowImage


def area(box: Box) -> float:
    """Width × height, without an extra pixel at the end."""
    return max(0.0, box.x1 - box.x0) * max(0.0, box.y1 - box.y0)


def iou(one: Box, other: Box) -> float:
    """Intersection over union; 0 where both are empty."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (area(one) + area(other) - common)


def box_of(polygon: Polygon) -> Box:
    """The smallest upright box around a polygon."""
    across, down = polygon.points[0::2], polygon.points[1::2]
    return Box(min(across), min(down), max(across), max(down), polygon.name)


def mask_of(polygons: Sequence[Polygon], size: tuple[int, int]) -> PillowImage.Image:
    """An 8-bit image of `size` (width, height): 255 inside any of the polygons, its outline
    included, else 0."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    mask = Pillow.new("L", size, 0)
    pen = ImageDraw.Draw(mask)
    for polygon in polygons:
        pen.polygon(polygon.points, fill=255, outline=255)
    return mask


def require_one_frame(image: Image) -> None:
    """ImageError for an image with an orientation, which its boxes may or may not be meant for,
    and for one that is shown in part or at a coarser level."""
    if is_another_frame(image.conversion or ""):
        raise ImageError(
            f"{image.name}: was {image.conversion}: its boxes are at places of the whole file at "
            "its finest level"
        )
    if image.is_turned:
        raise ImageError(
            f"{image.name}: was {image.conversion}, and its boxes could be meant for the file as "
            "it is stored or as it is shown. Save it upright, without that tag, with its boxes "
            "as they are then"
        )


def marked(row: Row) -> tuple[Box, ...]:
    """The boxes of a row: around its polygons where it has any, else those of its column."""
    if row.polygons:
        return tuple(box_of(polygon) for polygon in row.polygons)
    return tuple(row.boxes)
