"""request → response: asks the model in batches and isolates what goes wrong.

The model runs in a thread while the next batch is rendered, hashed and decoded. A failed batch
is asked again one request at a time, so that a bad item fails alone. A call that hangs is
abandoned after `timeout` seconds.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Protocol

from mubench_gen.errors import EngineFault, ImageError, ItemTimeout, UsageError, failure
from mubench_gen.inference.contrastive import Similarities
from mubench_gen.inference.embeddings import EmbeddingStore
from mubench_gen.inference.generative import Answered, Replies
from mubench_gen.model import ContrastiveModel, GenerativeModel, Model
from mubench_gen.plugins.worker_threads import ExitRaised, TimeOver, Worker, wait
from mubench_gen.types import Failure, Image, Request, Response

WORKER = "mubench-gen model"  # the name of the thread that a model runs in
_MOST_HUNG = 8  # abandoned calls before the engine counts as gone
_AGE = 0.25  # most seconds that an answer waits for the disk while others are asked singly
_QUESTIONS = 16  # an image, of a batch that is counted in images


class Asker(Protocol):
    """A model as the run asks it."""

    def needs_pixels(self, image: Image) -> bool: ...

    def ask(self, requests: Sequence[Request]) -> list[Response]: ...


def make_asker(model: Model, *, store: EmbeddingStore | None = None) -> Asker:
    """The asker for a model of its family; `store` keeps embeddings of a contrastive one."""
    if isinstance(model, ContrastiveModel):
        return Similarities(model, store)
    assert isinstance(model, GenerativeModel)
    return Replies(model)


def respond(
    asker: Asker, requests: Iterable[Request | None], *, batch_size: int, timeout: float
) -> Iterator[Answered]:
    """Batches of requests with their responses, in order. EngineFault ends it.

    `batch_size` counts requests; of a contrastive model, which is asked all about an image
    for one encoding, images.

    A None among the requests ends a batch, as a barrier: earlier requests are answered before
    later ones are read.
    """
    caller = Caller(asker, timeout)
    coming = _Coming(asker, iter(requests), batch_size)
    try:
        while (batch := coming.take()) is not None:
            running = caller.start(_sound(batch))
            coming.fill(until=running.done)
            yield from caller.finish(running, batch)
    finally:
        caller.close()


class _Coming:
    """The next batch, whose images are checked and decoded while the model runs.

    A bad image is an error of its item, found before the model is asked.
    """

    def __init__(self, asker: Asker, requests: Iterator[Request | None], size: int) -> None:
        self._asker = asker
        self._requests = requests
        self._images_at_most = size if isinstance(asker, Similarities) else sys.maxsize
        self._at_most = size * _QUESTIONS if isinstance(asker, Similarities) else size
        self._batch: Answered = []
        self._images: set[str] = set()
        self._paused = self._ended = False

    def take(self) -> Answered | None:
        """The complete batch; None at the end. `fill` begins the next."""
        while not self._batch and not self._ended:
            self._paused = False
            self.fill()
        self.fill()
        batch, self._batch, self._images = self._batch, [], set()
        return batch or None

    def fill(self, *, until: Callable[[], bool] = bool) -> None:
        """Fill the batch until it is complete, or `until` is true because answers have arrived."""
        while not (self._paused or self._ended or self._is_full() or until()):
            self._add()

    def _is_full(self) -> bool:
        return len(self._batch) >= self._at_most or len(self._images) >= self._images_at_most

    def _add(self) -> None:
        for request in self._requests:
            if request is None:
                self._paused = True
            else:
                self._prepare(request)
            return
        self._ended = True

    def _prepare(self, request: Request) -> None:
        response, image = Response(), request.image
        try:
            if image is not None:
                _look(image, decode=self._asker.needs_pixels(image))
                self._images.add(image.sha256)
        except ImageError as error:
            response = Response(error=failure(error))
        self._batch.append((request, response))


def _look(image: Image, *, decode: bool) -> None:
    if decode:
        image.pixels()
    else:
        image.verify()


def _sound(batch: Answered) -> list[Request]:
    return [request for request, response in batch if response.error is None]


def _merge(batch: Answered, responses: Sequence[Response]) -> Answered:
    answers = iter(responses)
    return [(q, r if r.error is not None else next(answers)) for q, r in batch]


class Caller:
    """Calls the model in a thread, with a time limit."""

    def __init__(self, asker: Asker, timeout: float) -> None:
        self._ask = asker.ask
        self._timeout = timeout
        self._hung = 0
        self._worker = Worker(WORKER)

    def start(self, requests: Sequence[Request]) -> Future[list[Response]]:
        return self._worker.submit(lambda: self._ask(requests))

    def finish(self, running: Future[list[Response]], batch: Answered) -> Iterator[Answered]:
        """Yield the batch with its responses; in parts if it failed and each is asked singly."""
        responses = self._together(running, _sound(batch))
        if responses is not None:
            yield _merge(batch, responses)
            return
        answered: Answered = []
        began = time.perf_counter()
        for request, response in batch:
            try:
                alone = response if response.error is not None else self._alone(request)
            except (EngineFault, UsageError):
                yield answered
                raise
            answered.append((request, alone))
            if time.perf_counter() - began >= _AGE:
                yield answered
                answered, began = [], time.perf_counter()
        yield answered

    def _together(
        self, running: Future[list[Response]], requests: Sequence[Request]
    ) -> list[Response] | None:
        """The responses, or None if the batch failed as a whole."""
        if not requests:
            return []
        try:
            return self._wait(running)
        except (EngineFault, UsageError):
            raise
        except Exception as error:  # an edge of isolation: one batch of one plugin
            return [Response(error=_failure(error))] if len(requests) == 1 else None

    def close(self) -> None:
        """Let the thread end; a hanging one ends with the process."""
        self._worker.stop()

    def _alone(self, request: Request) -> Response:
        try:
            return self._wait(self.start([request]))[0]
        except (EngineFault, UsageError):
            raise
        except Exception as error:  # as above
            return Response(error=_failure(error))

    def _wait(self, running: Future[list[Response]]) -> list[Response]:
        with contextlib.suppress(TimeOver):
            return wait(running, self._timeout)
        self._hung += 1
        if self._hung > _MOST_HUNG:
            raise EngineFault(f"the model hung {self._hung} times, {self._timeout:g} s each")
        self._worker = Worker(WORKER)
        raise ItemTimeout(f"no answer within {self._timeout:g} s (--timeout)")


def _failure(error: Exception) -> Failure:
    return failure(error.error if isinstance(error, ExitRaised) else error)
