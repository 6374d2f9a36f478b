"""Asks servers over HTTP, in an event loop in a thread, with retries and deadlines.

Requests without an answer are sent again: after a broken connection, 408, 409, 425, 429, 5xx, or a
reply that the server aborted. Any other answer is final. If a server closed an idle connection, the
request is sent again at once on a new one, which does not count as a retry.
"""

from __future__ import annotations

import asyncio
import io
import random
import threading
from collections import Counter
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from mubench_gen.engines.server.answers import failed_for_now, filtered
from mubench_gen.engines.server.error_messages import error_code, reads_no_images, refusal, words
from mubench_gen.engines.server.health import Health
from mubench_gen.engines.server.options import Endpoint, Secret, ServerOptions
from mubench_gen.engines.server.replicas import SUSPICIOUS, Death, Replica, ServerPool, Suspicions
from mubench_gen.engines.server.transport import (
    HttpResponse,
    Way,
    on_way,
    open_session,
    read,
    reason,
)
from mubench_gen.errors import (
    EngineFault,
    ItemTimeout,
    MissingExtraError,
    ReplyError,
    RetryLater,
)
from mubench_gen.plugins.async_model import may_pass

if TYPE_CHECKING:
    from aiohttp import ClientSession

T = TypeVar("T")
_DIRECT = 2**20  # bytes of a body that aiohttp sends in one piece without a warning
_SHORTEST, _LONGEST = 0.25, 8.0  # seconds between two tries
_HOPELESS = (
    16  # consecutive requests that failed after all retries before the servers count as gone
)
_NO_CONNECTION, _LOST = "no connection", "a lost server"
_STALE = "a connection that had been closed"
_OUT_OF_QUOTA = ("insufficient_quota", "billing_hard_limit_reached")


class Client:
    """A session with the servers. `start` and `close` frame it; `run` waits, `spawn` doesn't."""

    def __init__(
        self,
        replicas: ServerPool,
        options: ServerOptions,
        key: Secret | None,
        *,
        timeout: float,
    ) -> None:
        self.replicas = replicas
        self.counts: Counter[str] = Counter()
        self.suspicions = Suspicions(self.counts)
        self.context: int | None = None  # tokens, if a server reported it
        self._options = options
        self._key = key
        self._timeout = timeout
        self._row = 0
        self._jitter = random.Random()  # of waiting times, so that no reply depends on it
        self.loop = asyncio.new_event_loop()
        self.health: Health
        self._session: ClientSession
        self._fresh: ClientSession
        self._thread = threading.Thread(
            target=self.loop.run_forever, name="mubench-gen server", daemon=True
        )

    def start(self) -> None:
        """Open the session. Raises MissingExtraError without aiohttp."""
        try:
            import aiohttp
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                error.name or "aiohttp", extra="server", purpose="--engine server"
            ) from error
        self._thread.start()
        self._lost = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
        self._closed = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
        self.broken = (aiohttp.ClientError, OSError, TimeoutError)
        self._stream: Any = aiohttp.BytesIOPayload
        self.health = Health(
            self.replicas,
            self.get,
            patience=self._options.patience,
            lost=self._lost,
            broken=(*self.broken, ReplyError),
        )
        self.run(self._open())
        asyncio.run_coroutine_threadsafe(self.health.knock(), self.loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def close(self) -> None:
        """Abandon the requests in flight and end the thread."""
        if self._thread.is_alive():
            self.run(self._shut())
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(10)
        if not self.loop.is_running() and not self.loop.is_closed():
            self.loop.close()

    async def get(self, endpoint: Endpoint, url: str, *, timeout: float = 30.0) -> HttpResponse:
        """Get a URL, in one try. Raises aiohttp's errors (`broken`)."""
        async with (
            asyncio.timeout(timeout),
            self._fresh.get(url, proxy=endpoint.proxy, allow_redirects=False) as response,
        ):
            return await read(response)

    async def post(self, path: str, body: bytes, *, about: str, root: bool = False) -> bytes:
        """The body of a 200. Raises ItemError, EngineFault or UsageError after the retries.

        `about` is the digest that selects the server; `path` is below /v1, or with `root`
        beside it. A request that two servers may have died of is asked alone.
        """
        deaths: set[Death] = set()  # of servers that had received this request
        while True:
            replica = self.replicas.choose(about) or await self.health.someone(about)
            at = replica.endpoint.at_root if root else replica.endpoint.at
            suspect = len(deaths) >= SUSPICIOUS
            try:
                if not suspect:
                    return await self._insist(replica, at(path), body)
                async with replica.alone():
                    return await self._insist(replica, at(path), body, alone=True)
            except _Gone as gone:
                if gone.asked:
                    deaths.add(replica.death)
                    if suspect:
                        raise self.suspicions.guilty(deaths) from None
                    if len(deaths) >= SUSPICIOUS:
                        self.suspicions.arises(replica.death)

    async def _insist(
        self, replica: Replica, url: str, body: bytes, *, alone: bool = False
    ) -> bytes:
        """Ask one server until it answers. Raises `_Gone` if it becomes unreachable."""
        try:
            async with asyncio.timeout(self._timeout) as deadline:
                return await self._retry(replica, url, body, None if alone else deadline)
        except TimeoutError:
            raise ItemTimeout(f"no answer within {self._timeout:g} s (--timeout)") from None

    async def _retry(
        self, replica: Replica, url: str, body: bytes, deadline: asyncio.Timeout | None
    ) -> bytes:
        """Like `_insist`. The deadline does not count waiting for requests that run alone."""
        before, failed, asked, fresh = replica.deaths, 0, False, False
        while True:
            if replica.paused_until:
                await self._pause(replica)
            if deadline is not None:
                await replica.admit(deadline)
            if replica.doubted:
                await self.health.confirm(replica)
            if replica.deaths > before:
                raise _Gone(asked=asked)
            answered, why = await self._try(replica, url, body, fresh=fresh)
            if why is None:
                self._row = 0
                assert answered is not None
                return answered.content
            wait = answered.retry_after if answered is not None else None
            gone = why in (_NO_CONNECTION, _LOST)
            asked = asked or why != _NO_CONNECTION
            failed += not gone and why != _STALE
            if failed > self._options.retries or (wait or 0) > self._timeout:
                raise self._given_up(failed, answered, wait)
            self.counts[f"retries after {why}"] += 1
            if gone:
                raise _Gone(asked=asked)
            if why == _STALE:
                fresh = True  # other idle connections may be closed as well
                continue
            if wait is None:
                wait = min(_LONGEST, _SHORTEST * 2 ** (failed - 1))
                wait *= self._jitter.uniform(0.5, 1.0)
            if why == "429":  # the limit concerns all requests
                replica.paused_until = max(replica.paused_until, self.loop.time() + wait)
            await asyncio.sleep(wait)

    async def _send(self, endpoint: Endpoint, url: str, body: bytes, way: Way) -> HttpResponse:
        self.counts["requests" if url.endswith("completions") else "tokenizer_requests"] += 1
        self.counts["bytes_sent"] += len(body)
        payload = body if len(body) < _DIRECT else self._stream(io.BytesIO(body))
        session = self._fresh if way.fresh else self._session
        on_way.set(way)
        async with session.post(
            url, data=payload, proxy=endpoint.proxy, allow_redirects=False
        ) as response:
            way.answered = True
            return await read(response)

    async def _try(
        self, replica: Replica, url: str, body: bytes, *, fresh: bool
    ) -> tuple[HttpResponse | None, str | None]:
        """The answer, and the reason for a retry; None without one."""
        replica.requests += 1
        way = Way(fresh)
        try:
            async with asyncio.timeout(None) as flight:
                replica.depart(flight)
                try:
                    answered = await self._send(replica.endpoint, url, body, way)
                finally:
                    replica.land(flight)
        except self._lost as error:
            self.health.lose(replica, error)
            return None, _NO_CONNECTION
        except self.broken as error:
            if flight.expired():
                return None, _LOST
            self.health.said = reason(error)
            replica.doubted = True
            stale = way.may_have_been_closed and isinstance(error, self._closed)
            return None, _STALE if stale else "a broken connection"
        status = answered.status
        failed = status == 200 and failed_for_now(answered.content)
        if status == 200 and not failed:
            return answered, None
        if failed:
            return answered, "a failed reply"
        if status == 429 and error_code(answered.content) in _OUT_OF_QUOTA:
            raise EngineFault(f"The server's quota is used up: {self._said(answered)}.")
        if may_pass(status) and not reads_no_images(answered.content):
            return answered, "5xx" if status >= 500 else str(status)
        if filtered(answered.content) is not None:  # Azure refuses a prompt by a status
            return answered, None
        told, given = self.hidden(answered.content), self._options
        raise refusal(status, told, context=self.context, omitted=given.omit, body=given.body)

    def _given_up(
        self, failed: int, answered: HttpResponse | None, wait: float | None
    ) -> Exception:
        """The item's error after the last try; the run's if nothing succeeds any more."""
        self._row += 1
        if answered is None:
            text = f"the connection to the server broke {failed} times: {self.health.said}"
        elif wait is not None and wait > self._timeout:
            text = f"the server asks to wait {wait:g} s, which is more than --timeout"
        else:
            status = answered.status
            failure = "aborted the reply" if status == 200 else f"answered {status}"
            text = f"the server {failure} {failed} times: {self._said(answered)}"
        if self._row >= _HOPELESS:
            return EngineFault(f"{self._row} requests in a row failed for good. The last: {text}")
        return RetryLater(text)

    async def _pause(self, replica: Replica) -> None:
        """Wait until the server wants to be asked again."""
        while (left := replica.paused_until - self.loop.time()) > 0:
            await asyncio.sleep(left * self._jitter.uniform(1.0, 1.1))

    async def _open(self) -> None:
        header = {} if self._key is None else self._key.header
        self._session = open_session(header, keepalive_timeout=60)
        # An open connection would not show that another server listens there now.
        self._fresh = open_session(header, force_close=True)

    async def _shut(self) -> None:
        others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._session.close()
        await self._fresh.close()
        await self.loop.shutdown_default_executor()

    def hidden(self, content: bytes) -> bytes:
        """A server's message, without the key that it may have echoed."""
        if self._key is None:
            return content
        return self._key.hide(content.decode("utf-8", "replace")).encode()

    def _said(self, answered: HttpResponse) -> str:
        return words(self.hidden(answered.content))


class _Gone(Exception):
    """A server became unreachable. `asked`: it had received the request."""

    def __init__(self, *, asked: bool) -> None:
        self.asked = asked
