"""Which values of a plane become black and full brightness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mubench_gen.images.ranges import percentile, spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_USUAL, _WIDE = (0.5, 99.5), (0.03, 99.97)  # percentiles
_NOISY = 12  # a window of fewer standard deviations of the noise holds mostly noise
_WIDENED = 8  # what a window of nothing but noise is multiplied by
_BLOCK = 8  # pixels a side of which means are taken
_LEAST_SIDE = 4 * _BLOCK
_QUANTUM = 0.3  # about the standard deviation of rounding to whole numbers
_DEPTHS = (255, 1023, 4095, 16_383, 65_535, 2**32 - 1)
_DARK = 0.125  # of the range: colours that are all below it are brightened


def window(values: NDArray[Any], rule: str, *, among_others: bool) -> tuple[float, float] | None:
    """The values that become 0 and 255 by a rule: `auto`, `minmax`, `window:LOW:HIGH` or
    `percentile:LOW:HIGH`. None where no value is finite.

    `among_others`: the plane is one of several that are laid over each other, so that a plane
    without signal is left dark.
    """
    limits = spread([values])
    kind, _, bounds = rule.partition(":")
    if limits is None or kind == "minmax":
        return limits
    if kind == "auto":
        return _automatic(values, limits, among_others=among_others)
    low, high = (float(part) for part in bounds.split(":"))
    if kind == "window":
        return low, high
    return percentile(values, low), percentile(values, high)


def is_in_view(values: NDArray[Any], low: float, high: float) -> bool:
    """Whether most of what the plane holds differs visibly in that window."""
    first, last = (percentile(values, share) for share in _USUAL)
    shown = min(max(last, low), high) - min(max(first, low), high)
    return shown >= _DARK * (high - low)


def colour_top(planes: Sequence[NDArray[Any]]) -> float | None:
    """The value of colour samples that becomes 255, 0 staying black: all share it.

    It is the greatest of the fewest bits that hold them (of floats from 0 to 1: 1), so that a
    copy of an 8-bit picture is the same picture; dark ones are brightened by percentile.
    """
    limits, dtype = spread(planes), planes[0].dtype
    if limits is None:
        return None
    top = full_scale(limits[1], dtype)
    usual = max(percentile(plane, _USUAL[1]) for plane in planes)
    return usual if dtype.itemsize > 1 and 0 < usual < _DARK * top else top


def full_scale(most: float, dtype: np.dtype[Any]) -> float:
    """The greatest value of the fewest bits that hold `most`; of floats from 0 to 1: 1."""
    if dtype.kind == "f" and most <= 1:
        return 1.0
    depth = float(next((depth for depth in _DEPTHS if most <= depth), most))
    return min(depth, greatest(dtype)) if dtype.kind == "i" else depth


def greatest(dtype: np.dtype[Any]) -> float:
    """The greatest value of a kind; of floats 1."""
    import numpy as np

    return float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0


def _automatic(
    values: NDArray[Any], limits: tuple[float, float], *, among_others: bool
) -> tuple[float, float]:
    """Percentiles. Where these hold little more than noise, wider ones, which show what is rare;
    where there is nothing but noise, so wide a window that it stays faint."""
    low, high = (percentile(values, share) for share in _USUAL)
    noise = _noise(values, low, high)
    if high - low >= _NOISY * noise and high > low:
        return low, high
    if _is_flat(values, limits):
        return _widened(low, high, _range(values, limits), at_bottom=among_others)
    low, high = (percentile(values, share) for share in _WIDE)
    return (low, high) if high > low else limits


def _noise(values: NDArray[Any], low: float, high: float) -> float:
    """The standard deviation of noise, from neighbouring pixels."""
    import numpy as np

    step = max(1, values.shape[0] // 512)
    rows = np.clip(values[::step].astype(np.float32), low, high)
    found = float(np.nanstd(np.diff(rows, axis=1))) / 2**0.5 if rows.shape[1] > 1 else 0.0
    return found if values.dtype.kind == "f" else max(found, _QUANTUM)


def _is_flat(values: NDArray[Any], limits: tuple[float, float]) -> bool:
    """Whether the means of blocks differ no more than those of white noise."""
    import numpy as np

    if limits[0] == limits[1]:
        return True
    height, width = (side // _BLOCK for side in values.shape)
    if min(values.shape) < _LEAST_SIDE:
        return False
    whole = values[: height * _BLOCK, : width * _BLOCK]
    if not np.isfinite(whole).all():
        return False
    blocks = whole.reshape(height, _BLOCK, width, _BLOCK).mean(axis=(1, 3), dtype=np.float64)
    return float(blocks.std()) < 2 * float(whole.std(dtype=np.float64)) / _BLOCK


def _range(values: NDArray[Any], limits: tuple[float, float]) -> tuple[float, float]:
    """The values that the file could hold, as far as its type says it."""
    import numpy as np

    if values.dtype.kind in "iu":
        return float(np.iinfo(values.dtype).min), float(np.iinfo(values.dtype).max)
    return (0.0, 1.0) if limits[0] >= 0 and limits[1] <= 1 else (-np.inf, np.inf)


def _widened(
    low: float, high: float, limits: tuple[float, float], *, at_bottom: bool
) -> tuple[float, float]:
    """A wider window with the values in its middle, or at its bottom, in the file's range."""
    width = min(max(high - low, 1.0) * _WIDENED, limits[1] - limits[0])
    start = low if at_bottom else (low + high - width) / 2
    start = min(max(start, limits[0]), limits[1] - width)
    return start, start + width
