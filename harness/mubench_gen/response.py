"""request → response: asks the model in batches and isolates what goes wrong.

The model runs in a thread of its own while the next batch is rendered, hashed and decoded.
A batch that fails is asked again one request at a time, so that one bad item costs itself
alone. A call that hangs is left behind after `timeout` seconds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Protocol

from mubench_gen.embeddings import EmbeddingStore
from mubench_gen.errors import EngineFault, ImageError, ItemTimeout, UsageError, failure
from mubench_gen.model import ContrastiveModel, GenerativeModel, Model
from mubench_gen.replies import Replies
from mubench_gen.similarity import Similarities
from mubench_gen.types import Failure, Image, Request, Response
from mubench_gen.workers import Left, TimeOver, Worker, wait

WORKER = "mubench-gen model"  # the name of the thread that a model runs in
Asked = list[tuple[Request, Response]]
_MOST_HUNG = 8  # calls left behind before the engine counts as gone
_QUESTIONS = 16  # an image, of a batch that is counted in images


class Asker(Protocol):
    """A model as the run asks it."""

    def needs_pixels(self, image: Image) -> bool: ...

    def ask(self, requests: Sequence[Request]) -> list[Response]: ...


def make_asker(model: Model, *, store: EmbeddingStore | None = None) -> Asker:
    """How a model of its family is asked; `store` keeps what a contrastive one encodes."""
    if isinstance(model, ContrastiveModel):
        return Similarities(model, store)
    assert isinstance(model, GenerativeModel)
    return Replies(model)


def respond(
    asker: Asker, requests: Iterable[Request | None], *, batch_size: int, timeout: float
) -> Iterator[Asked]:
    """Batches of requests with their responses, in order. EngineFault ends it.

    `batch_size` counts requests; of a contrastive model, which is asked all about an image
    for one encoding, images.

    A None among the requests ends a batch: what stands before it is answered before what
    stands behind it is looked at.
    """
    caller = Caller(asker, timeout)
    stream = iter(requests)
    ahead = _prepare(asker, stream, batch_size)
    try:
        while ahead is not None:
            batch, running = ahead, caller.start(_sound(ahead))
            ahead = _prepare(asker, stream, batch_size)
            yield _merge(batch, caller.finish(running, _sound(batch)))
            if ahead == []:
                ahead = _prepare(asker, stream, batch_size)
    finally:
        caller.close()


def _prepare(asker: Asker, stream: Iterator[Request | None], size: int) -> Asked | None:
    """The next batch, its images checked and decoded; None at the end of the stream.

    A bad image is its item's error, found before the model is asked.
    """
    prepared: Asked = []
    images: set[str] = set()
    by_image = isinstance(asker, Similarities)
    for request in islice(stream, size * _QUESTIONS if by_image else size):
        if request is None:
            return prepared
        response = Response()
        image = request.image
        try:
            if image is not None:
                _look(image, decode=asker.needs_pixels(image))
        except ImageError as error:
            response = Response(error=failure(error))
        prepared.append((request, response))
        if by_image and image is not None:
            images.add(image.sha256)
            if len(images) >= size:
                break
    return prepared or None


def _look(image: Image, *, decode: bool) -> None:
    if decode:
        image.pixels()
    else:
        image.verify()


def _sound(batch: Asked) -> list[Request]:
    return [request for request, response in batch if response.error is None]


def _merge(batch: Asked, responses: Sequence[Response]) -> Asked:
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

    def finish(
        self, running: Future[list[Response]], requests: Sequence[Request]
    ) -> list[Response]:
        """The responses; each request by itself where the batch as a whole failed."""
        if not requests:
            return []
        try:
            return self._wait(running)
        except (EngineFault, UsageError):
            raise
        except Exception as error:  # an edge of isolation: one batch of one plugin
            if len(requests) == 1:
                return [Response(error=_failure(error))]
        return [self._alone(request) for request in requests]

    def close(self) -> None:
        """Let the thread end; one that hangs ends with the process."""
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
    return failure(error.error if isinstance(error, Left) else error)
