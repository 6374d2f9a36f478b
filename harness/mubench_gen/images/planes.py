"""One picture of a stack: a plane of it, the sharpest one, or a projection, read plane by plane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mubench_gen.images.ranges import percentile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Read = Callable[[int], NDArray[Any]]  # the plane of that number

_DARK = 0.25  # of the way from dark to bright, where the median of a dark background lies


def projected(read: Read, count: int, how: str) -> NDArray[Any]:
    """The planes' greatest (`max`) or mean values (`mean`), two planes in memory at once."""
    import numpy as np

    found = read(0)
    if how == "mean":
        found = found.astype(np.float64)
    for number in range(1, count):
        plane = read(number)
        found = found + plane if how == "mean" else np.fmax(found, plane)
    return found / count if how == "mean" else found


def sharpest(reads: Sequence[Read], count: int) -> int:
    """The number of the sharpest plane, of all channels together; the first of equals."""
    import numpy as np

    sums = np.zeros(count)
    for read in reads:
        found = np.array([_sharpness(read(number)) for number in range(count)])
        sums += found / (found.max() or 1.0)
    return int(sums.argmax())


def is_dark(planes: Iterable[NDArray[Any]]) -> bool:
    """Whether each is mostly dark background, as in fluorescence: then a projection adds no
    blur that hides what is in focus."""
    return all(_median_place(plane) < _DARK for plane in planes)


def _median_place(plane: NDArray[Any]) -> float:
    import numpy as np

    if not np.isfinite(plane).any():
        return 0.0
    low, middle, high = (percentile(plane, share) for share in (0.5, 50, 99.5))
    return (middle - low) / (high - low) if high > low else 0.0


def _sharpness(plane: NDArray[Any]) -> float:
    """The variance of the Laplacian of 2 × 2 means."""
    import numpy as np

    values = plane.astype(np.float32)
    if values.ndim == 3:
        values = values.mean(axis=2)
    values = np.nan_to_num(values, posinf=0, neginf=0)
    height, width = (side // 2 * 2 for side in values.shape)
    if min(height, width) < 6:
        return float(values.var())
    small = values[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    laplacian = (
        4 * small[1:-1, 1:-1] - small[:-2, 1:-1] - small[2:, 1:-1] - small[1:-1, :-2]
        - small[1:-1, 2:]
    )  # fmt: skip
    return float(laplacian.var())
