"""Maps numbers to bundles of requests, so that Ray Data schedules only numbers.

The numbers are deterministic: if a node is lost and Ray recreates its blocks, the same numbers come
out, and bundles that were answered meanwhile are empty.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any


class Feed:
    """An actor on the driver's node. Keeps each bundle until it is answered.

    Calls of an asynchronous actor may arrive out of order: `_there` counts numbers without gaps.
    """

    def __init__(self) -> None:
        self._bundles: dict[int, Any] = {}
        self._there = 0
        self._total: int | None = None
        self._parts: list[tuple[int, bytes]] = []
        self._closed = False
        self._changed = asyncio.Condition()

    async def add(self, number: int, reference: list[Any]) -> None:
        """Add a bundle; Ray does not resolve a reference inside a list, so it stays one."""
        self._bundles[number] = reference
        async with self._changed:
            while self._there in self._bundles:
                self._there += 1
            self._changed.notify_all()

    async def end(self, total: int) -> None:
        """Set the total number of bundles."""
        async with self._changed:
            self._total = total
            self._changed.notify_all()

    async def wait(self, number: int) -> int | None:
        """Wait for that bundle, and return the number of bundles; None at the end."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._there > number or (self._total is not None and number >= self._total)
            )
        return self._there if self._there > number else None

    async def get(self, number: int) -> list[Any] | None:
        """The bundle's reference; None if it is answered."""
        return self._bundles.get(number)

    async def partly(self, number: int, answers: bytes) -> None:
        """Add a part of a bundle's answers, pickled, before the rest is ready."""
        async with self._changed:
            self._parts.append((number, answers))
            self._changed.notify_all()

    async def parts(self) -> list[tuple[int, bytes]]:
        """Wait for new parts and return them; empty after `close`."""
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._parts) or self._closed)
        parts, self._parts = self._parts, []
        return parts

    async def close(self) -> None:
        """Stop waiting for parts."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def time(self) -> float:
        """The clock of the driver's node."""
        return time.time()

    async def done(self, numbers: list[int]) -> None:
        for number in numbers:
            self._bundles.pop(number, None)


def numbers(feed: Any) -> Any:
    """A source of Ray Data: the bundles' numbers, one per block, as they arrive."""
    import pyarrow
    import ray
    from ray.data import Datasource, ReadTask
    from ray.data.block import BlockMetadata

    def read() -> Iterator[Any]:
        number = 0
        while (there := ray.get(feed.wait.remote(number))) is not None:
            for one in range(number, there):
                yield pyarrow.table({"number": [one]})
            number = there

    class Numbers(Datasource):  # type: ignore[misc]
        @property
        def supports_distributed_reads(self) -> bool:
            return False  # on the driver's node, whose loss ends the run anyway

        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, *_: Any, **__: Any) -> list[Any]:
            nothing = {"num_rows": None, "size_bytes": None}
            unknown = BlockMetadata(**nothing, input_files=None, exec_stats=None)
            return [ReadTask(read, unknown)]

    return Numbers()
