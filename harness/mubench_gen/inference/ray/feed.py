"""Hands out bundles of requests by number, so that Ray Data has numbers to schedule.

A number is deterministic: where a node is lost, and Ray makes its blocks again, the same numbers
come out, and what has been answered meanwhile is empty.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any


class Feed:
    """An actor on the driver's node. Keeps each bundle until it is answered.

    Calls of an asynchronous actor may come out of order: `_there` counts the numbers without a gap.
    """

    def __init__(self) -> None:
        self._bundles: dict[int, Any] = {}
        self._there = 0
        self._total: int | None = None
        self._parts: list[tuple[int, bytes]] = []
        self._closed = False
        self._changed = asyncio.Condition()

    async def add(self, number: int, reference: list[Any]) -> None:
        """The bundle of that number, as a list of one reference: so it stays a reference."""
        self._bundles[number] = reference
        async with self._changed:
            while self._there in self._bundles:
                self._there += 1
            self._changed.notify_all()

    async def end(self, total: int) -> None:
        """There are so many bundles and no more."""
        async with self._changed:
            self._total = total
            self._changed.notify_all()

    async def wait(self, number: int) -> int | None:
        """How many bundles there are, as soon as that one is; None at the end."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._there > number or (self._total is not None and number >= self._total)
            )
        return self._there if self._there > number else None

    async def get(self, number: int) -> list[Any] | None:
        """The bundle's reference; None where it is answered."""
        return self._bundles.get(number)

    async def partly(self, number: int, answers: bytes) -> None:
        """A part of what is answered of a bundle, pickled: the rest may take its time."""
        async with self._changed:
            self._parts.append((number, answers))
            self._changed.notify_all()

    async def parts(self) -> list[tuple[int, bytes]]:
        """The parts that came since, as soon as there is one; none where it is closed."""
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._parts) or self._closed)
        parts, self._parts = self._parts, []
        return parts

    async def close(self) -> None:
        """Nobody asks for parts any more."""
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
    """A source of Ray Data: the bundles' numbers, a block each, as they come."""
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
