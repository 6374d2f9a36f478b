"""One picture of a scientific image: planes are chosen, windowed, coloured, and laid together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ImageError
from mubench_gen.images.blend import blended, from_samples
from mubench_gen.images.choices import IMAGES, MONTAGE
from mubench_gen.images.colours import MOST, NAMED, Colour, chosen_colours, name_of
from mubench_gen.images.contrast import colour_top, is_in_view, window
from mubench_gen.images.planes import is_dark, projected, sharpest
from mubench_gen.images.source import Channel, Region, Source

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image as PillowImage

_RGB = [NAMED[name] for name in ("red", "green", "blue")]
_COLOURS = {"RGB": 3, "RGBA": 3, "RGBa": 3, "LA": 1, "La": 1, "CMYK": 4}
STACKED, PAGES = "Z", "IQ"  # planes in depth; pages of which the file says nothing


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be shown of a file, as `--image-set` says it; `level` is decided."""

    range: str
    z: str
    t: str
    channels: tuple[tuple[int, str], ...]
    level: int
    region: Region | None


@dataclass(frozen=True)
class Rendering:
    """A file under a look; `scenes` is the number of pictures in it."""

    source: Source
    look: Look
    name: str
    scenes: int = 1

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """The length of each axis."""
        return dict(zip(self.source.axes, self.source.shape, strict=True))

    @cached_property
    def shown(self) -> Sequence[tuple[int, Colour, Channel]]:
        """Number, colour and description of each channel that is shown."""
        known, count = self.source.channels, self.sizes.get("C", 1)
        hidden = {number for number, channel in enumerate(known) if channel.hidden}
        usual = [number for number in range(count) if number not in hidden] or range(count)
        asked = self.look.channels or [(number, "") for number in usual[:MOST]]
        numbers = [number for number, _ in asked]
        if missing := [number for number in numbers if number >= count]:
            raise ImageError(f"{self.name}: has no channel {missing[0]}, it has {count}")
        colours = chosen_colours(known, numbers)
        return [
            (
                number,
                NAMED[colour] if colour else own,
                known[number] if number < len(known) else Channel(),
            )
            for (number, colour), own in zip(asked, colours, strict=True)
        ]

    @cached_property
    def stacks(self) -> str:
        """The axis that z is about: Z, or else pages; "" where there is one plane."""
        long = [axis for axis, size in self.sizes.items() if size > 1]
        return next((a for wanted in (STACKED, PAGES) for a in long if a in wanted), "")

    @cached_property
    def z(self) -> str:
        """How the stack becomes one plane: "max", "mean", or a plane's number."""
        count = self.sizes.get(self.stacks, 1)
        how = self.look.z
        reads = [partial(self._plane, number) for number, _, _ in self.shown]
        if how == "auto":
            middle = (read(count // 2) for read in reads)
            dark = self.stacks in STACKED and not self.source.samples and is_dark(middle)
            how = "max" if dark else "sharpest"
        if how == "sharpest":
            return str(sharpest(reads, count))
        return how if how in ("max", "mean") else str(self._number(how, count, "plane"))

    @property
    def counts(self) -> Mapping[str, int]:
        """How many times and planes there are."""
        return {"t": self.sizes.get("T", 1), "z": self.sizes.get(self.stacks, 1)}

    @cached_property
    def frames(self) -> Sequence[Look]:
        """The look of each image that is shown: of several where planes or times are images."""
        return _each(self.look, IMAGES, self.counts)

    def facts(self) -> dict[str, Any]:
        """What was chosen by the file's values, in words by kind; for people, and in no key."""
        found: dict[str, Any] = {}
        if several := self.several:
            return {"plane": f"{', '.join(several)}, under one contrast"}
        if self.stacks:
            count = self.sizes[self.stacks]
            found["plane"] = (
                f"{self.z} of {count} planes"
                if self.z in ("max", "mean")
                else f"plane {int(self.z) + 1} of {count}"
            )
        if self.source.samples:
            return found
        planes = self._planes()
        found["channels"] = [
            {"number": n, "name": channel.name, "colour": name_of(colour), "window": limits}
            for (n, colour, channel), limits in zip(self.shown, self._windows(planes), strict=True)
        ]
        return found

    @property
    def several(self) -> list[str]:
        """What is shown of a stack beside one picture, in words."""
        names = {"t": "times", "z": "planes"}
        return [
            f"{count} {names[axis]} as {how}"
            for axis, count in self.counts.items()
            if count > 1 and (how := getattr(self.look, axis)) in (IMAGES, MONTAGE)
        ]

    def pictures(self) -> list[list[PillowImage.Image]]:
        """For each of `frames` its tiles, 8-bit RGB and not turned: one where it is no montage.

        All are under one contrast, so that brightness can be compared.
        """
        looks = [_each(frame, MONTAGE, self.counts) for frame in self.frames]
        tiles = [[self._under(look)._planes() for look in frame] for frame in looks]
        whole = _joined([planes for frame in tiles for planes in frame])
        if self.source.samples:
            limits = self._colour_limits(whole[0])
            samples = self.source.samples
            return [[from_samples(one[0], limits, samples) for one in frame] for frame in tiles]
        windows, colours = self._windows(whole), [colour for _, colour, _ in self.shown]
        return [[blended(planes, windows, colours) for planes in frame] for frame in tiles]

    def _under(self, look: Look) -> Rendering:
        return self if look is self.look else replace(self, look=look)

    def _planes(self) -> list[NDArray[Any]]:
        """The plane of each channel that is shown; of colour samples one."""
        if self.source.samples:
            return [self._shown_plane(0)]
        return [self._shown_plane(number) for number, _, _ in self.shown]

    def _windows(self, planes: Sequence[NDArray[Any]]) -> list[tuple[float, float]]:
        if self._is_stain(planes):
            return [(0.0, colour_top(planes) or 1.0)] * len(planes)
        found = []
        for plane, (_, _, channel) in zip(planes, self.shown, strict=True):
            limits = self._window(plane, channel)
            if limits is None and len(planes) == 1:
                raise ImageError(f"{self.name}: holds no finite value")
            found.append(limits or (0.0, 1.0))
        return found

    def _is_stain(self, planes: Sequence[NDArray[Any]]) -> bool:
        """Whether the channels are red, green and blue of a bright picture: scaled together, they
        keep its hue."""
        return (
            self.look.range == "auto"
            and [colour for _, colour, _ in self.shown] == _RGB
            and not any(channel.window for _, _, channel in self.shown)
            and not any(is_dark([plane]) for plane in planes)
        )

    def _window(self, plane: NDArray[Any], channel: Channel) -> tuple[float, float] | None:
        if self.look.range == "auto":
            if is_eight_bit(self.source):
                return 0.0, 255.0
            if plane.dtype == bool:
                return 0.0, 1.0
        limits = window(plane, self.look.range, among_others=len(self.shown) > 1)
        own = channel.window if self.look.range == "auto" else None
        return own if limits and own and is_in_view(plane, *own) else limits

    def _colour_limits(self, plane: NDArray[Any]) -> tuple[float, float]:
        """The values of colour samples, scaled together, that are black and full brightness."""
        import numpy as np

        if self.look.range == "auto":
            colours = plane[..., : _COLOURS[self.source.samples]]
            top = 255.0 if plane.dtype == np.uint8 else colour_top([colours])
            limits = None if top is None else (0.0, top or 1.0)
        else:
            flat = plane.reshape(plane.shape[0], -1)
            limits = window(flat, self.look.range, among_others=False)
        if limits is None:
            raise ImageError(f"{self.name}: holds no finite value")
        return limits

    def _shown_plane(self, channel: int) -> NDArray[Any]:
        read = partial(self._plane, channel)
        if not self.stacks:
            return read(0)
        if self.z in ("max", "mean"):
            return projected(read, self.sizes[self.stacks], self.z)
        return read(int(self.z))

    def _plane(self, channel: int, number: int) -> NDArray[Any]:
        """One plane of one channel, at the time that is shown."""
        at = {"C": channel, self.stacks or STACKED: number}
        look, count = self.look, self.sizes.get("T", 1)
        read = partial(self.source.plane, level=look.level, region=look.region)
        if look.t in ("max", "mean"):
            return projected(lambda time: read({**at, "T": time}), count, look.t)
        return read({**at, "T": self._number(look.t, count, "frame")})

    def _number(self, how: str, count: int, what: str) -> int:
        known = {"first": 0, "middle": count // 2, "last": count - 1, IMAGES: 0, MONTAGE: 0}
        number = known.get(how)
        number = int(how) if number is None else number
        if number >= count:
            raise ImageError(f"{self.name}: has no {what} {number}, it has {count}")
        return number


def _each(look: Look, how: str, counts: Mapping[str, int]) -> list[Look]:
    """The look for each entry of the axes that are shown in that way, times before planes."""
    found = [look]
    if look.t == how:
        found = [replace(one, t=str(n)) for one in found for n in range(counts["t"])]
    if look.z == how:
        found = [replace(one, z=str(n)) for one in found for n in range(counts["z"])]
    return found


def _joined(tiles: Sequence[Sequence[NDArray[Any]]]) -> list[NDArray[Any]]:
    """The planes of each channel of all tiles, as one."""
    import numpy as np

    if len(tiles) == 1:
        return list(tiles[0])
    return [np.concatenate(planes) for planes in zip(*tiles, strict=True)]


def is_eight_bit(source: Source) -> bool:
    """Whether it is one plane of 8-bit values, which are shown as they are."""
    sizes = dict(zip(source.axes, source.shape, strict=True))
    return source.dtype.name == "uint8" and all(
        size == 1 for axis, size in sizes.items() if axis not in "YXS"
    )
