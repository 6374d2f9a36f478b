"""A comparison, or assumptions → how many images a wanted difference needs."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.compare.differences import Difference
from mubench_gen.scores.sample_size import (
    ASSUMED_CORRELATION,
    Need,
    images_for_difference,
    items_an_image,
)

DIFFERENCE = 0.02  # of two accuracies
ASSUMED_DISCORDANCE = 0.2  # the share of items that one model alone has right


def needs_from_pilot(differences: Sequence[Difference], difference: float) -> tuple[Need, ...]:
    """From differences in accuracy on pilot runs, each by its discordance and its clusters."""
    return tuple(
        _need(one, difference) for one in differences if one.paired.size and one.paired.images
    )


def _need(one: Difference, difference: float) -> Need:
    paired = one.paired
    size = paired.size or 0.0
    # A few pilot items without a difference do not show that there is none.
    discordance = max((paired.ahead + paired.behind) / paired.n, 1 / (paired.images + 2))
    needed = images_for_difference(discordance, size / paired.images, difference)
    now = paired.at_level(0.05).detectable
    return Need(one.part, one.name, paired.images, now, difference, needed)


def needs_from_assumptions(
    difference: float,
    *,
    discordance: float = ASSUMED_DISCORDANCE,
    correlation: float = ASSUMED_CORRELATION,
    items: float = 1.0,
) -> tuple[Need, ...]:
    """From the discordance, and the correlation of two of the `items` of an image."""
    each = items_an_image(items, correlation)
    needed = images_for_difference(discordance, each, difference)
    return (Need("pooled", "pooled", None, None, difference, needed),)
