"""request → response, for a model that takes requests one by one and answers in any order.

A window of requests is in flight; when one is answered, the next is sent. Threads decode images
ahead of time. Answers come out in small batches, so that they reach the disk soon without a write
for each; slow answers come out at once.
"""

from __future__ import annotations

import math
import os
import queue
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from mubench_gen.errors import (
    EngineFault,
    ImageError,
    ItemTimeout,
    ReplyError,
    UsageError,
    failure,
)
from mubench_gen.inference.generative import Answered, from_reply, from_scores
from mubench_gen.model import StreamingModel
from mubench_gen.types import Failure, Image, Request, Response

_BATCH = 32  # most answers that wait for the disk
_AGE = 0.25  # most seconds that an answer waits for the disk
_DEAR = 0.5  # seconds: an answer that took longer is written at once
_LOOK = 0.5  # seconds of a wait: a signal just before it is handled only after it
_AHEAD = 4  # images per thread that are decoded before they are needed
_MOST_HUNG = 8  # requests in a row without an answer before the engine counts as gone


def stream(
    model: StreamingModel, requests: Iterable[Request | None], *, window: int, timeout: float
) -> Iterator[Answered]:
    """Batches of requests with their responses, as they come. EngineFault ends it.

    At most `window` requests are in flight. One that has no answer after `timeout` seconds is
    its item's error, unless the model keeps the time itself. What was answered before a fault
    comes out before the fault is raised.
    A None among the requests is a barrier: earlier ones are answered before later ones are sent.
    """
    flow = _Flow(model, requests, window=window, timeout=timeout)
    try:
        yield from flow.batches()
    finally:
        flow.close()


@dataclass(slots=True)
class _Sent:
    request: Request
    began: float
    future: Future[Any]


class _Flow:
    """The requests in flight, and the answers that wait to be passed on."""

    def __init__(
        self,
        model: StreamingModel,
        requests: Iterable[Request | None],
        *,
        window: int,
        timeout: float,
    ) -> None:
        self._model = model
        self._ahead = _Ahead(iter(requests), decodes=model.reads_pixels)
        self._window = window
        self._timeout = timeout
        self._under_way: OrderedDict[str, _Sent] = OrderedDict()
        self._done: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._answered: Answered = []
        self._due = math.inf  # when waiting answers are to be passed on
        self._hung = 0
        self._fault: BaseException | None = None

    def batches(self) -> Iterator[Answered]:
        more = True
        while self._fault is None:
            more = more and self._fill()
            if not self._under_way:
                if self._answered:
                    yield self._take()
                if not more and not self._ahead.resume():
                    return
                more = True
                continue
            self._collect()
            if self._is_due():
                yield self._take()
        if self._answered:
            yield self._take()
        raise self._fault

    def close(self) -> None:
        """Abandon the requests in flight."""
        for sent in self._under_way.values():
            sent.future.cancel()
        self._ahead.close()

    def _fill(self) -> bool:
        """Send until the window is full or answers have arrived; False at the end or a pause."""
        while len(self._under_way) < self._window and self._fault is None:
            prepared = self._ahead.next()
            if prepared is None:
                return False
            request, problem = prepared
            if problem is None:
                self._send(request)
            else:
                self._keep(request, Response(error=problem))
            if self._is_due() or not self._done.empty():
                return True
        return True

    def _send(self, request: Request) -> None:
        began = time.perf_counter()
        try:
            future = self._model.submit(request)
        except (EngineFault, UsageError) as error:
            self._fault = error
            return
        except Exception as error:  # an edge of isolation: one request of one plugin
            self._keep(request, Response(error=failure(error)))
            return
        self._under_way[request.key] = _Sent(request, began, future)
        key, done = request.key, self._done
        future.add_done_callback(lambda _: done.put(key))

    def _collect(self) -> None:
        """Wait for an answer, then take all that have arrived."""
        try:
            left = self._due - time.perf_counter()
            self._receive(self._done.get(timeout=max(0.0, min(_LOOK, left))))
            while len(self._answered) < _BATCH:
                self._receive(self._done.get_nowait())
        except queue.Empty:
            pass
        self._give_up_late()

    def _receive(self, key: str) -> None:
        sent = self._under_way.pop(key, None)
        if sent is None:  # it arrived after its time-out
            return
        seconds = round(time.perf_counter() - sent.began, 6)
        future = sent.future
        error = (
            ReplyError("the model cancelled the request")
            if future.cancelled()
            else future.exception()
        )
        if isinstance(error, (EngineFault, UsageError)):
            self._fault = self._fault or error  # its item is asked again when the run is resumed
        elif error is not None:
            self._keep(sent.request, Response(error=failure(error), seconds=seconds))
            if isinstance(error, ItemTimeout):
                self._note_hung()
        else:
            self._hung = 0
            convert = from_scores if sent.request.readout == "logprob" else from_reply
            self._keep(sent.request, convert(future.result(), sent.request, seconds))

    def _give_up_late(self) -> None:
        """Turn timed-out requests into errors of their items."""
        if self._model.keeps_time:
            return
        now = time.perf_counter()
        while self._under_way:
            first = next(iter(self._under_way.values()))
            if now - first.began < self._timeout:
                return
            del self._under_way[first.request.key]
            first.future.cancel()
            late = ItemTimeout(f"no answer within {self._timeout:g} s (--timeout)")
            self._keep(first.request, Response(error=failure(late), seconds=self._timeout))
            self._note_hung()
            if self._fault is not None:
                return

    def _note_hung(self) -> None:
        self._hung += 1
        if self._hung > _MOST_HUNG and self._fault is None:
            self._fault = EngineFault(
                f"{self._hung} requests in a row had no answer within {self._timeout:g} s"
            )

    def _keep(self, request: Request, response: Response) -> None:
        self._answered.append((request, response))
        dear = (response.seconds or 0.0) >= _DEAR
        if dear or len(self._answered) >= _BATCH:
            self._due = 0.0
        elif len(self._answered) == 1:
            self._due = time.perf_counter() + _AGE

    def _is_due(self) -> bool:
        return time.perf_counter() >= self._due

    def _take(self) -> Answered:
        batch, self._answered = self._answered, []
        self._due = math.inf
        return batch


class _Ahead:
    """Requests with checked images, which threads decode if the model reads pixels."""

    def __init__(self, requests: Iterator[Request | None], *, decodes: bool) -> None:
        self._requests = requests
        self._decodes = decodes
        self._paused = False
        threads = max(1, min(4, (os.cpu_count() or 2) - 1))
        self._most = threads * _AHEAD if decodes else 1
        self._pool = ThreadPoolExecutor(threads, "mubench-gen images") if decodes else None
        self._waiting: deque[tuple[Request, Future[None] | None]] = deque()
        self._images: OrderedDict[int, tuple[Image, Future[None]]] = OrderedDict()

    def next(self) -> tuple[Request, Failure | None] | None:
        """The next request, and the fault of its image; None at the end or at a pause."""
        while not self._paused and len(self._waiting) < self._most:
            try:
                request = next(self._requests)
            except StopIteration:
                self._requests = iter(())
                break
            if request is None:
                self._paused = True
            else:
                self._waiting.append((request, self._prepare(request.image)))
        if not self._waiting:
            return None
        request, prepared = self._waiting.popleft()
        try:
            if prepared is not None:
                prepared.result()
            elif request.image is not None:
                request.image.verify()
        except ImageError as error:
            return request, failure(error)
        return request, None

    def resume(self) -> bool:
        """Continue after a pause; False at the end."""
        paused, self._paused = self._paused, False
        return paused

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _prepare(self, image: Image | None) -> Future[None] | None:
        """Decode the image in a thread, once for consecutive requests."""
        if self._pool is None or image is None:
            return None
        known = self._images.get(id(image))
        if known is not None:  # the reference to the image keeps its id unique
            return known[1]
        future = self._pool.submit(_decode, image)
        self._images[id(image)] = (image, future)
        if len(self._images) > self._most:
            self._images.popitem(last=False)
        return future


def _decode(image: Image) -> None:
    image.pixels()
