"""Microscope files as 8-bit RGB: several pages and channels, 16-bit and float values.

TIFF and OME-TIFF are read through tifffile, by their axes; 16-bit and float images in other
formats are windowed in the same way. What is done to an image is chosen by the user,
recorded in the manifest and part of every key.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ImageError, SettingError, did_you_mean
from mubench_gen.images.auto import AutoPolicy
from mubench_gen.images.bands import bands
from mubench_gen.images.choices import AUTO, AUTO_READERS, STANDARD, STANDARD_READERS, count
from mubench_gen.images.colours import NAMED
from mubench_gen.images.files import declared, orientation
from mubench_gen.images.notes import joined, turn_note
from mubench_gen.images.pixels import loaded, turned
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.images.ranges import percentile, shares, spread
from mubench_gen.images.tiff import is_tiff, tiff_file
from mubench_gen.images.transform import read_transform
from mubench_gen.plugins.registry import Plugins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from PIL import Image as PillowImage

    Planes = Callable[[slice], list[NDArray[Any]]]  # a channel each, of some rows

_ORIENTATION = "Orientation"
COLOURS = {name: tuple(part // 255 for part in colour) for name, colour in NAMED.items()}
_DEFAULT_COLOURS = ("red", "green", "blue", "magenta", "cyan", "yellow")
# Of other axes than these (time, tiles, …) the first entry is taken.
_PLANES = frozenset("ZQI")


@dataclass(frozen=True, slots=True)
class ScientificPolicy(StandardPolicy):
    """How a microscope's file becomes 8-bit RGB.

    `range`: what becomes 0 and 255, a channel at a time: `minmax`, `window:LOW:HIGH` in the
    file's own values, or `percentile:LOW:HIGH`. `z`: `first`, `middle`, `max`, `mean` or a
    plane's number from 0. `channels`: (number from 0, colour) of each that is shown; empty:
    one channel in grey, several in red, green, blue, ….
    """

    name: str = "scientific-1"
    range: str = "minmax"
    z: str = "first"
    channels: tuple[tuple[int, str], ...] = ()

    def _conversion(self, content: bytes, name: str) -> str | None:
        if not is_tiff(content):
            return self._windowed(StandardPolicy._conversion(self, content, name))
        with _series(content, name) as series:
            if _is_plain(series):
                return StandardPolicy._conversion(self, content, name)
            self._check_series(series, name)
            shape = "×".join(map(str, series.shape))
            note = f"{series.axes} {shape} {series.dtype.name} to 8-bit, {self._words()}"
            return joined(note, turn_note(_orientation(series)))

    def _decoded(self, content: bytes, name: str) -> PillowImage.Image:
        note = self._conversion(content, name)
        if is_tiff(content):
            with _series(content, name) as series:
                if not _is_plain(series):
                    drawn = self._drawn(series.asarray(), series.axes, name)
                    return turned(drawn, _orientation(series))
        elif note is not None and f"8-bit, {self.range}" in note:
            values, number = _pillow_values(content, name)
            return turned(self._drawn(values, "YX", name), number)
        return StandardPolicy._decoded(self, content, name)

    def _check_series(self, series: Any, name: str) -> None:
        sizes = dict(zip(series.axes, series.shape, strict=True))
        self._check_size((sizes.get("X", 1), sizes.get("Y", 1)), 1, name)
        needed = math.prod(series.shape) * series.dtype.itemsize
        self._check_bytes(needed, "its values", name)

    def _windowed(self, note: str | None) -> str | None:
        """The standard policy's note with this one's range."""
        return note.replace("minmax", self.range) if note else note

    def _words(self) -> str:
        shown = ", ".join(f"{number} {colour}" for number, colour in self.channels)
        return f"{self.range}, z {self.z}" + (f", channels {shown}" if shown else "")

    def _drawn(self, values: NDArray[Any], axes: str, name: str) -> PillowImage.Image:
        import numpy as np
        from PIL import Image

        if not {"Y", "X"} <= set(axes):
            raise ImageError(f"{name}: has no plane: its axes are {axes}")
        width, height = values.shape[axes.index("X")], values.shape[axes.index("Y")]
        before = (slice(None),) * axes.index("Y")

        def planes(rows: slice) -> list[NDArray[Any]]:
            return self._channels_of(values[(*before, rows)], axes, name)

        count = len(planes(slice(0, 1)))
        shown = [
            (number, np.asarray(COLOURS[colour]), self._limits(planes, number, width, height, name))
            for number, colour in self._shown(count, "S" in axes, name)
        ]
        picture = Image.new("RGB", (width, height))
        for rows in bands(width, height):
            found = planes(rows)
            band = np.zeros((*found[0].shape, 3))
            for number, colour, (low, high) in shown:
                band += shares(found[number], low, high).clip(0, 1)[..., None] * colour
            drawn = Image.fromarray((band.clip(0, 1) * 255).round().astype(np.uint8))
            picture.paste(drawn, (0, rows.start))
        return picture

    def _limits(
        self, planes: Planes, number: int, width: int, height: int, name: str
    ) -> tuple[float, float]:
        """The values of one channel that become 0 and 255."""
        limits = spread(planes(rows)[number] for rows in bands(width, height))
        if limits is None:
            raise ImageError(f"{name}: holds no finite value")
        kind, _, bounds = self.range.partition(":")
        if kind == "minmax":
            return limits
        low, high = (float(part) for part in bounds.split(":"))
        if kind == "window":
            return low, high
        whole = planes(slice(None))[number]
        return percentile(whole, low), percentile(whole, high)

    def _channels_of(self, values: NDArray[Any], axes: str, name: str) -> list[NDArray[Any]]:
        """One array of Y × X a channel."""
        for axis in [a for a in axes if a not in "YXCS"]:
            place = axes.index(axis)
            values = self._projected(values, place, axis in _PLANES, name)
            axes = axes.replace(axis, "", 1)
        order = [axes.index(axis) for axis in "CSYX" if axis in axes]
        arranged = values.transpose(order)
        return list(arranged.reshape(-1, *arranged.shape[-2:]))

    def _projected(
        self, values: NDArray[Any], place: int, is_plane: bool, name: str
    ) -> NDArray[Any]:
        count = values.shape[place]
        found: NDArray[Any]
        if is_plane and self.z in ("max", "mean"):
            found = getattr(values, self.z)(axis=place)
            return found
        number = 0
        if is_plane and self.z != "first":
            number = count // 2 if self.z == "middle" else int(self.z)
        if number >= count:
            raise ImageError(f"{name}: has no plane {number}, it has {count}")
        found = values.take(number, axis=place)
        return found

    def _shown(self, count: int, colour: bool, name: str) -> list[tuple[int, str]]:
        if self.channels:
            missing = [number for number, _ in self.channels if number >= count]
            if missing:
                raise ImageError(f"{name}: has no channel {missing[0]}, it has {count}")
            return list(self.channels)
        if count == 1:
            return [(0, "grey")]
        shown = 3 if colour else len(_DEFAULT_COLOURS)
        return list(enumerate(_DEFAULT_COLOURS))[: min(count, shown)]


def make_policy(
    settings: Mapping[str, str],
    seconds: float | None = None,
    *,
    seed: int = 0,
    plugins: Plugins | None = None,
    default: str = STANDARD,
) -> StandardPolicy:
    """The policy of `--image-set`, whose `policy` is `auto` or `standard`; `default` without one.

    `seconds`: the longest that reading, checking or decoding one image may take. `seed`: for
    transforms that draw. `plugins`: where transforms are looked for.
    """

    def transform(key: str, value: str) -> Any:
        return read_transform(value, plugins or Plugins(), seed=seed)

    limits: dict[str, Callable[[str, str], Any]]
    limits = {"max_pixels": count, "max_bytes": count, "transform": transform}
    family = settings.get("policy", default)
    if family not in (AUTO, STANDARD):
        raise SettingError(f"--image-set policy={family}: {AUTO} or {STANDARD} is needed.")
    readers = {**(AUTO_READERS if family == AUTO else STANDARD_READERS), **limits}
    given = {key: value for key, value in settings.items() if key != "policy"}
    for key in given:
        if key not in readers:
            known = did_you_mean(key, [*readers, "policy"])
            there = " of policy=standard" if key in AUTO_READERS else ""
            raise SettingError(f"--image-set {key}: unknown{there}. {known}")
    chosen = {key: readers[key](key, value) for key, value in given.items()}
    plain = chosen.keys() <= limits.keys()
    kind = AutoPolicy if family == AUTO else StandardPolicy if plain else ScientificPolicy
    policy = kind(seconds=seconds, **chosen)
    lift_limit(policy)
    return policy


def family_of(policy: Mapping[str, Any] | None) -> str:
    """`auto` or `standard`, by what a manifest records; runs of before have no other than that."""
    return AUTO if str((policy or {}).get("name", "")).startswith(AUTO) else STANDARD


def lift_limit(policy: StandardPolicy) -> None:
    """Raise Pillow's own limit, which holds for the whole process, to the policy's."""
    if policy.max_pixels <= StandardPolicy().max_pixels:
        return  # equal to Pillow's
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is not None:
        Image.MAX_IMAGE_PIXELS = max(policy.max_pixels, Image.MAX_IMAGE_PIXELS)


def _is_plain(series: Any) -> bool:
    """Whether it is one page of 8-bit values, which the standard policy reads."""
    return series.dtype.name == "uint8" and series.axes in ("YX", "YXS")


@contextmanager
def _series(content: bytes, name: str) -> Iterator[Any]:
    """The first series of a TIFF file."""
    with tiff_file(content, name) as file:
        yield file.series[0]


def _orientation(series: Any) -> int:
    """The orientation of a TIFF file's first page; 1, which is upright, if it declares none."""
    tag = series.keyframe.tags.get(_ORIENTATION)
    return declared(1 if tag is None else tag.value)


def _pillow_values(content: bytes, name: str) -> tuple[NDArray[Any], int]:
    """The values, and the orientation that the file declares."""
    import numpy as np

    picture = loaded(content, name)
    return np.asarray(picture), orientation(picture)
