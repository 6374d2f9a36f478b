"""The axis `seen`: controls and transforms on one axis, of which each cell has one.

A control takes the image away, so that a transform under it changes nothing: crossed, most of
their cells are the same question. On one axis they are compared with the images as they are, one
at a time, and still crossed with all else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from mubench_gen.errors import SettingError
from mubench_gen.images.transform import NONE
from mubench_gen.types import Control

SEEN = "seen"
CONTROL, TRANSFORM = "control", "transform"
OF_IMAGES = (CONTROL, TRANSFORM, SEEN)  # factors of which one level is the images as they are
CONTROLS: tuple[str, ...] = tuple(one for one in get_args(Control) if one != NONE)


def settings_of(value: Any) -> dict[str, Any]:
    """The settings of `eval` that a level of the axis stands for."""
    return {CONTROL: value} if value in CONTROLS else {"image_set": {TRANSFORM: value}}


def hides(factor: str, level: str) -> bool:
    """Whether this level of the factor is a control: models do not see the item's own image."""
    return factor in (CONTROL, SEEN) and level in CONTROLS


def check_apart(names: Mapping[str, Any]) -> None:
    """SettingError where the axis stands beside one of those that it consists of."""
    for other in (CONTROL, TRANSFORM):
        if SEEN in names and other in names:
            raise SettingError(
                f"--axis {SEEN} and --axis {other}: {SEEN} has controls and transforms, one at a "
                f"time. Give either {SEEN}, or {CONTROL} and {TRANSFORM} for their product."
            )
