"""The values of items at every α, and the items of both halves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from mubench_gen.compare.answer_matrix import Reading
from mubench_gen.errors import RunFolderError, SettingError
from mubench_gen.interpolation.sweep.gains import Point
from mubench_gen.interpolation.sweep.stops import Stop

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AlphaSheet:
    """Values (items, names) of the items of a reading; NaN for what was not answered.

    `names`: of the α, in ascending order, and behind them of `beside` others that are none.
    `ends`: the places of the base and of the fine-tunes. `stops`: those of the names that are sets
    of weights.
    """

    reading: Reading
    values: Floats
    names: Sequence[str]
    ends: tuple[int, ...]
    notes: Sequence[str] = ()
    stops: Mapping[str, Stop] = field(default_factory=dict)
    beside: int = 0

    @property
    def alphas(self) -> Sequence[str]:
        return self.names[: len(self.names) - self.beside]

    @property
    def there(self) -> Mask:
        """The items that all of them answered."""
        return np.asarray(~np.isnan(self.values).any(axis=1))

    def halves(self, in_domain: Sequence[str]) -> tuple[Mask, Mask]:
        """The items of the domain and of the rest. SettingError where one of them has none."""
        there, tasks = self.there, self.reading.values["task"]
        if not there.any():
            raise RunFolderError("No item was answered at every α: see the runs' records for why.")
        codes = [code for code, name in enumerate(tasks) if name in in_domain]
        inside = np.isin(self.reading.groups["task"], codes) & there
        if not inside.any() or not (there & ~inside).any():
            raise SettingError(
                "--in-domain must leave some of the asked tasks in and some out; asked were: "
                + ", ".join(sorted(tasks))
            )
        return inside, there & ~inside

    def placed(self, point: Point) -> Point:
        """The point with the method and the α of its weights."""
        stop = self.stops.get(point.alpha)
        return point if stop is None else replace(point, method=stop.line, at=stop.at)
