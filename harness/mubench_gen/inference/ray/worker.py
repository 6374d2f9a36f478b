"""A worker: has a host for the model on its node, and answers bundles of requests."""

from __future__ import annotations

import os
import pickle
import platform
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mubench_gen.errors import EngineFault, MubenchError, UsageError, describe, encodable
from mubench_gen.host.client import HostedModel
from mubench_gen.host.messages import SentImage, received_image, unpack
from mubench_gen.host.serving import RunSetup
from mubench_gen.host.setup import HostSetup
from mubench_gen.inference.batches import Answered
from mubench_gen.inference.flow import ask
from mubench_gen.inference.ray.sending import Bundle, Fault, WorkerAnswers
from mubench_gen.types import Image, Request, Response

_PART = 32  # most answers that wait for the rest of their bundle
_AGE = 0.25  # most seconds that they wait
_IMAGES = 64  # recent images, so that requests about one decode it once


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker needs: plain data, no objects. `timeout`: seconds that a call may take."""

    host: HostSetup
    run: RunSetup
    folder: str
    timeout: float


class RayWorker:
    """Takes the number of a bundle, and returns its answers; created by the node's `Gate`.

    A fault is an answer too, so that Ray does not retry a model that cannot be loaded.
    """

    def __init__(self, feed: Any, job: WorkerSetup) -> None:
        self._feed = feed
        self._name = f"{platform.node()}/{os.getpid()}"
        self._opened: _Opened | None = None
        self._fault: Fault | None = None
        try:
            self._opened = _Opened(job)
        except Exception as error:  # reported, so that Ray does not try again
            self._fault = _fault(error, self._name)

    def answer(self, number: int) -> bytes:
        """The `Answers` to the bundle of that number, pickled."""
        import ray

        held = ray.get(self._feed.get.remote(number))
        bundle: Bundle | None = None if held is None else ray.get(held[0])
        return pickle.dumps(self._answer(number, bundle, ray.get))

    def _answer(self, number: int, bundle: Bundle | None, fetch: Any) -> WorkerAnswers:
        node = os.environ.get("RAY_NODE_ID", "")
        if self._opened is None:
            return WorkerAnswers(self._name, node, fault=self._fault)
        answered = _Answered(self._opened, self._name, node)
        if bundle is not None:
            contents = dict(zip(bundle.images, fetch(list(bundle.images.values())), strict=True))
            requests = self._opened.requests(bundle, contents)
            try:
                for batch in self._opened.answers(requests):
                    answered.add(batch)
                    if answered.is_due():
                        self._feed.partly.remote(number, pickle.dumps(answered.part()))
            except (EngineFault, UsageError) as error:
                return answered.whole(_fault(error, self._name))
        return answered.whole()


class _Answered:
    """A bundle's answers so far, and those that the driver does not have yet."""

    def __init__(self, opened: _Opened, name: str, node: str) -> None:
        self._opened = opened
        self._worker = name, node
        self._responses: list[tuple[str, Response]] = []
        self._sent = 0
        self._sent_at = time.monotonic()

    def add(self, batch: Answered) -> None:
        self._responses += [(request.key, response) for request, response in batch]

    def is_due(self) -> bool:
        """Whether waiting answers are to be sent before the rest of the bundle."""
        waits = len(self._responses) - self._sent
        return waits >= _PART or (waits > 0 and time.monotonic() - self._sent_at >= _AGE)

    def part(self) -> WorkerAnswers:
        since = self._responses[self._sent :]
        self._sent, self._sent_at = len(self._responses), time.monotonic()
        return replace(self.whole(), responses=since, whole=False)

    def whole(self, fault: Fault | None = None) -> WorkerAnswers:
        model = self._opened.model
        facts, counts = model.facts, _counts(model)
        return WorkerAnswers(*self._worker, self._responses, facts, counts, fault)


class _Opened:
    """The loaded model, and the most recent images."""

    def __init__(self, job: WorkerSetup) -> None:
        if os.path.isdir(job.folder):
            os.chdir(job.folder)  # so that relative paths are the driver's
        self.model = HostedModel(job.host)
        self.model.load(job.run)
        self._timeout = job.timeout
        self._policy = job.run.whole_policy()
        self._images: OrderedDict[str, Image] = OrderedDict()

    def requests(self, bundle: Bundle, contents: Mapping[str, bytes]) -> Sequence[Request]:
        def image(sent: SentImage) -> Image:
            known = self._images.get(sent.sha256)
            if known is None or known.name != sent.name:
                known = received_image(sent, contents[sent.sha256], self._policy)
                self._images[sent.sha256] = known
            self._images.move_to_end(sent.sha256)
            return known

        made = [unpack(request, image) for request in bundle.requests]
        while len(self._images) > _IMAGES:
            self._images.popitem(last=False)
        return made

    def answers(self, requests: Sequence[Request]) -> Iterator[Answered]:
        """Ask the model as a run without Ray does, with the same isolation and time limits."""
        return ask(self.model, requests, size=self.model.card.size, timeout=self._timeout)


def _counts(model: HostedModel) -> dict[str, Any]:
    """The model's own counts; what a worker encoded is of no use to the driver."""
    try:
        return dict(model.counts().get("counts", {}))
    except MubenchError:  # of the plugin's own code; counts are no answers
        return {}


def _fault(error: BaseException, name: str) -> Fault:
    kind = "usage" if isinstance(error, UsageError) else "engine"
    own = isinstance(error, MubenchError)
    text = describe(error) if own else f"{type(error).__name__}: {describe(error)}"
    return Fault(kind, encodable(f"Worker {name}: {text}"))  # type: ignore[arg-type]
