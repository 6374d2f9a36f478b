"""What a model plugin implements: one hook and one small class.

A plugin is a module with the hook `mubench_gen_models`, which lists the plugin's models,
the default first. A model is either a class (`GenerativeModel`, `ContrastiveModel`) or a
`Checkpoint`, which an engine opens. All of it is public API, re-exported by `mubench_gen`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import pluggy
from pydantic import BaseModel, ConfigDict

from mubench_gen.errors import ReplyError
from mubench_gen.types import Checkpoint as Checkpoint  # plugins import it from here
from mubench_gen.types import Image, Kind, Readout, Reply, Request

if TYPE_CHECKING:
    import numpy as np

hookspec = pluggy.HookspecMarker("mubench_gen")
hookimpl = pluggy.HookimplMarker("mubench_gen")


class Options(BaseModel):
    """The options of a plugin's model (`-o key=value`). Subclass it with typed fields.

    Every field has a default and a `Field(description=…)`; unknown names and bad values
    are refused by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a run tells its model.

    `model` is the id asked for; `device` ("cpu", "cuda", "mps", "auto"), `dtype`
    ("auto", "float32", "bfloat16", "float16") and `revision` are the user's wishes;
    `batch_size` is what `generate` gets at most; `engine_options` are `-o engine.k=v`;
    `base_urls` are the servers to ask (`--base-url`); `timeout` is the seconds that one
    request may take; `deterministic` asks for all that an engine offers to give the same
    reply every time, at the price of speed; `images` is how many a request shows at most, its
    worked examples' among them: of several images a question it is known when `load` is called;
    `thinking` is "on", "off" or a number of tokens ("2048"), None where the user asks for neither.
    """

    model: str
    device: str = "auto"
    dtype: str = "auto"
    revision: str | None = None
    trust_remote_code: bool = False
    seed: int = 0
    batch_size: int | None = None
    engine_options: Mapping[str, str] = field(default_factory=dict)
    base_urls: tuple[str, ...] = ()
    timeout: float = 600.0
    deterministic: bool = False
    images: int = 1
    thinking: str | None = None


class Member(Protocol):
    """A model that another one holds; `mubench_gen.open_model` gives one."""

    def load(self) -> None:
        """Load it, if it is not loaded."""

    def close(self) -> None:
        """Free what it took."""

    def identity(self) -> Mapping[str, Any]:
        """What its answers depend on: part of the run's keys and manifest, and no secret."""


class Model:
    """What generative and contrastive models share.

    `load` is called once, before the first batch: import what is heavy there. `close`
    frees what `load` took. `members` are the models that it opened by `open_model` in
    `__init__`; the harness loads them before it, and closes them after it. `batch_size` is how
    many requests a call gets when the user asks for nothing else. `reads_pixels` is False for
    a model that never looks at the image: it is then checked, but not decoded.
    """

    kind: ClassVar[Kind]
    Options: ClassVar[type[Options]] = Options
    batch_size: int = 16
    reads_pixels: bool = True
    members: Sequence[Member] = ()

    def __init__(self, options: BaseModel | None = None, runtime: Runtime | None = None) -> None:
        self.options: Any = options if options is not None else type(self).Options()
        self.runtime = runtime if runtime is not None else Runtime(model="")

    def load(self) -> None:
        """Get ready for the first batch. May raise UsageError with what to do."""

    def close(self) -> None:
        """Free what `load` took."""

    @property
    def readouts(self) -> tuple[Readout, ...]:
        """The read-outs that this model supports, the default first."""
        raise NotImplementedError

    def weights_digest(self) -> str | None:
        """A digest of the weights, for a class that reads files that the user names.

        Called before any request is made. None: the plugin's code alone makes the model.
        """
        return None

    @property
    def facts(self) -> Mapping[str, Any]:
        """For the manifest, after `load`: weights_sha256, revision, dtype, device, versions."""
        return {}

    @property
    def counts(self) -> Mapping[str, Any]:
        """Counts for the manifest, since `load`, when the run ends (cache hits, retries)."""
        return {}


class GenerativeModel(Model):
    """Messages with an image in, text out. Implement `generate`.

    `takes_thinking`: whether the class does as `runtime.thinking` says. `--thinking` is refused
    where it does not.
    """

    kind = "generative"
    takes_thinking: ClassVar[bool] = False

    @property
    def readouts(self) -> tuple[Readout, ...]:
        found: list[Readout] = ["parse"]
        if type(self).label_logprobs is not GenerativeModel.label_logprobs:
            found.append("logprob")
        if type(self).option_logprobs is not GenerativeModel.option_logprobs:
            found.append("cloze")
        return tuple(found)

    def generate(self, requests: Sequence[Request]) -> Sequence[Reply | str]:
        """One reply per request, in the order of the requests, without the prompt."""
        raise NotImplementedError

    def label_logprobs(self, requests: Sequence[Request]) -> Sequence[Sequence[float]]:
        """For each request one log-probability per label, as the first text of the reply.

        Optional. Normalised over the vocabulary, so that they sum to at most 1 when
        exponentiated; shape (len(requests), len(request.labels)).
        """
        raise NotImplementedError

    def option_logprobs(self, requests: Sequence[Request]) -> Sequence[Sequence[tuple[float, int]]]:
        """For each request, for each of its `texts` (the options' own) the log-probability of that
        text as the whole beginning of the reply, summed over its tokens, and their number.

        Optional: offers the read-out `cloze`. Shape (len(requests), len(request.texts)) of pairs.
        """
        raise NotImplementedError


class StreamingModel(GenerativeModel):
    """A generative model that is given requests one by one, and answers in its own order.

    For engines that batch by themselves and for servers. Implement `submit`; `window` is how
    many requests may be under way at once, so that memory doesn't grow with the data.
    """

    window: int = 64
    announces: bool = False  # whether requests and tokens are estimated before the first is sent
    keeps_time: bool = False  # whether it ends by itself what takes longer than runtime.timeout

    @property
    def readouts(self) -> tuple[Readout, ...]:
        return ("parse",)

    def submit(self, request: Request) -> Future[Reply | str | Sequence[float]]:
        """Ask one request without waiting for the answer. Called from one thread.

        The future holds a reply, or for the read-out `logprob` one log-probability per label (for
        `cloze`, where it is offered, what `option_logprobs` gives for a request), or the request's
        own error; an `EngineFault` or `UsageError` in it ends the run. It is cancelled when its
        time is over: work on it may then stop. An image's pixels are decoded before, where
        `reads_pixels` is true.
        """
        raise NotImplementedError

    def generate(self, requests: Sequence[Request]) -> Sequence[Reply | str]:
        return [_text(future.result()) for future in [self.submit(r) for r in requests]]

    def label_logprobs(self, requests: Sequence[Request]) -> Sequence[Sequence[float]]:
        return [_scores(future.result()) for future in [self.submit(r) for r in requests]]

    def option_logprobs(self, requests: Sequence[Request]) -> Sequence[Sequence[tuple[float, int]]]:
        return [_scores(future.result()) for future in [self.submit(r) for r in requests]]


def _text(answer: Reply | str | Sequence[float]) -> Reply | str:
    assert isinstance(answer, (Reply, str))
    return answer


def _scores(answer: Any) -> Any:
    if isinstance(answer, (Reply, str)):
        raise ReplyError("the model gave a reply and no scores")
    return answer


@dataclass(frozen=True, slots=True)
class Scoring:
    """How a contrastive model's cosines become probabilities, as it was trained.

    `softmax`: over the options, of scale · cosine. `sigmoid`: of scale · cosine + bias, each
    option by itself (SigLIP).
    """

    kind: Literal["softmax", "sigmoid"]
    scale: float
    bias: float = 0.0


@dataclass(frozen=True, slots=True)
class ReadText:
    """How much of a text a model reads: its number of `tokens`, the `ids` of those read."""

    tokens: int
    ids: tuple[int, ...]

    @property
    def cut(self) -> bool:
        """Whether the model reads less than all of it."""
        return self.tokens > len(self.ids)


class ContrastiveModel(Model):
    """Images and texts in, embeddings out. Implement `embed_images` and `embed_texts`.

    Embeddings are arrays of shape (n, width); they need not be normalised. A row that is not
    finite is the error of the items that need it. `batch_size` counts images here.
    """

    kind = "contrastive"

    @property
    def readouts(self) -> tuple[Readout, ...]:
        return ("similarity",)

    def embed_images(self, images: Sequence[Image]) -> np.ndarray[Any, Any]:
        """Embeddings of the images, shape (len(images), width)."""
        raise NotImplementedError

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        """Embeddings of the texts, shape (len(texts), width)."""
        raise NotImplementedError

    @property
    def scoring(self) -> Scoring | None:
        """How cosines become probabilities, after `load`; None where that is not known."""
        return None

    def read_texts(self, texts: Sequence[str]) -> Sequence[ReadText] | None:
        """How much of each text the model reads, to find truncated ones; None: not known."""
        return None


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of a plugin: its name for `--model`, and what makes it.

    `source` is a Model subclass or a Checkpoint. `any_id`: `--model` also takes other ids
    (or local folders) of the same architecture, which replace the checkpoint's path; a
    class finds them in `runtime.model`. `max_images`: how many images a question may show at
    most, None for any number; with 1 a class may read `request.image` alone. Questions with more
    are refused before anything is asked. A contrastive model embeds each image by itself, and
    takes any number.
    `facts` (family, domain, base, licence, …) are for reports. `model_types`: the families of
    checkpoints that the plugin is for, by the `model_type` of their configuration ("qwen2_vl"), or
    with that of their vision tower ("llava/pixtral"): `eval --model ID` without --plugin takes it.
    """

    name: str
    source: type[Model] | Checkpoint
    description: str = ""
    any_id: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)
    max_images: int | None = 1
    model_types: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """Generative or contrastive, as its source is; generative while that is not found yet."""
        return "generative" if self.source.kind == "auto" else self.source.kind
