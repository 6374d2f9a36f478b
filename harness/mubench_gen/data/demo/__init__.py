"""The demo data: generated micrographs in μ-Bench's own schema.

Nothing of it is real: every image is painted by the functions of `scenes` from a seed, so
that an evaluation can be tried, and tested, without downloading anything. Difficulty is
graded on purpose: classes overlap, magnification and stains vary, and some questions can
be answered only in part.

Seeds are kept apart: `DEMO_SEED` makes the demo, `TRAINING_SEEDS` and `VALIDATION_SEEDS`
are for whoever trains a model on such images. An image depends on (seed, index) alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

DEMO_SEED = 2407_01791
TRAINING_SEEDS = range(1_000, 2_000)
VALIDATION_SEEDS = range(2_000, 3_000)
DEMO_IMAGES = 600

__all__ = [
    "DEMO_IMAGES",
    "DEMO_SEED",
    "TRAINING_SEEDS",
    "VALIDATION_SEEDS",
    "write_demo",
]


def write_demo(
    folder: Path,
    *,
    images: int = DEMO_IMAGES,
    seed: int = DEMO_SEED,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `folder/images/ID.png` and then `folder/rows.jsonl`, one JSON object a row.

    `progress(done, images)` is called after each image. The rows are written last and put
    in place by a rename: a folder that has them is complete. Data sets and classes take
    turns, so any number of images is balanced, and a smaller set is a prefix of a larger.
    """
    from mubench_gen.data.demo.write import write_rows

    write_rows(folder, images=images, seed=seed, progress=progress)
