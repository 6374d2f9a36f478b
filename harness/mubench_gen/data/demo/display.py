"""How an image of the demo is shown: a few as figures in papers are, grey and inverted.

Applied when the demo is written, not by `paint`: a model trained on painted images has
never seen it, so that not even the easiest question is answered without a mistake.
"""

from __future__ import annotations

import numpy as np

from mubench_gen.data.demo.plan import Micrograph
from mubench_gen.data.demo.scenes import Pixels

INVERTED_SHARE = 0.1
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


def displayed(micrograph: Micrograph, pixels: Pixels) -> Pixels:
    """The pixels as they are saved, of the same shape (height, width, 3)."""
    if micrograph.random("display").random() >= INVERTED_SHARE:
        return pixels
    grey = np.round(pixels @ np.asarray(LUMINANCE))
    inverted: Pixels = np.repeat(255 - grey[..., None], 3, axis=2).astype(np.uint8)
    return inverted
