"""ND2 of Nikon through nd2, frame by frame; each position is a scene."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from mubench_gen.images.formats.planes import Planes, cut, package, told
from mubench_gen.images.source import Channel, Reader, Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAGIC = b"\xda\xce\xbe\x0a"
_POSITION = "P"


@contextmanager
def _open(content: bytes, name: str) -> Iterator[Sequence[Planes]]:
    nd2 = package("nd2", "nd2", "ND2", name)
    with told("ND2", name):
        file = nd2.ND2File(io.BytesIO(content))
    try:
        with told("ND2", name):
            positions = dict(file.sizes).get(_POSITION, 1)
            found = [_scene(file, name, number) for number in range(positions)]
        yield found
    finally:
        file.close()


ND2 = Reader("ND2", (_MAGIC,), _open)


def _scene(file: Any, name: str, position: int) -> Planes:
    import numpy as np

    sizes = dict(file.sizes)
    loops = [axis for axis in sizes if axis not in "CYXS"]
    samples = "RGB" if sizes.get("S") == 3 else ""
    axes = "".join(axis for axis in loops if axis != _POSITION)
    axes += "YXS" if samples else "CYX" if "C" in sizes else "YX"

    def read(at: Mapping[str, int], level: int, region: Region | None) -> NDArray[Any]:
        place = [position if axis == _POSITION else at.get(axis, 0) for axis in loops]
        number = int(np.ravel_multi_index(place, [sizes[a] for a in loops])) if loops else 0
        frame = np.asarray(file.read_frame(number))
        if samples:
            return cut(frame.reshape(frame.shape[-3:]), region)
        return cut(frame.reshape(-1, sizes["Y"], sizes["X"])[at.get("C", 0)], region)

    return Planes(
        "ND2", name, axes, tuple(sizes[axis] for axis in axes), np.dtype(file.dtype), read,
        [(sizes["X"], sizes["Y"])], samples=samples, channels=() if samples else _channels(file),
        is_whole=True,
    )  # fmt: skip


def _channels(file: Any) -> list[Channel]:
    found = []
    with suppress(Exception):  # nd2 stumbles over planes without a dye; nothing depends on it
        for one in getattr(file.metadata, "channels", None) or ():
            colour = one.channel.color
            known = (int(colour.r), int(colour.g), int(colour.b))
            found.append(Channel(str(one.channel.name), known))
    return found
