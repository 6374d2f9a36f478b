"""Which servers can be reached: one that can't is looked at until it is back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

from mubench_gen.console.progress import log
from mubench_gen.engines.server.models import read_models
from mubench_gen.engines.server.options import Endpoint
from mubench_gen.engines.server.replicas import Replica, ServerPool
from mubench_gen.engines.server.transport import CONNECT, HttpResponse, reason
from mubench_gen.errors import EngineFault

Revive = Callable[[], Awaitable[None]]
Errors = tuple[type[BaseException], ...]
_PROBES = 1.0  # seconds between two looks at a server that is out of reach
_SILENCE = 15.0  # seconds without an answer after which a server is looked at
_FAREWELL = 20.0  # seconds out of reach after which what a server was asked is given up


class Get(Protocol):
    """Gets a URL of a server, in one try."""

    async def __call__(self, endpoint: Endpoint, url: str, *, timeout: float) -> HttpResponse: ...


class Health:
    """Looks after the servers of a client, in its loop.

    `revive` starts again what died, where it is ours; `expected` is the id of the model that a
    server must have to be asked again. `lost` are the errors of a connection that could not be
    made, `broken` all that a request may end in.
    """

    def __init__(
        self, replicas: ServerPool, get: Get, *, patience: float, lost: Errors, broken: Errors
    ) -> None:
        self.revive: Revive | None = None
        self.expected: str | None = None
        self.said = ""  # what the last broken connection said
        self._replicas = replicas
        self._get = get
        self._patience = patience
        self._lost = lost
        self._broken = broken
        self._dead_since: float | None = None
        self._jitter = random.Random()  # when, not what: no reply depends on it

    async def someone(self, about: str) -> Replica:
        """A server, as soon as one is back. EngineFault where none is within the patience."""
        loop = asyncio.get_running_loop()
        while (replica := self._replicas.choose(about)) is None:
            now = loop.time()
            self._dead_since = self._dead_since or now
            if now - self._dead_since > self._patience:
                raise EngineFault(
                    f"No server can be reached for {self._patience:g} s (engine.patience): "
                    f"{self.said}. Start it again; the same command goes on from here."
                )
            probes = [r.probe for r in self._replicas.all if r.probe is not None]
            done, _ = await asyncio.wait(probes, timeout=0.2, return_when=asyncio.FIRST_COMPLETED)
            for probe in done:
                probe.result()  # raises what keeps a server of our own from starting again
        return replica

    def lose(self, replica: Replica, error: BaseException) -> None:
        """Ask it no more until it is back."""
        self.said = reason(error)
        if replica.alive:
            log(f"{replica.endpoint.url} is out of reach: {self.said}")
            replica.deaths += 1
            replica.probe = asyncio.get_running_loop().create_task(self._watch(replica))

    async def confirm(self, replica: Replica) -> None:
        """Look whether a server that broke a connection is still what it was; lose it if not.

        One may be ended and started with another model while nobody tries to connect. Until
        that is known nothing more is asked of it.
        """
        if self.expected is None:
            replica.doubted = False
        async with replica.look:
            if replica.doubted and replica.alive:
                await self._confirm(replica)

    async def _confirm(self, replica: Replica) -> None:
        answered = await self._models_of(replica, CONNECT)
        if answered is not None and not self._is_expected(replica, answered):
            self.lose(replica, ConnectionError(self.said))
        replica.doubted = False

    async def _models_of(self, replica: Replica, timeout: float) -> HttpResponse | None:
        """What a server says of its models. One that can't be connected to is lost."""
        try:
            return await self._get(replica.endpoint, replica.endpoint.at("models"), timeout=timeout)
        except self._lost as error:
            self.lose(replica, error)
        except self._broken:
            pass
        return None

    async def knock(self) -> None:
        """For ever: knock at servers that are silent and owe answers.

        One may be gone without a word. Only a connection that can't be made says so; a server
        that is busy is left in peace.
        """
        while True:
            await asyncio.sleep(_SILENCE / 4)
            since = asyncio.get_running_loop().time() - _SILENCE
            for replica in self._replicas.alive:
                if replica.flights and replica.heard_at <= since:
                    await self._models_of(replica, 2 * CONNECT)

    async def _watch(self, replica: Replica) -> None:
        """Look at a server that is out of reach until it answers.

        A machine that lost its power says nothing to those who wait for its answers. They are
        asked again when it is back, or elsewhere when it has been away for `_FAREWELL`; not at
        once, since a server that is being stopped may still finish what it has.
        """
        loop, endpoint = asyncio.get_running_loop(), replica.endpoint
        gone_at = loop.time() + _FAREWELL
        while True:
            if loop.time() > gone_at:
                replica.give_up()
            if self.revive is not None:
                await self.revive()
            try:
                answered = await self._get(endpoint, endpoint.at("models"), timeout=CONNECT)
            except self._broken:
                pass
            else:
                if answered.status < 500 and self._is_expected(replica, answered):
                    break
            await asyncio.sleep(_PROBES * self._jitter.uniform(0.5, 1.0))
        log(f"{replica.endpoint.url} is back")
        replica.give_up()
        replica.probe = None
        self._dead_since = None

    def _is_expected(self, replica: Replica, answered: HttpResponse) -> bool:
        """Whether a server that is back serves the same model."""
        served = read_models(answered.content) if answered.status == 200 else None
        if self.expected is None or served is None or self.expected in (m.id for m in served):
            return True
        self.said = f"{replica.endpoint.url} is back without the model {self.expected!r}"
        return False
