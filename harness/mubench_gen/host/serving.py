"""A model where it runs: opened, loaded and asked, in a host's process or in this one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from mubench_gen.engines.kept_base import free_base, keeping_bases
from mubench_gen.errors import (
    EngineFault,
    ImageError,
    PluginError,
    ReplyError,
    RunFolderError,
    UsageError,
    failure,
)
from mubench_gen.host.card import ModelCard, plain_spec
from mubench_gen.host.contrastive import Similarities
from mubench_gen.host.decoding import Decoding, with_appearance
from mubench_gen.host.embeddings import EmbeddingStore
from mubench_gen.host.events import Answered, Broken, Event, Failed, GivenUp
from mubench_gen.host.generative import Replies, from_answer
from mubench_gen.host.hardware import hardware
from mubench_gen.host.setup import HostSetup
from mubench_gen.images.microscope import lift_limit
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.images.transform import read_transform
from mubench_gen.model import ContrastiveModel, Model, ModelSpec, Runtime
from mubench_gen.plugins.isolation import of_a_signal
from mubench_gen.plugins.registry import Plugins
from mubench_gen.types import Failure, Image, Request, Response


@dataclass(frozen=True, slots=True)
class RunSetup:
    """What one run tells the model before it asks.

    `policy`: how images are decoded, without the `transform` of `--image-set`, which is opened
    where the model runs, and must have that `transform_identity`. `alpha`: where a sweep moves
    the weights. `images`: how many a request shows at most.
    """

    policy: StandardPolicy
    transform: str | None = None
    transform_identity: Mapping[str, Any] | None = None
    seed: int = 0
    alpha: Any = None
    images: int = 0

    def whole_policy(self) -> StandardPolicy:
        lift_limit(self.policy)
        if self.transform is None:
            return self.policy
        chosen = read_transform(self.transform, Plugins(), seed=self.seed)
        now = None if chosen is None else chosen.identity()
        if now != self.transform_identity:
            raise RunFolderError(
                f"The transform {self.transform} was changed while the run went on. What is "
                "finished is kept: put its code and its files back as they were and type the same "
                "command again, or give --fresh (or another --run-dir) for a run of its own."
            )
        return replace(self.policy, transform=chosen)


@dataclass(slots=True)
class Opened:
    """A model that is opened: its card, and what can be done with it.

    `isolated` turns what the model's own code raises into a PluginError. `digest` gives what of
    the model stands in every key. `spec` finds another model of the plugin. `move` takes the
    α of a sweep, which `load` then applies.
    """

    card: ModelCard
    model: Model
    isolated: Callable[[], AbstractContextManager[None]]
    digest: Callable[[], Any]
    spec: Callable[[str | None], ModelSpec]
    move: Callable[[Any], None] | None = None
    loaded: bool = field(default=False, init=False)


class Asker(Protocol):
    """A batch model as it is asked."""

    def needs_pixels(self, image: Image) -> bool: ...

    def ask(self, requests: Sequence[Request]) -> list[Response]: ...


def make_asker(model: Model, *, store: EmbeddingStore | None = None) -> Asker:
    """The asker for a model of its family; `store` keeps embeddings of a contrastive one."""
    if isinstance(model, ContrastiveModel):
        return Similarities(model, store)
    return Replies(model)  # type: ignore[arg-type]


class Serving:
    """Answers batches, or streams requests; `emit` gets the events, from any thread."""

    def __init__(self, opened: Opened, emit: Callable[[Event], None]) -> None:
        self._opened = opened
        self._emit = emit
        self._asker: Asker | None = None
        self._streams = opened.card.streams
        self._under_way: dict[int, Future[Any]] = {}
        self._decoding = Decoding()
        self.policy = StandardPolicy()  # until a run says its own

    def call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """Do one of the operations below, and return plain data."""
        operations: dict[str, Callable[..., Any]] = {
            "card": lambda: self._opened.card,
            "digest": self._opened.digest,
            "spec": lambda model: plain_spec(self._opened.spec(model)),
            "devices": self._devices,
            "load": self._load,
            "keep": self._keep,
            "counts": self._counts,
            "become": self._become,
        }
        return operations[name](*arguments)

    def _become(self, setup: HostSetup) -> None:
        """Open another model here, which may take over what this one's adapter was added to."""
        with keeping_bases():
            self.close_model()
        self._opened = setup.open()
        self._asker, self._streams = None, self._opened.card.streams

    def _devices(self) -> list[list[str]]:
        """The GPUs of each host, by their names in CUDA_VISIBLE_DEVICES; empty without any."""
        with self._opened.isolated():
            return [list(names) for names in self._opened.model.devices()]  # type: ignore[attr-defined]

    def _load(self, run: RunSetup) -> dict[str, Any]:
        """Load the model for a run; returns its facts, and the hardware as seen from here."""
        opened, model = self._opened, self._opened.model
        self.policy = run.whole_policy()
        with opened.isolated():
            if make_room(opened.model, run.images) and opened.loaded:
                model.close()
                opened.loaded = False
            if opened.move is not None:
                opened.move(run.alpha)
            if opened.move is not None or not opened.loaded:
                for member in model.members:
                    member.load()
                model.load()
            opened.loaded = True
            facts = dict(model.facts)
        self._asker = make_asker(model) if not self._streams else None
        return {"facts": as_plain(facts), "hardware": hardware()}

    def _keep(self, folder: Path) -> None:
        """Keep embeddings of images in that folder from now on."""
        if isinstance(self._opened.model, ContrastiveModel):
            self._asker = make_asker(self._opened.model, store=EmbeddingStore(folder))

    def _counts(self) -> dict[str, Any]:
        """What was counted since the model was loaded; flushes embeddings."""
        noted: dict[str, Any] = {}
        if isinstance(self._asker, Similarities):
            self._asker.close()
            noted["encoded"] = self._asker.counts
        with self._opened.isolated():
            counts = dict(self._opened.model.counts)
        return as_plain({**noted, **({"counts": counts} if counts else {})})

    def close(self) -> None:
        """Let the model free what it took. May raise whatever it raises."""
        self._decoding.close()
        try:
            self.close_model()
        finally:
            free_base()

    def close_model(self) -> None:
        """Let the model free what it took, and those that it holds."""
        self._opened.model.close()
        for member in self._opened.model.members:
            member.close()

    def prepare(self, requests: Sequence[Request]) -> None:
        """Begin to decode the images of requests that will be asked."""
        for image in [image for request in requests for image in request.images]:
            if self._needs_pixels(image):
                self._decoding.begin(image)

    def ask(self, number: int, requests: Sequence[Request]) -> None:
        """Ask a batch, or begin to ask one request of a model that streams."""
        try:
            if self._streams:
                self._submit(number, requests[0])
            else:
                self._emit(Answered(number, self._answers(requests)))
        except (EngineFault, UsageError) as error:
            self._emit(Broken(error))
        except BaseException as error:  # an edge of isolation: one batch of one plugin
            if of_a_signal(error):
                raise
            self._emit(Failed(number, failure(error)))

    def give_up(self, number: int) -> None:
        """Cancel a request of a model that streams."""
        future = self._under_way.pop(number, None)
        if future is not None:
            future.cancel()
        self._emit(GivenUp(number))

    def _answers(self, requests: Sequence[Request]) -> list[Response]:
        assert self._asker is not None, "load comes first"
        faults = [self._look(request.images) for request in requests]
        sound = [r for r, fault in zip(requests, faults, strict=True) if fault is None]
        given = self._asker.ask(sound) if sound else ()
        answers = iter([with_appearance(*pair) for pair in zip(sound, given, strict=True)])
        return [next(answers) if fault is None else Response(error=fault) for fault in faults]

    def _submit(self, number: int, request: Request) -> None:
        fault = self._look(request.images)
        if fault is not None:
            self._emit(Answered(number, [Response(error=fault)]))
            return
        began = time.perf_counter()
        future = self._opened.model.submit(request)  # type: ignore[attr-defined]
        if not isinstance(future, Future):
            raise PluginError(
                f"{type(self._opened.model).__name__}.submit must return a "
                f"concurrent.futures.Future, found {future!r:.80}."
            )
        self._under_way[number] = future
        future.add_done_callback(lambda done: self._finish(number, request, began, done))

    def _finish(self, number: int, request: Request, began: float, done: Future[Any]) -> None:
        if self._under_way.pop(number, None) is None and done.cancelled():
            return  # it was given up
        seconds = round(time.perf_counter() - began, 6)
        error = (
            ReplyError("the model cancelled the request") if done.cancelled() else done.exception()
        )
        if isinstance(error, (EngineFault, UsageError)):
            self._emit(Broken(error))
        elif error is not None:
            response = Response(error=failure(error), seconds=seconds)
            self._emit(Answered(number, [response]))
        else:
            response = from_answer(done.result(), request, seconds)
            self._emit(Answered(number, [with_appearance(request, response)]))

    def _needs_pixels(self, image: Image) -> bool:
        if self._asker is None:
            return self._opened.model.reads_pixels
        return self._asker.needs_pixels(image)

    def _look(self, images: Sequence[Image]) -> Failure | None:
        """Decode the images, or check them where the model does not read pixels."""
        try:
            for image in images:
                if self._decoding.end(image):
                    continue
                if self._needs_pixels(image):
                    image.pixels()
                else:
                    image.verify()
        except ImageError as error:
            return failure(error)
        return None


def make_room(model: Model, images: int) -> bool:
    """Tell a model, and those that it holds, how many images a request shows; returns whether
    that is more than it was opened for. One that is loaded is to be loaded again then."""
    for member in getattr(model, "members", ()):
        member.make_room(images)
    runtime = getattr(model, "runtime", None)  # a plugin's class may not keep it
    if not isinstance(runtime, Runtime) or images <= runtime.images:
        return False
    model.runtime = replace(runtime, images=images)
    return True


def as_plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """What a model says of itself, as JSON has it: anything else becomes a text."""
    plain: dict[str, Any] = json.loads(json.dumps(value, default=str))
    return plain
