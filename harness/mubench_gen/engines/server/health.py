"""Tracks which servers are reachable, and polls unreachable ones until they are back."""

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
_PROBES = 1.0  # seconds between two polls of an unreachable server
_SILENCE = 15.0  # seconds without an answer after which a server is checked
_FAREWELL = 20.0  # seconds of unreachability after which a server's requests are abandoned


class Get(Protocol):
    """Gets a URL of a server, in one try."""

    async def __call__(self, endpoint: Endpoint, url: str, *, timeout: float) -> HttpResponse: ...


class Health:
    """Monitors the servers of a client, in its loop.

    `revive` restarts a server that this process runs; `expected` is the id of the model that a
    server must have to be used again. `lost` are the errors of failed connections, `broken` all
    errors of requests.
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
        self._jitter = random.Random()  # of waiting times, so that no reply depends on it

    async def someone(self, about: str) -> Replica:
        """Wait for a reachable server. Raises EngineFault after the time of `patience`."""
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
        """Mark a server as unreachable, and poll it until it is back."""
        self.said = reason(error)
        if replica.alive:
            log(f"{replica.endpoint.url} is unreachable: {self.said}")
            replica.deaths += 1
            replica.probe = asyncio.get_running_loop().create_task(self._watch(replica))

    async def confirm(self, replica: Replica) -> None:
        """Check that a server that broke a connection still has the same model, else lose it.

        It may have been restarted with another model. It gets no requests until the check.
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
        """A server's list of models. Marks the server as lost if it cannot be connected to."""
        try:
            return await self._get(replica.endpoint, replica.endpoint.at("models"), timeout=timeout)
        except self._lost as error:
            self.lose(replica, error)
        except self._broken:
            pass
        return None

    async def knock(self) -> None:
        """Forever check silent servers that have open requests.

        One may be gone without closing its connections. Only a failed connection shows that; a
        busy server is left alone.
        """
        while True:
            await asyncio.sleep(_SILENCE / 4)
            since = asyncio.get_running_loop().time() - _SILENCE
            for replica in self._replicas.alive:
                if replica.flights and replica.heard_at <= since:
                    await self._models_of(replica, 2 * CONNECT)

    async def _watch(self, replica: Replica) -> None:
        """Poll an unreachable server until it answers.

        A machine without power never closes its connections. Its requests are sent again when
        it is back, or elsewhere after `_FAREWELL` seconds; not at once, because a server that
        is being stopped may still finish them.
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
        """Whether a reachable server still serves the same model."""
        served = read_models(answered.content) if answered.status == 200 else None
        if self.expected is None or served is None:
            return True
        roots = {one.root for one in served if one.id == self.expected}
        if roots and (replica.root is None or roots & {replica.root, None}):
            return True
        what = "with another model called" if roots else "without the model"
        self.said = f"{replica.endpoint.url} is back {what} {self.expected!r}"
        return False
