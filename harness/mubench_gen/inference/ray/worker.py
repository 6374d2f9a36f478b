"""A worker: holds the model, opened from plain data, and answers bundles of requests."""

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
from mubench_gen.images.microscope import make_policy
from mubench_gen.inference.generative import Answered
from mubench_gen.inference.ray.sending import (
    Bundle,
    Fault,
    SentImage,
    WorkerAnswers,
    received_image,
    unpack,
)
from mubench_gen.inference.response import make_asker, respond
from mubench_gen.inference.streaming import stream
from mubench_gen.model import Model, StreamingModel
from mubench_gen.plan.fingerprint import isolated_model
from mubench_gen.plan.opening import open_model
from mubench_gen.plan.settings import Settings, make_settings
from mubench_gen.plugins.registry import Plugin, Plugins
from mubench_gen.types import Image, Request, Response

_PART = 32  # most answers that wait for the rest of their bundle
_AGE = 0.25  # most seconds that they wait
_IMAGES = 64  # recent images, so that requests about one decode it once


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker needs to open the model: plain data, no objects.

    `size`: requests (or images) per call of the model, or its window.
    """

    settings: Mapping[str, Any]
    folder: str
    size: int


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
        except (Exception, SystemExit) as error:  # an edge of isolation: one plugin's own code
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
        if bundle is not None and bundle.requests:
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
        facts, counts = self._opened.facts, _counts(model)
        return WorkerAnswers(*self._worker, self._responses, facts, counts, fault)


class _Opened:
    """The loaded model, and the most recent images."""

    def __init__(self, job: WorkerSetup) -> None:
        if os.path.isdir(job.folder):
            os.chdir(job.folder)  # so that relative paths are the driver's
        settings: Settings = make_settings(job.settings)
        plugin: Plugin = Plugins().load(settings.plugin)
        self.model: Model = open_model(plugin, settings)
        with isolated_model(plugin, plugin.spec(settings.model)):
            self.model.load()
            self.facts = dict(self.model.facts)
        self._size = job.size
        self._timeout = settings.timeout
        self._asker = make_asker(self.model)
        self._policy = make_policy(settings.image_set, seconds=settings.timeout, seed=settings.seed)
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
        if isinstance(self.model, StreamingModel):
            return stream(self.model, requests, window=self._size, timeout=self._timeout)
        return respond(self._asker, requests, batch_size=self._size, timeout=self._timeout)


def _counts(model: Model) -> dict[str, Any]:
    try:
        return dict(model.counts)
    except Exception:  # an edge of isolation: one plugin's own code; counts are no answers
        return {}


def _fault(error: BaseException, name: str) -> Fault:
    kind = "usage" if isinstance(error, UsageError) else "engine"
    own = isinstance(error, MubenchError)
    text = describe(error) if own else f"{type(error).__name__}: {describe(error)}"
    return Fault(kind, encodable(f"Worker {name}: {text}"))  # type: ignore[arg-type]
