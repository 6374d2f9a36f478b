"""How many images a wanted interval or difference needs, from a pilot run or assumptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mubench_gen.scores.quantile import student, wilson

MOST_IMAGES = 10**9
ASSUMED_CORRELATION = 0.3  # of two items of an image
ASSUMED_SHARE = 0.5  # the accuracy with the widest interval
_LEAST_IMAGES = 3


@dataclass(frozen=True, slots=True)
class Need:
    """What one mean needs. part, name: of its items; images: there are now, None if none yet.

    now: the width of the interval, or the difference that is found, as it is; wanted: as asked
    for; needed: the images for that, None where no number is enough.
    """

    part: str
    name: str
    images: int | None
    now: float | None
    wanted: float
    needed: int | None


def items_an_image(items: float, correlation: float) -> float:
    """The number of independent items that one image with so many items is worth."""
    return items / (1 + (items - 1) * correlation)


def width_with(share: float, images: float, each: float) -> float:
    """The expected width of the 95 % interval of a share, from end to end.

    `each`: the independent items that an image is worth.
    """
    low, high = wilson(share, images * each, student(0.95, images * each - 1))
    return high - low


def images_for_width(share: float, each: float, width: float) -> int | None:
    """The fewest images whose interval is at most so wide; arguments as in `width_with`."""
    return _fewest(lambda images: width_with(share, images, each) <= width)


def images_for_difference(discordance: float, each: float, difference: float) -> int | None:
    """The fewest images on which a paired comparison finds the difference with a power of 80 %.

    `discordance`: the share of items that one series alone has right.
    """
    from mubench_gen.scores.paired import detectable

    def found(images: float) -> bool:
        size = images * each
        least = detectable(size, discordance, quantile=student(0.95, size - 1))
        return least is not None and least <= difference

    return _fewest(found)


def _fewest(enough: Callable[[int], bool]) -> int | None:
    """The smallest number from _LEAST_IMAGES on that is enough, as all larger ones are."""
    high = _LEAST_IMAGES
    while not enough(high):
        if high >= MOST_IMAGES:
            return None
        high *= 2
    low = high // 2 if high > _LEAST_IMAGES else _LEAST_IMAGES - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
