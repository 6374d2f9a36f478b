"""A bound on the bytes that are under way."""

from __future__ import annotations

import asyncio
from collections import deque


class Room:
    """Bytes that may be taken at once. What is larger than all of it waits to be alone."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> None:
        """Wait until there is room, in the order of asking."""
        if not self._waiting and self._fits(size):
            self._taken += size
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)  # it was its turn already
            raise

    def give(self, size: int) -> None:
        """What was taken, back."""
        self._taken -= size
        while self._waiting:
            size, turn = self._waiting[0]
            if not turn.cancelled():
                if not self._fits(size):
                    return
                self._taken += size
                turn.set_result(None)
            self._waiting.popleft()

    def _fits(self, size: int) -> bool:
        return self._taken == 0 or self._taken + size <= self._size
