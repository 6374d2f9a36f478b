"""Microscope files as 8-bit RGB: several pages and channels, 16-bit and float values.

TIFF and OME-TIFF are read through tifffile, by their axes; 16-bit and float images in other
formats are windowed in the same way. What is done to an image is chosen by the user,
recorded in the manifest and part of every key.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ImageError, MissingExtraError, SettingError, did_you_mean
from mubench_gen.image import StandardPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image as PillowImage

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_RANGE = re.compile(rf"(?:window|percentile):({_NUMBER}):({_NUMBER})")
_Z = re.compile(r"first|middle|max|mean|\d+")
COLOURS = {
    "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "cyan": (0, 1, 1),
    "magenta": (1, 0, 1), "yellow": (1, 1, 0), "grey": (1, 1, 1),
}  # fmt: skip
_DEFAULT_COLOURS = ("red", "green", "blue", "magenta", "cyan", "yellow")
# Other axes than these (time, tiles, …) are taken at their first place.
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

    def check(self, content: bytes, name: str) -> str | None:
        if not is_tiff(content):
            return self._windowed(StandardPolicy.check(self, content, name))
        with _series(content, name) as series:
            if _is_plain(series):
                return StandardPolicy.check(self, content, name)
            size = math.prod(series.shape) * series.dtype.itemsize
            if size > self.max_bytes:
                raise ImageError(
                    f"{name}: decodes to {size / 2**20:,.0f} MiB; "
                    f"the policy's limit is {self.max_bytes / 2**20:,.0f} MiB"
                )
            shape = "×".join(map(str, series.shape))
            return f"{series.axes} {shape} {series.dtype.name} to 8-bit, {self._words()}"

    def decode(self, content: bytes, name: str) -> PillowImage.Image:
        note = self.check(content, name)
        if is_tiff(content):
            with _series(content, name) as series:
                if not _is_plain(series):
                    return self._drawn(series.asarray(), series.axes, name)
        elif note is not None and f"8-bit, {self.range}" in note:
            return self._drawn(_pillow_values(content, name), "YX", name)
        return StandardPolicy.decode(self, content, name)

    def _windowed(self, note: str | None) -> str | None:
        """The standard policy's note with this one's range."""
        return note.replace("minmax", self.range) if note else note

    def _words(self) -> str:
        shown = ", ".join(f"{number} {colour}" for number, colour in self.channels)
        return f"{self.range}, z {self.z}" + (f", channels {shown}" if shown else "")

    def _drawn(self, values: NDArray[Any], axes: str, name: str) -> PillowImage.Image:
        import numpy as np
        from PIL import Image

        planes = self._channels_of(values, axes, name)
        picture = np.zeros((*planes[0].shape, 3))
        for number, colour in self._shown(len(planes), "S" in axes, name):
            scaled = _scaled(planes[number], self.range, name)
            picture += scaled[..., None] * np.asarray(COLOURS[colour])
        return Image.fromarray((picture.clip(0, 1) * 255).round().astype(np.uint8))

    def _channels_of(self, values: NDArray[Any], axes: str, name: str) -> list[NDArray[Any]]:
        """One array of Y × X a channel."""
        if not {"Y", "X"} <= set(axes):
            raise ImageError(f"{name}: has no plane: its axes are {axes}")
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


def is_tiff(content: bytes) -> bool:
    """By its first bytes."""
    return content.startswith(_TIFF)


def make_policy(settings: Mapping[str, str]) -> StandardPolicy:
    """The policy of `--image-set`: the standard one where nothing is set."""
    if not settings:
        return StandardPolicy()
    readers: dict[str, Callable[[str], Any]] = {
        "range": _range, "z": _z, "channels": _channels,
    }  # fmt: skip
    for key in settings:
        if key not in readers:
            raise SettingError(f"--image-set {key}: unknown. {did_you_mean(key, readers)}")
    return ScientificPolicy(**{key: readers[key](value) for key, value in settings.items()})


def _range(value: str) -> str:
    if value == "minmax":
        return value
    found = _RANGE.fullmatch(value)
    low, high = (float(part) for part in found.groups()) if found else (0.0, 0.0)
    in_percent = low >= 0 and high <= 100
    if low < high and (in_percent or value.startswith("window")):
        return value
    raise SettingError(
        f"--image-set range={value}: minmax, window:LOW:HIGH or percentile:LOW:HIGH is needed, "
        "the lower bound first."
    )


def _z(value: str) -> str:
    if not _Z.fullmatch(value):
        raise SettingError(
            f"--image-set z={value}: first, middle, max, mean or a number is needed."
        )
    return value


def _channels(value: str) -> tuple[tuple[int, str], ...]:
    found = []
    for part in value.split("+"):
        number, _, colour = part.partition(":")
        if not number.isdecimal() or colour not in COLOURS:
            raise SettingError(
                f"--image-set channels={value}: NUMBER:COLOUR is needed, several with + between "
                f"them (0:green+2:magenta). Colours: {', '.join(COLOURS)}."
            )
        found.append((int(number), colour))
    return tuple(found)


def _is_plain(series: Any) -> bool:
    """One page of 8-bit values: palettes, alpha and the like are the standard policy's."""
    return series.dtype.name == "uint8" and series.axes in ("YX", "YXS")


@contextmanager
def _series(content: bytes, name: str) -> Iterator[Any]:
    """The first series of a TIFF file."""
    try:
        import tifffile
    except ImportError:
        raise MissingExtraError("tifffile", "tiff", "Reading microscope files") from None
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            yield file.series[0]
    except ImageError:
        raise
    except Exception as error:  # decoders raise what they like on damaged files
        raise ImageError(f"{name}: cannot be read as TIFF: {error}") from None


def _pillow_values(content: bytes, name: str) -> NDArray[Any]:
    import numpy as np
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as picture:
            return np.asarray(picture, dtype=np.float64)
    except Exception as error:  # as above
        raise ImageError(f"{name}: cannot be decoded: {error}") from None


def _scaled(values: NDArray[Any], how: str, name: str) -> NDArray[np.float64]:
    """Values as 0 to 1; those that are not finite are 0."""
    import numpy as np

    numbers = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(numbers)
    if not finite.any():
        raise ImageError(f"{name}: holds no finite value")
    kind, _, bounds = how.partition(":")
    if kind == "window":
        low, high = (float(part) for part in bounds.split(":"))
    elif kind == "percentile":
        low, high = np.percentile(numbers[finite], [float(part) for part in bounds.split(":")])
    else:
        low, high = numbers[finite].min(), numbers[finite].max()
    span = high - low if high > low else 1.0
    found: NDArray[np.float64] = np.where(finite, (numbers - low) / span, 0).clip(0, 1)
    return found
