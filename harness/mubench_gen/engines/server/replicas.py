"""Equal servers: which of them is asked what, and what they may have died of.

All that is asked about one image goes to one server (by rendezvous hashing), whose caches then
know the image. A server that is out of reach gives its images to the others, and has them back
when it is there again; those of the others stay where they are.

All that a server had been asked when it died is suspect, and is asked again when it is back.
What was there at two deaths is asked alone: if the server dies once more, it died of that
request, whose item has an error then, and the others go on.
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

Death = tuple[str, int]  # a server's URL, and which of its deaths it was
SUSPICIOUS = 2  # deaths after which a request is asked alone
_GUILTY = 16  # requests that servers may die of before the run ends
_COUNT = "requests_that_servers_died_of"


class Replica:
    """One server and how it does.

    `paused_until`: when it wants to be asked again (loop time). `flights`: what it was asked and
    has not answered, each by the timeout that can end it. `heard_at`: since when it has been
    silent, if it owes an answer. `doubted`: it broke a connection and nobody looked since;
    `look` is held by who does. `deaths`: how often it went out of reach.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.paused_until = 0.0
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

    async def admit(self, deadline: asyncio.Timeout) -> None:
        """Wait until what is asked alone is answered; the time of the request stands still."""
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


class ServerPool:
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


class Suspicions:
    """What the servers of a run died of, as far as that is known."""

    def __init__(self, counts: Counter[str]) -> None:
        self.explained: set[Death] = set()
        self._counts = counts
        self._arose: Death | None = None

    def arises(self, death: Death) -> None:
        """Tell, once a death, that there are requests that were there at the last two."""
        if death != self._arose:
            self._arose = death
            log(
                "What the server had been asked when it died and when it died before that is asked "
                "again one by one, to find what it dies of"
            )

    def guilty(self, deaths: Set[Death]) -> Exception:
        """The error of the request that these deaths were of; the run's after too many."""
        self.explained |= deaths
        self._counts[_COUNT] += 1
        text = (
            f"the server died each of the {len(deaths)} times that it was asked this, the last "
            "time this alone"
        )
        if self._counts[_COUNT] > _GUILTY:
            return EngineFault(f"Servers died of {self._counts[_COUNT]} requests. The last: {text}")
        return ItemError(text)
