"""The parameters of mergekit's YAML: numbers, gradients and filters, read as α by part."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mubench_gen.errors import DefinitionError
from mubench_gen.interpolation.merge.alphas import REST, Alpha, ByPart, Gradient

Level = Mapping[str, Any]  # the parameters of a model, of a slice, or of the whole file


@dataclass(frozen=True, slots=True)
class Parameters:
    """Reads parameters of one file. `path`: of the file, for messages."""

    path: str

    def refuse(self, key: str, why: str) -> DefinitionError:
        return DefinitionError(f"{self.path}: {key}: {why}")

    def amount(self, name: str, levels: Sequence[Level], default: float | None) -> Alpha:
        """A parameter's value: of the first level, and condition in it, that fits a tensor.

        `default`: for tensors that none fits; None if the parameter has none.
        """
        parts: list[tuple[str, Gradient]] = []
        for level in levels:
            for part in self._conditions(name, level[name]) if name in level else ():
                parts.append(part)
                if part[0] == REST:
                    return _simplest(parts)
        if default is None:
            raise self.refuse(
                name, "it has no value for tensors that no filter names. Add one without a filter."
            )
        return _simplest([*parts, (REST, (Decimal(str(default)),))])

    def flag(self, name: str, level: Level, usual: bool) -> bool:
        """A parameter that is true or false for the whole model."""
        value = level.get(name, usual)
        if value not in (True, False):
            raise self.refuse(name, f"{value!r:.80} is neither true nor false.")
        return bool(value)

    def _conditions(self, name: str, value: Any) -> Iterator[tuple[str, Gradient]]:
        if isinstance(value, dict):
            value = [value]
        if not (isinstance(value, list) and value and isinstance(value[0], dict)):
            yield REST, self._gradient(name, value)
            return
        for one in value:
            if not isinstance(one, dict) or "value" not in one or one.keys() - {"value", "filter"}:
                raise self.refuse(name, f"{one!r:.80} is no pair of `filter` and `value`.")
            yield self._glob(name, one.get("filter")), self._gradient(name, one["value"])

    def _glob(self, name: str, wanted: object) -> str:
        """The glob of names that hold a filter's text."""
        if wanted is None or wanted == "*":
            return REST
        if not isinstance(wanted, str) or not wanted or any(c in wanted for c in "*?["):
            raise self.refuse(
                name, f"the filter {wanted!r:.80} is no part of a tensor's name, such as self_attn."
            )
        return f"*{wanted}*"

    def _gradient(self, name: str, value: object) -> Gradient:
        values = value if isinstance(value, list) else [value]
        if not values:
            raise self.refuse(name, "an empty list is no number.")
        return tuple(self._number(name, one) for one in values)

    def _number(self, name: str, value: object) -> Decimal:
        try:
            number = float(value) if isinstance(value, int | float | str) else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        if not abs(number) <= 100 or isinstance(value, bool):
            raise self.refuse(name, f"{value!r:.80} is no number from -100 to 100.")
        return Decimal(str(number))


def _simplest(parts: list[tuple[str, Gradient]]) -> Alpha:
    if len(parts) == 1 and len(parts[0][1]) == 1:
        return parts[0][1][0]
    return ByPart(tuple(parts), outside_first=True)
