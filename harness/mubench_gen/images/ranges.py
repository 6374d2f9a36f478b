"""Scales values of any depth to 0 … 1, by their least and greatest or by percentiles."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def spread(parts: Iterable[NDArray[Any]]) -> tuple[float, float] | None:
    """The least and the greatest finite value of all parts; None if there is none."""
    import numpy as np

    low, high = math.inf, -math.inf
    for part in parts:
        values = part.astype(np.float64)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else None


def percentile(values: NDArray[Any], share: float) -> float:
    """numpy's percentile of the finite values as float64, which takes many times the memory."""
    import numpy as np

    ordered = values[np.isfinite(values)]  # a copy, flat
    place: float = (ordered.size - 1) * (share / 100)
    below = int(place)
    above = min(below + 1, ordered.size - 1)
    ordered.partition([below, above])
    low, high, part = float(ordered[below]), float(ordered[above]), place - below
    # numpy's own formula, so that both round alike.
    if part < 0.5:
        return low + (high - low) * part
    return high - (high - low) * (1 - part)


def shares(values: NDArray[Any], low: float, high: float) -> NDArray[np.float64]:
    """Values with `low` at 0 and `high` at 1; 0 for those that are not finite."""
    import numpy as np

    span = high - low if high > low else 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        found = (np.asarray(values, dtype=np.float64) - low) / span
    return np.where(np.isfinite(found), found, 0)
