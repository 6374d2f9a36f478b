"""Turned, mirrored and cropped pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def rotate(picture: Picture, degrees: Literal["90", "180", "270"] = "90") -> Picture:
    """Turned by a quarter, a half, or three quarters of a turn against the clock."""
    from PIL.Image import Transpose

    return picture.transpose(Transpose[f"ROTATE_{degrees}"])


def flip(picture: Picture, across: Literal["horizontal", "vertical"] = "horizontal") -> Picture:
    """Mirrored: left and right change places (horizontal), or top and bottom (vertical)."""
    from PIL.Image import Transpose

    way = "FLIP_LEFT_RIGHT" if across == "horizontal" else "FLIP_TOP_BOTTOM"
    return picture.transpose(Transpose[way])


def crop(picture: Picture, keep: Annotated[float, Field(gt=0, le=1)] = 0.8) -> Picture:
    """The middle, with that share of each side."""
    width, height = max(1, round(picture.width * keep)), max(1, round(picture.height * keep))
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))
