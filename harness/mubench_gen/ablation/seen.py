"""The axis `seen`: controls and transforms on one axis, of which each cell has one.

A control takes the image away, so that a transform under it changes nothing: crossed, most of
their cells are the same question. On one axis they are compared with the images as they are, one
at a time, and still crossed with all else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from mubench_gen.errors import PluginError, SettingError, did_you_mean, similar
from mubench_gen.images.transform import NONE
from mubench_gen.types import Control

SEEN = "seen"
CONTROL, TRANSFORM = "control", "transform"
OF_IMAGES = (CONTROL, TRANSFORM, SEEN)  # factors of which one level is the images as they are
CONTROLS: tuple[str, ...] = tuple(one for one in get_args(Control) if one != NONE)


def settings_of(value: Any) -> dict[str, Any]:
    """The settings of `eval` that a level of the axis stands for."""
    return {CONTROL: value} if value in CONTROLS else {"image_set": {TRANSFORM: value}}


def level_of(axis: str, level: Any, check: Callable[[Any], tuple[Any, Any]]) -> tuple[Any, Any]:
    """The value and the sense of a level: of a control those here, of others what `check` finds.

    SettingError for a level of this axis that is neither.
    """
    if axis != SEEN:
        return check(level)
    if level in CONTROLS:
        return level, (CONTROL, level)
    try:
        return check(level)
    except PluginError as error:
        raise SettingError(_no_level(str(level), error)) from None


def _no_level(level: str, error: PluginError) -> str:
    """Why a level is none: the control that it is like, or else what is said of transforms."""
    name = level.partition(":")[0]
    if name in CONTROLS:
        return f"--axis {SEEN}: {level}: a control has no severity and no settings. Write {name}."
    if similar(name, CONTROLS):
        told = did_you_mean(name, CONTROLS)
        return f"--axis {SEEN}: there is no transform and no control {name!r}. {told}"
    return f"{error} The controls are {', '.join(CONTROLS)}."


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
