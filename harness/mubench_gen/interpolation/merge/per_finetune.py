"""What one of several fine-tunes has of its own: its weight, and settings of a method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from typing import Any

from mubench_gen.interpolation.merge.alphas import Alpha, alpha_at, numbers_of, spelled
from mubench_gen.interpolation.merge.methods import Sparse

_SETTINGS = ("density", "gamma", "epsilon")


@dataclass(frozen=True, slots=True)
class OfOne:
    """One fine-tune's weight and settings: numbers, or by part. None: those of the recipe."""

    weight: Alpha = Decimal(1)
    density: Alpha | None = None
    gamma: Alpha | None = None
    epsilon: Alpha | None = None

    @property
    def own(self) -> dict[str, Alpha]:
        """The settings that it has itself, by name."""
        found = {name: getattr(self, name) for name in _SETTINGS}
        return {name: value for name, value in found.items() if value is not None}

    def at(self, sparse: Sparse, name: str, place: tuple[int, int] | None) -> Sparse:
        """The settings for the tensor of that name, from the recipe's and its own."""
        own: dict[str, Any] = {key: alpha_at(value, name, place) for key, value in self.own.items()}
        return replace(sparse, **own)

    def extremes(self) -> Iterator[Sparse]:
        """All combinations of the numbers in its settings, to be checked."""
        for values in product(*(numbers_of(value) for value in self.own.values())):
            own: dict[str, Any] = dict(zip(self.own, map(float, values), strict=True))
            yield Sparse(**own)

    def as_dict(self) -> dict[str, Any]:
        own = {name: spelled(value) for name, value in self.own.items()}
        return {"weight": spelled(self.weight), **own}
