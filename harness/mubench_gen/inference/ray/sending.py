"""Requests and answers as sent over the network: plain data, images by reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.types import Image, Message, Readout, Request, Response, Sampling, Text


@dataclass(frozen=True, slots=True)
class SentImage:
    """An image by its digest; the bytes of its file are sent once, apart.

    `transformed` False: the image is shown without the run's transform.
    """

    name: str
    sha256: str
    transformed: bool = False


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request with digests in place of images."""

    key: str
    messages: tuple[tuple[str, tuple[str | SentImage, ...]], ...]
    labels: tuple[str, ...]
    readout: Readout
    sampling: Sampling
    image: SentImage | None
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """Requests that one worker answers together; `images` are references by digest."""

    requests: Sequence[SentRequest]
    images: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a worker cannot continue."""

    kind: Literal["usage", "engine"]
    message: str


@dataclass(frozen=True, slots=True)
class WorkerAnswers:
    """What a worker sends back: responses by key, and what it knows of itself.

    `facts` are the model's, `counts` its counts since it was loaded. If it is not `whole`, all
    responses of the bundle follow later, including these.
    """

    worker: str
    node: str
    responses: Sequence[tuple[str, Response]] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)
    fault: Fault | None = None
    whole: bool = True


def pack(request: Request) -> SentRequest:
    """The request without its images' bytes. May raise ImageError."""
    return SentRequest(
        key=request.key,
        messages=tuple(
            (m.role, tuple(p.text if isinstance(p, Text) else _mark(p) for p in m.content))
            for m in request.messages
        ),
        labels=request.labels,
        readout=request.readout,
        sampling=request.sampling,
        image=None if request.image is None else _mark(request.image),
        texts=request.texts,
    )


def images_of(request: Request) -> list[Image]:
    """All images of the request, each once."""
    parts = [part for m in request.messages for part in m.content if isinstance(part, Image)]
    if request.image is not None:
        parts.append(request.image)
    return list({id(part): part for part in parts}.values())


def unpack(sent: SentRequest, image: Callable[[SentImage], Image]) -> Request:
    """The request again, with the images that `image` gives."""
    messages = []
    for role, content in sent.messages:
        parts = tuple(Text(p) if isinstance(p, str) else image(p) for p in content)
        messages.append(replace(_EMPTY, role=role, content=parts))  # type: ignore[arg-type]
    return Request(
        key=sent.key,
        messages=tuple(messages),
        labels=sent.labels,
        readout=sent.readout,
        sampling=sent.sampling,
        image=None if sent.image is None else image(sent.image),
        texts=sent.texts,
    )


def received_image(sent: SentImage, content: bytes, policy: StandardPolicy) -> Image:
    """The image of these bytes, decoded by the run's policy."""
    own = policy if sent.transformed else policy.untransformed()
    return open_image(sent.name, lambda: content, own)


def _mark(image: Image) -> SentImage:
    return SentImage(image.name, image.sha256, image.is_transformed)


_EMPTY = Message("user", ())
