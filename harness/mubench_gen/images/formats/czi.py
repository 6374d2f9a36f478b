"""CZI of Zeiss through pylibCZIrw, Zeiss's own reader: mosaics, scenes, pyramids."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from mubench_gen.errors import ImageError
from mubench_gen.images.formats.planes import Planes, hex_colour, package, told
from mubench_gen.images.source import Channel, Reader, Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAGIC = b"ZISRAWFILE"
_TYPES = {
    "Gray8": ("uint8", ""), "Gray16": ("uint16", ""), "Gray32Float": ("float32", ""),
    "Bgr24": ("uint8", "RGB"), "Bgr48": ("uint16", "RGB"), "Bgr96Float": ("float32", "RGB"),
}  # fmt: skip
_LEAST = 1024  # pixels of the longer side of the coarsest level


@contextmanager
def _open(content: bytes, name: str) -> Iterator[Sequence[Planes]]:
    czi = package("pylibCZIrw.czi", "czi", "CZI", name)
    # libCZI reads files by name alone.
    with tempfile.NamedTemporaryFile(suffix=".czi") as file:
        file.write(content)
        file.flush()
        with told("CZI", name):
            opened = czi.open_czi(file.name)
            document = opened.__enter__()
        try:
            with told("CZI", name):
                scenes = dict(document.scenes_bounding_rectangle) or {
                    None: document.total_bounding_rectangle
                }
                found = [_scene(document, name, *one) for one in sorted(scenes.items(), key=str)]
            yield found
        finally:
            opened.__exit__(None, None, None)


CZI = Reader("CZI", (_MAGIC,), _open)


def _scene(document: Any, name: str, scene: int | None, place: Any) -> Planes:
    import numpy as np

    kinds = dict(document.pixel_types)
    found = [_TYPES.get(kind, ("", kind)) for kind in kinds.values()]
    samples = found[0][1]
    if any(one[1] != samples for one in found) or samples not in ("", "RGB"):
        raise ImageError(f"{name}: its channels are of kinds that are not shown together: {kinds}")
    dtype = np.result_type(*(one[0] for one in found))
    box = document.total_bounding_box
    leading = [axis for axis in box if axis not in "XYC" and box[axis][1] - box[axis][0] > 1]
    channels = box.get("C", (0, 1))
    several = not samples and channels[1] - channels[0] > 1
    axes = "".join(leading) + ("C" if several else "") + "YX" + ("S" if samples else "")
    first = {axis: box[axis][0] for axis in box if axis not in "XY"}
    sizes = {axis: box[axis][1] - box[axis][0] for axis in box}
    sizes |= {"X": place.w, "Y": place.h, "S": 3, "C": channels[1] - channels[0]}

    def read(at: Mapping[str, int], level: int, region: Region | None) -> NDArray[Any]:
        width, height = levels[level]
        left, top, wide, high = region or (0, 0, width, height)
        scale = 2**level
        roi = (place.x + left * scale, place.y + top * scale, wide * scale, high * scale)
        plane = {axis: begin + at.get(axis, 0) for axis, begin in first.items()}
        found = document.read(roi=roi, plane=plane, scene=scene, zoom=1 / scale)
        values = np.zeros((high, wide, found.shape[2]), found.dtype)
        part = found[:high, :wide]
        values[: part.shape[0], : part.shape[1]] = part
        return values[..., ::-1] if samples else values[..., 0]

    levels = _levels(place.w, place.h)
    return Planes(
        "CZI", name, axes, tuple(sizes[axis] for axis in axes), dtype, read, levels,
        samples=samples, channels=() if samples else _channels(document.raw_metadata, sizes["C"]),
    )  # fmt: skip


def _levels(width: int, height: int) -> list[tuple[int, int]]:
    """Sizes by halves: libCZI reads any of them from the file's pyramid."""
    found = [(width, height)]
    while max(found[-1]) >= 2 * _LEAST:
        found.append((max(1, found[-1][0] // 2), max(1, found[-1][1] // 2)))
    return found


def _channels(metadata: str, count: int) -> list[Channel]:
    """Names and colours of the display settings, by the channels' order."""
    try:
        document = ElementTree.fromstring(metadata)
    except ElementTree.ParseError:
        return []
    shown = document.findall(".//DisplaySetting/Channels/Channel")
    described = document.findall(".//Information/Image/Dimensions/Channels/Channel")
    found = []
    for number in range(count):
        display = shown[number] if number < len(shown) else None
        image = described[number] if number < len(described) else None
        texts = [_text(one, tag) for one in (display, image) for tag in ("DyeName", "@Name")]
        name = next((text for text in texts if text), "")
        found.append(Channel(name, hex_colour(_text(display, "Color") or _text(image, "Color"))))
    return found


def _text(element: Any, tag: str) -> str | None:
    if element is None:
        return None
    found = element.get(tag[1:]) if tag.startswith("@") else element.findtext(tag)
    return None if found is None else str(found)
