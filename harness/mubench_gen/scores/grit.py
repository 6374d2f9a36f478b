"""The GRIT localisation score (Gupta et al. 2022), as μ-Bench uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mubench_gen.types import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def grit_score(found: Sequence[Box], gold: Sequence[Box]) -> float:
    """The score, from 0 to 1, of one image and one class.

    Boxes are paired one to one so that the sum of 1 − IoU is minimal (Hungarian method), and
    pairs without overlap are dropped. The score is ΣIoU / (found + missed), where missed
    counts the gold boxes without a pair; 1 if both lists are empty, 0 if one is.
    """
    if not found or not gold:
        return float(not found and not gold)
    from scipy.optimize import linear_sum_assignment

    overlaps = _overlaps(found, gold)
    rows, columns = linear_sum_assignment(1 - overlaps)
    paired = overlaps[rows, columns]
    kept = paired[paired > 0]
    return float(kept.sum() / (len(found) + len(gold) - len(kept)))


def _overlaps(found: Sequence[Box], gold: Sequence[Box]) -> NDArray[np.float64]:
    """IoU of each found box with each gold one, shape (found, gold)."""
    import numpy as np

    one, other = _corners(found)[:, None], _corners(gold)[None]
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    common = np.clip(sides, 0, None).prod(axis=-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (one, other)]
    union = areas[0] + areas[1] - common
    shares: NDArray[np.float64] = np.divide(
        common, union, out=np.zeros_like(common), where=union > 0
    )
    return shares


def _corners(boxes: Sequence[Box]) -> NDArray[np.float64]:
    import numpy as np

    return np.array([(box.x0, box.y0, box.x1, box.y1) for box in boxes], dtype=np.float64)
