"""`open_model`: a model of any plugin as a handle, for plugins that hold other models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from mubench_gen.console.secrets import without_secrets
from mubench_gen.errors import PluginError, UsageError
from mubench_gen.host.serving import make_room
from mubench_gen.model import (
    Checkpoint,
    ContrastiveModel,
    GenerativeModel,
    ModelSpec,
    Scoring,
    StreamingModel,
)
from mubench_gen.plan.fingerprint import digest_model, isolated_model
from mubench_gen.plan.opening import MAKING, made, secret_options, spec_of
from mubench_gen.plan.settings import Settings, make_settings
from mubench_gen.plan.thinking import heeds_thinking
from mubench_gen.plugins.registry import Plugin, Plugins
from mubench_gen.types import Image, Kind, Readout, Reply, Request

if TYPE_CHECKING:
    import numpy as np


def open_model(
    plugin: str,
    model: str | None = None,
    options: Mapping[str, str] | None = None,
    *,
    engine: str | None = None,
    device: str | None = None,
    dtype: str | None = None,
    revision: str | None = None,
    thinking: str | None = None,
) -> OpenedModel:
    """A model of a plugin, as `--plugin`, `--model`, `-o` and `--engine` name it; not loaded yet.

    A plugin's model that holds others opens them in its `__init__`: device, precision, seed and
    time-out are then those of the run, and each member's weights and options are part of the run's
    keys and its manifest. `thinking`, as in `--thinking`, is by default the run's for members that
    heed it. Raises UsageError for what such a command would refuse.
    """
    making = MAKING.get()
    inherited = making.inherited if making is not None else {}
    given = {"device": device, "dtype": dtype, "revision": revision, "engine": engine,
             "thinking": thinking}  # fmt: skip
    settings = make_settings(
        {
            "plugin": plugin,
            "model": model,
            "options": dict(options or {}),
            **inherited,
            **{name: value for name, value in given.items() if value is not None},
        }
    )
    entry_points = making.entry_points if making is not None else None
    images = making.images if making is not None else 1
    loaded = Plugins(entry_points).load(plugin)
    spec = spec_of(loaded, settings)
    if making is not None and settings.thinking is None and heeds_thinking(spec):
        settings = settings.model_copy(update={"thinking": making.thinking})
    opened = OpenedModel(loaded, spec, settings, images, entry_points)
    if making is not None:
        making.members.append(opened)
    return opened


class OpenedModel:
    """A model that another one asks: loaded before it, or else when it is first asked.

    `kind` is "generative" or "contrastive", `readouts` what it offers. What its own code raises is
    raised here: an `ItemError` is one request's, an `EngineFault` or `UsageError` the run's.
    """

    def __init__(
        self,
        plugin: Plugin,
        spec: ModelSpec,
        settings: Settings,
        images: int,
        entry_points: Iterable[Any] | None,
    ) -> None:
        self._plugin = plugin
        self._settings = settings
        self._spec = spec
        self._engine, self._model = made(plugin, spec, settings, images, entry_points)
        self._is_loaded = False

    @property
    def name(self) -> str:
        """The plugin and the model: "tiny/llava"."""
        return f"{self._plugin.name}/{self._spec.name}"

    @property
    def kind(self) -> Kind:
        """Whether it is generative or contrastive."""
        return self._spec.kind

    @property
    def thinking(self) -> str | None:
        """Whether it is told to think: "on", "off" or a number of tokens; None if it is not."""
        return self._settings.thinking

    @property
    def readouts(self) -> tuple[Readout, ...]:
        """The read-outs that it supports, its default first."""
        return self._model.readouts

    @property
    def max_images(self) -> int | None:
        """How many images a question to it may show; None for any number."""
        return self._spec.max_images

    def make_room(self, images: int) -> None:
        """Expect so many images a request: called before a run."""
        if make_room(self._model, images):
            self.close()

    def load(self) -> None:
        """Load it now, if it is not loaded."""
        if not self._is_loaded:
            with isolated_model(self._plugin, self._spec):
                self._model.load()
            self._is_loaded = True

    def close(self) -> None:
        """Free what it took; it can be loaded again."""
        if self._is_loaded:
            self._is_loaded = False
            self._model.close()

    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """One reply per request, in their order."""
        replies = self._generative(requests).generate(requests)
        return [Reply(reply) if isinstance(reply, str) else reply for reply in replies]

    def submit(self, request: Request) -> Future[Reply | str | Sequence[float]]:
        """Ask one request without waiting, where the model streams; else a finished future."""
        model = self._generative([request])
        if isinstance(model, StreamingModel):
            return model.submit(request)
        future: Future[Any] = Future()
        methods = {"logprob": model.label_logprobs, "cloze": model.option_logprobs}
        try:
            (answer,) = methods.get(request.readout, model.generate)([request])
            future.set_result(answer)
        except Exception as error:  # goes to whoever asked
            future.set_exception(error)
        return future

    def label_logprobs(self, requests: Sequence[Request]) -> Sequence[Sequence[float]]:
        """For each request one log-probability per label: shape (len(requests), labels)."""
        return self._generative(requests).label_logprobs(requests)

    def option_logprobs(self, requests: Sequence[Request]) -> Sequence[Sequence[tuple[float, int]]]:
        """For each request (log-probability, tokens) of each of its `texts`."""
        return self._generative(requests).option_logprobs(requests)

    def embed_images(self, images: Sequence[Image]) -> np.ndarray[Any, Any]:
        """Embeddings of the images, shape (len(images), width), as the model gives them."""
        return self._contrastive().embed_images(images)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        """Embeddings of the texts, shape (len(texts), width), as the model gives them."""
        return self._contrastive().embed_texts(texts)

    @property
    def scoring(self) -> Scoring | None:
        """How the cosines of a contrastive model become probabilities, if that is known."""
        return self._contrastive().scoring

    def identity(self) -> dict[str, Any]:
        """What its answers depend on, for the keys and the manifest of the run: no secret."""
        settings = self._settings
        weights = digest_model(
            self._plugin, self._spec, self._engine, self._model,
            settings.revision, settings.model_options,
        )  # fmt: skip
        secret = secret_options(self._spec)
        return {
            "plugin": self._plugin.name,
            "version": self._plugin.version,
            "model": self._spec.name,
            "revision": settings.revision,
            "engine": self._engine if isinstance(self._spec.source, Checkpoint) else None,
            "dtype": settings.dtype,
            **({"thinking": settings.thinking} if settings.thinking else {}),
            "options": without_secrets(settings.model_options, secret),
            "weights": weights.weights,
            "settings": weights.settings,
            "files": dict(weights.files),
            "members": list(weights.members),
        }

    def _generative(self, requests: Sequence[Request]) -> GenerativeModel:
        self.load()
        most, limit = max((len(r.images) for r in requests), default=0), self.max_images
        if limit is not None and most > limit:
            raise UsageError(
                f"{self.name} takes {limit} image{'s' * (limit != 1)} a question, and is asked "
                f"about {most}: the model that opened it may declare no larger max_images."
            )
        if not isinstance(self._model, GenerativeModel):
            raise PluginError(f"{self.name} is a contrastive model: embed_images, embed_texts.")
        return self._model

    def _contrastive(self) -> ContrastiveModel:
        self.load()
        if not isinstance(self._model, ContrastiveModel):
            raise PluginError(f"{self.name} is a generative model: generate, label_logprobs.")
        return self._model
