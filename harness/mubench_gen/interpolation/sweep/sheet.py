"""The values of items at every α, and the items of both halves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.compare.answer_matrix import Reading
from mubench_gen.errors import RunFolderError, SettingError

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Values (items, names) of the items of a reading; NaN for what was not answered.

    `names`: of the α, in ascending order, and behind them of `beside` others that are none.
    `ends`: the places of the base and of the fine-tune.
    """

    reading: Reading
    values: Floats
    names: Sequence[str]
    ends: tuple[int, int]
    notes: Sequence[str] = ()
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
