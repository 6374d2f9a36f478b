"""Which of several equal servers is asked: image → replica, by rendezvous hashing.

All that is asked about one image goes to one server, whose caches then know the image. A
server that is out of reach gives its images to the others, and has them back when it is
there again; those of the others stay where they are.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache

from mubench_gen.engines.server.options import Endpoint

Death = tuple[str, int]  # a server's URL, and which of its deaths it was


class Replica:
    """One server and how it does.

    `held_until`: when it wants to be asked again (loop time). `flights`: what it was asked and
    has not answered, each by the timeout that can end it. `heard_at`: since when it has been
    silent, if it owes an answer. `doubted`: it broke a connection and nobody looked since;
    `look` is held by who does. `deaths`: how often it went out of reach.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.held_until = 0.0
        self.heard_at = 0.0
        self.doubted = False
        self.look = asyncio.Lock()
        self.requests = self.deaths = 0
        self.flights: set[asyncio.Timeout] = set()
        self.probe: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._suspects = 0  # requests that are asked alone, or wait to be
        self._open, self._quiet = asyncio.Event(), asyncio.Event()

    @property
    def alive(self) -> bool:
        return self.probe is None

    @property
    def death(self) -> Death:
        """Its last."""
        return self.endpoint.url, self.deaths

    @property
    def closed(self) -> bool:
        """Whether others have to wait, since something is asked alone."""
        return self._suspects > 0

    async def opened(self) -> None:
        """Wait until all may ask again."""
        while self.closed:
            await self._open.wait()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Ask it alone: what it was asked before is answered first, all others wait."""
        self._suspects += 1
        self._open.clear()
        try:
            async with self._turn:
                while self.flights:
                    self._quiet.clear()
                    await self._quiet.wait()
                yield
        finally:
            self._suspects -= 1
            if not self._suspects:
                self._open.set()

    def depart(self, flight: asyncio.Timeout) -> None:
        """It is asked something."""
        if not self.flights:
            self.heard_at = asyncio.get_running_loop().time()
        self.flights.add(flight)

    def land(self, flight: asyncio.Timeout) -> None:
        """It answered, or will not."""
        self.flights.discard(flight)
        self.heard_at = asyncio.get_running_loop().time()
        if not self.flights:
            self._quiet.set()

    def give_up(self) -> None:
        """Wait no longer for what it was asked."""
        now = asyncio.get_running_loop().time()
        while self.flights:
            self.flights.pop().reschedule(now)


class Replicas:
    """The servers of a run."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.all = [Replica(endpoint) for endpoint in endpoints]

    @property
    def alive(self) -> list[Replica]:
        return [replica for replica in self.all if replica.alive]

    def choose(self, about: str) -> Replica | None:
        """The live server for what has this digest; None where none is alive."""
        if len(self.all) == 1:
            return self.all[0] if self.all[0].alive else None
        return max(
            self.alive, key=lambda replica: weight(replica.endpoint.url, about), default=None
        )


@lru_cache(maxsize=1024)
def weight(server: str, about: str) -> int:
    """The weight of a server for an image; the heaviest has it."""
    return int.from_bytes(hashlib.blake2b(f"{server}\0{about}".encode(), digest_size=8).digest())
