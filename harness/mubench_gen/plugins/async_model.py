"""`AsyncModel`: a model behind a service, of which only one request has to be written."""

from __future__ import annotations

import asyncio
import math
import random
import threading
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from mubench_gen.errors import ItemError, MubenchError, RetryLater, UsageError, describe
from mubench_gen.model import Runtime, StreamingModel
from mubench_gen.types import Reply, Request

T = TypeVar("T")
_SHORTEST, _LONGEST = 0.5, 30.0  # seconds between two tries
_DAY = 86_400.0  # seconds
_FOR_NOW = (408, 409, 425, 429)  # statuses, beside 5xx, after which a request is asked again


@dataclass(frozen=True, slots=True)
class RequestPolicy:
    """How a service may be asked.

    `concurrency`: requests under way at once. `retries`: how often a request is asked again after
    one of the errors `retry_on`, later each time, or when `RetryLater.after` says. `rate`: requests
    a second at most, None for no limit.
    """

    concurrency: int = 8
    retries: int = 5
    retry_on: tuple[type[Exception], ...] = (RetryLater, ConnectionError, TimeoutError)
    rate: float | None = None


class AsyncModel(StreamingModel):
    """A generative model behind a service. Implement `async def ask`.

    The harness owns the event loop, and asks as `policy` says: requests at once, back-off, a pause
    of all where the service asks for one, a rate. `asyncio.to_thread` has a thread for each
    request, for clients that are not asynchronous. What `ask` raises is the item's error; a
    `UsageError` (a refused key) or an `EngineFault` ends the run.
    """

    policy: RequestPolicy = RequestPolicy()

    def __init__(self, options: BaseModel | None = None, runtime: Runtime | None = None) -> None:
        super().__init__(options, runtime)
        self.window = self.policy.concurrency
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None
        self._retries: Counter[str] = Counter()
        self._jitter = random.Random()  # of waiting times: no reply depends on it
        self._begun = self._paused_until = 0.0  # of the last request, of all; by the loop's clock

    async def open(self) -> None:
        """Open sessions, before the first request. May raise UsageError with what to do."""

    async def ask(self, request: Request) -> Reply | str | Sequence[float]:
        """Answer one request: a reply, or for the read-out `logprob` a number a label.

        Raise `RetryLater`, or what `http_error` returns, where the service gave no answer.
        """
        raise NotImplementedError

    async def shut(self) -> None:
        """Close what `open` opened."""

    def load(self) -> None:
        """Start the loop, and open the service in it."""
        if self._thread is not None:
            return
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(self.policy.concurrency))
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="mubench-gen service", daemon=True
        )
        self._thread.start()
        self._run(self.open())

    def close(self) -> None:
        """Close the service, and end the loop."""
        if self._thread is None:
            return
        self._run(self.shut())
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._thread = None

    @property
    def counts(self) -> Mapping[str, Any]:
        """Retries, by their cause."""
        return {f"retries after {cause}": n for cause, n in self._retries.items()}

    def submit(self, request: Request) -> Future[Reply | str | Sequence[float]]:
        return asyncio.run_coroutine_threadsafe(self._insist(request), self._loop)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _insist(self, request: Request) -> Reply | str | Sequence[float]:
        """Ask until there is an answer, or no more tries."""
        for tried in range(1, self.policy.retries + 2):
            await self._turn()
            try:
                return await self.ask(request)
            except self.policy.retry_on as error:
                asked_for = error.after if isinstance(error, RetryLater) else None
                if tried > self.policy.retries or (asked_for or 0.0) > self.runtime.timeout:
                    raise ItemError(f"no answer in {tried} tries: {describe(error)}") from error
                self._retries[type(error).__name__] += 1
                await self._wait(tried, asked_for)
        raise AssertionError("unreachable")

    async def _turn(self) -> None:
        """Wait for the pause that the service asked for, then for the rate."""
        while (left := self._paused_until - self._loop.time()) > 0:
            await asyncio.sleep(left)
        gap = 0.0 if self.policy.rate is None else 1 / self.policy.rate
        self._begun = max(self._begun + gap, self._loop.time())
        await asyncio.sleep(self._begun - self._loop.time())

    async def _wait(self, tried: int, asked_for: float | None) -> None:
        """Wait before the next try; where the service says how long, all requests wait."""
        if asked_for is not None:
            self._paused_until = max(self._paused_until, self._loop.time() + asked_for)
            return
        seconds = min(_LONGEST, _SHORTEST * 2 ** (tried - 1))
        await asyncio.sleep(seconds * self._jitter.uniform(0.5, 1.0))


def may_pass(status: int) -> bool:
    """Whether an HTTP status tells of a failure that may be over when it is tried again."""
    return status in _FOR_NOW or status >= 500


def http_error(status: int, said: str, retry_after: str | None = None) -> MubenchError:
    """The error to raise for an HTTP status that is no success.

    `said` is the service's message, `retry_after` the header of that name (seconds, or a date).
    A refused key (401, 403) and an unknown path (404, 405) are UsageErrors, which end the run;
    408, 409, 425, 429 and 5xx are `RetryLater`; any other is an error of the item.
    """
    told = f"the service answered {status}: {' '.join(said.split())[:400] or 'no message'}"
    if status in (401, 403):
        return UsageError(f"{told}. It refuses the key, or wants one.")
    if status in (404, 405):
        return UsageError(f"{told}. There is no such path or model: check the address.")
    return RetryLater(told, seconds_to_wait(retry_after)) if may_pass(status) else ItemError(told)


def seconds_to_wait(retry_after: str | None) -> float | None:
    """The seconds that a Retry-After header asks for, in seconds or as a date.

    None for anything else, 0 for what is past, and at most a day.
    """
    if retry_after is None:
        return None
    try:
        wait = float(retry_after)
    except ValueError:
        wait = _until(retry_after)
    return min(_DAY, max(0.0, wait)) if wait == wait else None  # NaN is not equal to itself


def _until(date: str) -> float:
    """Seconds until a date; NaN if the text is not a date."""
    try:
        then = parsedate_to_datetime(date)
        return (then - datetime.now(then.tzinfo and UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return math.nan
