"""The automatic image policy: evidently scientific files as a microscopist would show them.

Files of more than 8 bits, floats, and files with channels, planes or times are read by the
formats of `readers.py`. Everything else is shown as the standard policy shows it, under the same
key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ImageError, MissingExtraError
from mubench_gen.images.choices import IMAGES, MONTAGE
from mubench_gen.images.colours import name_of
from mubench_gen.images.montage import grid, laid
from mubench_gen.images.notes import joined, turn_note
from mubench_gen.images.pixels import turned
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.images.readers import reader_of
from mubench_gen.images.render import STACKED, Look, Rendering
from mubench_gen.images.source import Reader, Region, Source

if TYPE_CHECKING:
    from PIL import Image as PillowImage

AUTO_NAME = "auto-1"
_OTHER_FRAME = re.compile(r"; (?:level [1-9]\d*|region) ")


@dataclass(frozen=True, slots=True)
class AutoPolicy(StandardPolicy):
    """How any file becomes 8-bit RGB, chosen by what the file is.

    Each choice is `auto` or one of `--image-set` (docs/data.md, "Microscope files"): `range`,
    `z`, `t`, `channels` (number, colour; "" for its own), `level`, `region`, `scene`.
    """

    name: str = AUTO_NAME
    depth: str = "auto"
    pages: str = "auto"
    range: str = "auto"
    z: str = "auto"
    t: str = "first"
    channels: tuple[tuple[int, str], ...] = ()
    level: str = "auto"
    region: Region | None = None
    scene: int = 0

    def identity(self) -> dict[str, Any]:
        """The standard policy's: what is chosen stands in the key of each image that it is about,
        so that the others keep their keys."""
        return StandardPolicy(transform=self.transform).identity()

    def may_change(self, content: bytes) -> bool:
        return reader_of(content, "") is not None or StandardPolicy.may_change(self, content)

    def variant(self, conversion: str) -> str:
        """The words of the conversion stand in the image's key: other words need another name of
        the policy."""
        if conversion.startswith(AUTO_NAME):
            return conversion
        return StandardPolicy.variant(self, conversion)

    def size(self, content: bytes, name: str) -> tuple[int, int]:
        with self._opened(content, name) as found:
            if found is None:
                return StandardPolicy.size(self, content, name)
            width, height = _extent(found)
            across, down = grid(_tiles(found))
            width, height = width * across, height * down
            return (height, width) if found.source.orientation > 4 else (width, height)

    @property
    def splits(self) -> bool:
        """Whether one file may be several images."""
        return IMAGES in (self.z, self.t)

    def frames(self, content: bytes, name: str) -> list[tuple[str, str]]:
        """The images of one file: which each is ("plane 2 of 5"), and what decoding changes."""
        with self._opened(content, name) as found:
            if found is None or len(found.frames) < 2:
                return []
            return [(_place(found, look), self._told(found, look)) for look in found.frames]

    def pictures(self, content: bytes, name: str) -> list[PillowImage.Image]:
        """The pictures of `frames`, transformed."""
        with self._opened(content, name) as found:
            if found is None:
                return [StandardPolicy.decode(self, content, name)]
            turn = found.source.orientation
            made = [laid([turned(one, turn) for one in tiles]) for tiles in found.pictures()]
        return [self.transformed(one, content, name) for one in made]

    def facts(self, content: bytes, name: str) -> dict[str, Any]:
        """What was chosen by the file's values, for people; empty for a plain picture."""
        with self._opened(content, name) as found:
            return {} if found is None else found.facts()

    def _conversion(self, content: bytes, name: str) -> str | None:
        with self._opened(content, name) as found:
            if found is None:
                return StandardPolicy._conversion(self, content, name)
            return self._told(found, found.look)

    def _decoded(self, content: bytes, name: str) -> PillowImage.Image:
        with self._opened(content, name) as found:
            if found is None:
                return StandardPolicy._decoded(self, content, name)
            tiles, turn = found.pictures()[0], found.source.orientation
            return laid([turned(one, turn) for one in tiles])

    def _told(self, found: Rendering, look: Look) -> str:
        """What decoding changes to show that frame of a file."""
        words = f"{AUTO_NAME}: {_words(replace(found, look=look))}"
        return joined(words, turn_note(found.source.orientation)) or words

    @contextmanager
    def _opened(self, content: bytes, name: str) -> Iterator[Rendering | None]:
        """The file with what is to be shown of it; None for what the standard policy shows."""
        reader = reader_of(content, name)
        if reader is None:
            yield None
            return
        with ExitStack() as stack:
            try:
                pictures = stack.enter_context(reader.open(content, name))
            except MissingExtraError:
                if reader.is_plain is None or not self._is_plain_to_pillow(content, name):
                    raise
                yield None
                return
            if self.scene >= len(pictures):
                raise ImageError(f"{name}: has no scene {self.scene}, it has {len(pictures)}")
            source = pictures[self.scene]
            if self._is_plain(reader, source):
                yield None
            else:
                found = Rendering(source, self._look(source, name), name, len(pictures))
                self._check_frames(found)
                yield found

    def _check_frames(self, found: Rendering) -> None:
        """Refuse a stack whose planes together are beyond the limits."""
        planes = len(found.frames) * _tiles(found)
        if planes < 2:
            return
        (width, height), source, name = _extent(found), found.source, found.name
        across, down = grid(_tiles(found))
        self._check_size((width * across, height * down), 1, name)
        needed = planes * width * height * _bytes_a_pixel(source) * len(found.shown)
        self._check_bytes(needed, f"{planes:,} planes", name)

    def _is_plain_to_pillow(self, content: bytes, name: str) -> bool:
        note = StandardPolicy._conversion(self, content, name) or ""
        return "8-bit" not in note and "page" not in note

    def _is_plain(self, reader: Reader, source: Source) -> bool:
        if reader.is_plain is None or (self.level, self.region, self.scene) != ("auto", None, 0):
            return False
        fits = len(source.levels) == 1 or self._fits(source, source.levels[0])
        return fits and reader.is_plain(source)

    def _look(self, source: Source, name: str) -> Look:
        """What is to be shown, checked against the limits before anything is decoded."""
        level = self._level(source, name)
        width, height = source.levels[level]
        if self.region is None or source.is_whole:
            self._check_whole(source, (width, height), name)
        if self.region is not None:
            x, y, across, down = self.region
            if x + across > width or y + down > height:
                raise ImageError(
                    f"{name}: the region {x}:{y}:{across}:{down} is not within its "
                    f"{width:,} × {height:,} pixels (level {level})"
                )
            width, height = across, down
        self._check_size((width, height), 1, name)
        if source.dtype.kind not in "biuf":
            raise ImageError(f"{name}: {source.dtype.name} values have no rule in the image policy")
        needed = width * height * _bytes_a_pixel(source)
        self._check_bytes(needed, f"{width:,} × {height:,} pixels", name)
        return Look(self.range, self.z, self.t, self.channels, level, self.region)

    def _check_whole(self, source: Source, size: tuple[int, int], name: str) -> None:
        try:
            self._check_size(size, 1, name)
        except ImageError as error:
            if source.is_whole:
                raise
            part = "a part of it can be shown: --image-set region=LEFT:TOP:WIDTH:HEIGHT"
            raise ImageError(f"{error}; {part}") from None

    def _level(self, source: Source, name: str) -> int:
        """The level asked for, or the finest that the limits allow."""
        levels = source.levels
        if self.level == "auto":
            fits = (number for number, size in enumerate(levels) if self._fits(source, size))
            return 0 if self.region is not None else next(fits, len(levels) - 1)
        if int(self.level) >= len(levels):
            raise ImageError(f"{name}: has no level {self.level}, it has {len(levels)}")
        return int(self.level)

    def _fits(self, source: Source, size: tuple[int, int]) -> bool:
        pixels = size[0] * size[1]
        return pixels <= self.max_pixels and pixels * _bytes_a_pixel(source) <= self.max_bytes


def is_another_frame(conversion: str) -> bool:
    """Whether a picture has other places than its file: a coarser level, or a region."""
    return conversion.startswith(AUTO_NAME) and _OTHER_FRAME.search(conversion) is not None


def _bytes_a_pixel(source: Source) -> int:
    return source.dtype.itemsize * max(1, len(source.samples))


def _extent(found: Rendering) -> tuple[int, int]:
    """Width and height of what is shown, before it is turned."""
    region = found.look.region
    return found.source.levels[found.look.level] if region is None else region[2:]


def _tiles(found: Rendering) -> int:
    """How many pictures a montage has; 1 where there is none."""
    return math.prod(n for axis, n in found.counts.items() if getattr(found.look, axis) == MONTAGE)


def _place(found: Rendering, look: Look) -> str:
    names = {"t": "time", "z": "plane"}
    return ", ".join(
        f"{names[axis]} {int(getattr(look, axis)) + 1} of {count}"
        for axis, count in found.counts.items()
        if getattr(found.look, axis) == IMAGES and count > 1
    )


def _words(found: Rendering) -> str:
    """What is shown of a file. These words stand in keys."""
    source, look, sizes = found.source, found.look, found.sizes
    parts = [f"{source.format} {source.dtype.name} to 8-bit, range {look.range}"]
    if found.stacks:
        what = "planes" if found.stacks in STACKED else "pages (of what, the file does not say)"
        parts.append(f"z {look.z} of {sizes[found.stacks]} {what}")
    if sizes.get("T", 1) > 1:
        parts.append(f"t {look.t} of {sizes['T']} frames")
    if "C" in sizes and not source.samples:
        shown = [
            f"{n} {c.name} {name_of(colour)}".replace("  ", " ") for n, colour, c in found.shown
        ]
        parts.append(f"channels {', '.join(shown)} of {sizes['C']}")
    parts += [f"the first of {size} on axis {axis}" for axis, size in _unnamed(found)]
    if len(source.levels) > 1:
        parts.append(f"level {look.level} of {len(source.levels)}")
    if look.region is not None:
        parts.append("region " + ":".join(map(str, look.region)))
    if found.scenes > 1:
        parts.append(f"one scene of {found.scenes}")
    return "; ".join(parts)


def _unnamed(found: Rendering) -> list[tuple[str, int]]:
    """Axes of which only the first entry can be shown."""
    known = set("YXSCT") | set(found.stacks)
    return [(axis, size) for axis, size in found.sizes.items() if axis not in known and size > 1]
