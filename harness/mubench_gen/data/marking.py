"""Candidate boxes drawn over an image, one of them right, each in a colour with a name."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mubench_gen.images.geometry import iou, require_one_frame
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.types import Box, Image, as_png

if TYPE_CHECKING:
    from PIL import Image as PillowImage

COLOURS = {
    "red": (230, 25, 25),
    "blue": (40, 90, 255),
    "yellow": (255, 220, 0),
    "green": (0, 190, 60),
}
_APART = 0.1  # most overlap (IoU) of a wrong box with a right one, or with another candidate
_TRIES = 40


@dataclass(frozen=True, slots=True)
class Marks:
    """What is drawn: `gold` at `place` among the colours; the others stand elsewhere.

    `same` are all boxes of the gold one's class, `others` the row's other boxes, which are
    taken first; `seed` draws the rest.
    """

    gold: Box
    place: int
    same: tuple[Box, ...]
    others: tuple[Box, ...]
    seed: int

    def __call__(self, image: Image) -> Image:
        """The image with the boxes drawn over it, when it is looked at."""

        def drawn() -> bytes:
            require_one_frame(image)
            return _draw(image, candidates(self, image.pixels().size))

        return Image(f"{image.name}, with boxes", drawn, _Marked(image))


@dataclass(frozen=True, slots=True)
class _Marked:
    """The image policy of drawn images, plain PNG files; the conversion told is the original's."""

    original: Image

    @property
    def name(self) -> str:
        return self.original.policy

    def check(self, content: bytes, name: str) -> str | None:
        return self.original.conversion

    def verify(self, content: bytes, name: str) -> None:
        pass

    def decode(self, content: bytes, name: str) -> PillowImage.Image:
        return StandardPolicy().decode(content, name)


def candidates(marks: Marks, size: tuple[int, int]) -> list[Box]:
    """One box per colour: the gold one at its place, the others apart from boxes of its class."""
    drawn = random.Random(marks.seed)
    taken: list[Box] = []
    for other in drawn.sample(marks.others, len(marks.others)):
        if len(taken) < len(COLOURS) - 1 and _overlap(other, [*marks.same, *taken]) < _APART:
            taken.append(other)
    while len(taken) < len(COLOURS) - 1:
        taken.append(_placed(drawn, marks, taken, size))
    return [*taken[: marks.place], marks.gold, *taken[marks.place :]]


def _placed(drawn: random.Random, marks: Marks, taken: Sequence[Box], size: tuple[int, int]) -> Box:
    """A box of another box's size at a free place; a smaller one if there is no room."""
    model = drawn.choice([*marks.same, *marks.others])
    width, height = max(2.0, model.x1 - model.x0), max(2.0, model.y1 - model.y0)
    best, least = marks.gold, 1.0
    for attempt in range(_TRIES):
        if attempt % 8 == 7:  # no room for this size
            width, height = max(2.0, width * 0.75), max(2.0, height * 0.75)
        x = drawn.uniform(0, max(0.0, size[0] - width))
        y = drawn.uniform(0, max(0.0, size[1] - height))
        box = Box(x, y, x + width, y + height)
        overlap = _overlap(box, [*marks.same, *taken])
        if overlap < least:
            best, least = box, overlap
        if least == 0:
            break
    return best


def _overlap(box: Box, boxes: Sequence[Box]) -> float:
    return max((iou(box, other) for other in boxes), default=0.0)


def _draw(image: Image, boxes: Sequence[Box]) -> bytes:
    from PIL import ImageDraw

    picture = image.pixels().copy()
    pen, line = ImageDraw.Draw(picture), max(2, round(min(picture.size) / 128))
    right, bottom = picture.width - 1, picture.height - 1
    for box, colour in zip(boxes, COLOURS.values(), strict=True):
        x0, y0 = min(max(0, round(box.x0)), right), min(max(0, round(box.y0)), bottom)
        x1, y1 = min(max(x0, round(box.x1)), right), min(max(y0, round(box.y1)), bottom)
        pen.rectangle((x0, y0, x1, y1), outline=colour, width=line)
    return as_png(picture)
