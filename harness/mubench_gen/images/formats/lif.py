"""LIF of Leica through liffile, frame by frame; each image of the file is a scene."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mubench_gen.images.colours import NAMED
from mubench_gen.images.formats.planes import Planes, cut, package, told
from mubench_gen.images.source import Channel, Reader, Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAGIC, _TEST = b"\x70\0\0\0", 0x2A
_SAMPLES = {3: "RGB", 4: "RGBA"}


def _accepts(head: bytes, name: str) -> bool:
    return head[8:9] == bytes([_TEST])


@contextmanager
def _open(content: bytes, name: str) -> Iterator[Sequence[Planes]]:
    liffile = package("liffile", "lif", "LIF", name)
    with told("LIF", name):
        file = liffile.LifFile(io.BytesIO(content))
    try:
        with told("LIF", name):
            found = [_scene(image, name) for image in file.images if {"X", "Y"} <= set(image.dims)]
            if not found:
                raise ValueError("it holds no image")
        yield found
    finally:
        file.close()


LIF = Reader("LIF", (_MAGIC,), _open, _accepts)


def _scene(image: Any, name: str) -> Planes:
    sizes = dict(image.sizes)
    samples = _SAMPLES.get(sizes.get("S", 1), "")
    axes = "".join(axis for axis in sizes if axis not in "YXS") + "YX" + ("S" if samples else "")
    loops = [axis for axis in sizes if axis not in "YXS"]

    def read(at: Mapping[str, int], level: int, region: Region | None) -> NDArray[Any]:
        frame: NDArray[Any] = image.frame(**{axis: at.get(axis, 0) for axis in loops})
        return cut(frame, region)

    return Planes(
        "LIF", name, axes, tuple(sizes[axis] for axis in axes), image.dtype, read,
        [(sizes["X"], sizes["Y"])], samples=samples, channels=() if samples else _channels(image),
        is_whole=True,
    )  # fmt: skip


def _channels(image: Any) -> list[Channel]:
    """The look-up table that each channel is shown in."""
    element = image.xml_element
    described = element.findall("./Data/Image/ImageDescription/Channels/ChannelDescription")
    return [Channel("", NAMED.get(one.get("LUTName", "").lower())) for one in described]
