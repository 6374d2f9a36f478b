"""Memory and time that a test may take."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Growth:
    mebibytes: float = 0.0


@contextmanager
def memory_growth() -> Iterator[Growth]:
    """How much memory Python took at most in the block, above what it held before."""
    growth = Growth()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield growth
        growth.mebibytes = (tracemalloc.get_traced_memory()[1] - before) / 2**20
    finally:
        tracemalloc.stop()
