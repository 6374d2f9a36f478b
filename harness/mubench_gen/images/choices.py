"""The texts of `--image-set` as values, each checked. SettingError says what is needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from mubench_gen.errors import SettingError
from mubench_gen.images.colours import NAMED
from mubench_gen.images.source import Region

AUTO, STANDARD = "auto", "standard"
IMAGES, MONTAGE = "images", "montage"  # each plane (time) an image; all of them in one, as tiles
_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_RANGE = re.compile(rf"(?:window|percentile):({_NUMBER}):({_NUMBER})")
_COUNT = re.compile(r"[1-9]\d{0,17}")
_WHICH = re.compile(r"\d{1,9}")


def count(key: str, value: str) -> int:
    if not _COUNT.fullmatch(value):
        raise SettingError(f"--image-set {key}={value}: a number above 0 is needed.")
    return int(value)


def _range(key: str, value: str) -> str:
    if value == "minmax":
        return value
    found = _RANGE.fullmatch(value)
    low, high = (float(part) for part in found.groups()) if found else (0.0, 0.0)
    in_percent = low >= 0 and high <= 100
    if low < high and (in_percent or value.startswith("window")):
        return value
    raise SettingError(
        f"--image-set {key}={value}: minmax, window:LOW:HIGH or percentile:LOW:HIGH is needed, "
        "the lower bound first."
    )


def _range_or_auto(key: str, value: str) -> str:
    return value if value == AUTO else _range(key, value)


def _one_of(*names: str) -> Callable[[str, str], str]:
    """A reader of one of these names, or a number from 0."""

    def read(key: str, value: str) -> str:
        if value not in names and not _WHICH.fullmatch(value):
            named = ", ".join(names)
            raise SettingError(f"--image-set {key}={value}: {named} or a number is needed.")
        return value

    return read


def _channels(key: str, value: str) -> tuple[tuple[int, str], ...]:
    found = []
    for part in value.split("+"):
        number, _, colour = part.partition(":")
        if not number.isdecimal() or colour not in NAMED:
            raise SettingError(
                f"--image-set {key}={value}: NUMBER:COLOUR is needed, several with + between "
                f"them (0:green+2:magenta). Colours: {', '.join(NAMED)}."
            )
        found.append((int(number), colour))
    return tuple(found)


def _channels_or_auto(key: str, value: str) -> tuple[tuple[int, str], ...]:
    if value == AUTO:
        return ()
    parts = value.split("+")
    if all(part.isdecimal() for part in parts):  # in the colours that they would have
        return tuple((int(part), "") for part in parts)
    return _channels(key, value)


def _region(key: str, value: str) -> Region:
    parts = value.split(":")
    if len(parts) != 4 or not all(_WHICH.fullmatch(part) for part in parts) or "0" in parts[2:]:
        raise SettingError(f"--image-set {key}={value}: LEFT:TOP:WIDTH:HEIGHT is needed.")
    left, top, width, height = (int(part) for part in parts)
    return left, top, width, height


def _scene(key: str, value: str) -> int:
    if not _WHICH.fullmatch(value):
        raise SettingError(f"--image-set {key}={value}: a number from 0 is needed.")
    return int(value)


STANDARD_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "range": _range,
    "z": _one_of("first", "middle", "max", "mean"),
    "channels": _channels,
}
AUTO_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "range": _range_or_auto,
    "z": _one_of(AUTO, "first", "middle", "max", "mean", "sharpest", IMAGES, MONTAGE),
    "t": _one_of("first", "middle", "last", "max", "mean", IMAGES, MONTAGE),
    "channels": _channels_or_auto,
    "level": _one_of(AUTO),
    "region": _region,
    "scene": _scene,
}
