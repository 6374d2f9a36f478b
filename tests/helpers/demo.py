"""The demo data, smaller: what is asked stays the same, and it is there in a moment."""

from __future__ import annotations

from pathlib import Path

from mubench_gen.data import cache

IMAGES = 45  # five a data set


def small_demo(folder: Path, images: int = IMAGES) -> Path:
    """Put some images of the demo where MUBENCH_GEN_CACHE=folder looks for all of it."""
    target = folder / f"demo-{cache._generator_digest()}"
    cache.generate_demo(target, images=images)
    return target
