"""One file as several images: the planes of a stack, or its times, each a picture of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mubench_gen.errors import ImageError, UsageError
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.images.time_limit import Timed
from mubench_gen.types import Image, as_png

if TYPE_CHECKING:
    from PIL import Image as PillowImage


def open_images(name: str, load: Callable[[], bytes], policy: StandardPolicy) -> tuple[Image, ...]:
    """The images of a file: one, or where the policy shows planes or times as images, these.

    Then the file's header is read at once. A file that cannot be read is one image, which says so.
    """
    image = open_image(name, load, policy)
    if not policy.splits:
        return (image,)
    try:
        frames = policy.frames(image.file_bytes, name)
    except (ImageError, UsageError):
        return (image,)
    if not frames:
        return (image,)
    stack = _Stack(image, policy)
    return tuple(
        Image(f"{name}, {place}", partial(stack.png, number), _Drawn(policy.name, told))
        for number, (place, told) in enumerate(frames)
    )


class _Stack:
    """The pictures of a file, drawn together when the first is looked at, as PNG files.

    A file that hung once is not tried again for its other pictures.
    """

    def __init__(self, image: Image, policy: StandardPolicy) -> None:
        self._image = image
        self._policy = policy
        self._made: list[bytes] = []
        self._timed: Timed | None = None
        if policy.seconds is not None:
            self._timed = Timed(image.name, lambda: image.file_bytes, policy, policy.seconds)

    def png(self, number: int) -> bytes:
        if not self._made:
            self._made = [as_png(one) for one in self._pictures()]
        return self._made[number]

    def _pictures(self) -> list[PillowImage.Image]:
        draw = partial(self._policy.pictures, self._image.file_bytes, self._image.name)
        return draw() if self._timed is None else self._timed.within(draw)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The image policy of pictures that are drawn already, as plain PNG files."""

    name: str
    told: str

    def check(self, content: bytes, name: str) -> str | None:
        return self.told

    def verify(self, content: bytes, name: str) -> None:
        pass

    def decode(self, content: bytes, name: str) -> PillowImage.Image:
        return StandardPolicy().decode(content, name)
