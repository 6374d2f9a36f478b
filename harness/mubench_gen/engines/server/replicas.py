"""Distributes requests among equal servers, and finds requests that servers die of.

All requests about one image go to one server (by rendezvous hashing), whose caches then have the
image. While a server is unreachable, the others take over its images; the images of the others
stay where they are.

All open requests of a server that died are suspects, and are sent again when it is back. Those that
were open at two deaths are sent alone: if the server dies once more, that request is the cause, its
item gets an error, and the others go on.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence, Set
from contextlib import asynccontextmanager
from functools import lru_cache

from mubench_gen.console.progress import log
from mubench_gen.engines.server.options import Endpoint
from mubench_gen.errors import EngineFault, ItemError

Death = tuple[str, int]  # a server's URL, and the number of the death
SUSPICIOUS = 2  # deaths after which a request is asked alone
_GUILTY = 16  # requests that servers may die of before the run ends
_COUNT = "requests_that_servers_died_of"


class Replica:
    """One server and its state.

    `paused_until`: when it accepts requests again (loop time). `flights`: its open requests, each
    by the time-out that can end it. `heard_at`: the time of its last answer, if requests are
    open. `doubted`: it broke a connection and has not been checked since; `look` locks the
    check. `root`: where its model came from, if it said so. `deaths`: how often it became
    unreachable.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.paused_until = 0.0
        self.heard_at = 0.0
        self.doubted = False
        self.root: str | None = None
        self.look = asyncio.Lock()
        self.requests = self.deaths = 0
        self.flights: set[asyncio.Timeout] = set()
        self.probe: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._suspects = 0  # requests that are sent alone, or wait for that
        self._open, self._quiet = asyncio.Event(), asyncio.Event()

    @property
    def alive(self) -> bool:
        return self.probe is None

    @property
    def death(self) -> Death:
        """Its latest death."""
        return self.endpoint.url, self.deaths

    @property
    def closed(self) -> bool:
        """Whether others must wait, because a request is being sent alone."""
        return self._suspects > 0

    async def admit(self, deadline: asyncio.Timeout) -> None:
        """Wait until a request that was sent alone is answered; suspends the deadline."""
        until, loop = deadline.when(), asyncio.get_running_loop()
        if not self.closed or until is None:
            return
        left = until - loop.time()
        deadline.reschedule(None)
        while self.closed:
            await self._open.wait()
        deadline.reschedule(loop.time() + left)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Send a request alone: open ones are answered first, all others wait."""
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
        """Note that a request is sent."""
        if not self.flights:
            self.heard_at = asyncio.get_running_loop().time()
        self.flights.add(flight)

    def land(self, flight: asyncio.Timeout) -> None:
        """Note that a request has ended."""
        self.flights.discard(flight)
        self.heard_at = asyncio.get_running_loop().time()
        if not self.flights:
            self._quiet.set()

    def give_up(self) -> None:
        """Abandon its open requests."""
        now = asyncio.get_running_loop().time()
        while self.flights:
            self.flights.pop().reschedule(now)


class ServerPool:
    """The servers of a run."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.all = [Replica(endpoint) for endpoint in endpoints]

    @property
    def alive(self) -> list[Replica]:
        return [replica for replica in self.all if replica.alive]

    def choose(self, about: str) -> Replica | None:
        """The live server for an image with this digest; None if none is alive."""
        if len(self.all) == 1:
            return self.all[0] if self.all[0].alive else None
        return max(
            self.alive, key=lambda replica: weight(replica.endpoint.url, about), default=None
        )


@lru_cache(maxsize=1024)
def weight(server: str, about: str) -> int:
    """The weight of a server for an image; the heaviest server gets it."""
    return int.from_bytes(hashlib.blake2b(f"{server}\0{about}".encode(), digest_size=8).digest())


class Suspicions:
    """Keeps track of the requests that servers of a run died of."""

    def __init__(self, counts: Counter[str]) -> None:
        self.explained: set[Death] = set()
        self._counts = counts
        self._arose: Death | None = None

    def arises(self, death: Death) -> None:
        """Report, once per death, that some requests were open at the last two deaths."""
        if death != self._arose:
            self._arose = death
            log(
                "The requests that were open at the server's last two deaths are sent again one by "
                "one, to find the one that it dies of"
            )

    def guilty(self, deaths: Set[Death]) -> Exception:
        """The error of the request that caused these deaths; the run's after too many."""
        self.explained |= deaths
        self._counts[_COUNT] += 1
        text = (
            f"the server died each of the {len(deaths)} times that it was asked this, the last "
            "time this alone"
        )
        if self._counts[_COUNT] > _GUILTY:
            return EngineFault(f"Servers died of {self._counts[_COUNT]} requests. The last: {text}")
        return ItemError(text)
