"""Requests as plain data, for another process or another machine; images travel by digest.

Tuples and not dataclasses, because pickle reads and writes them several times faster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.types import Image, Message, PerLength, Pooling, Readout, Request, Sampling, Text


class SentImage(NamedTuple):
    """An image by its digest; the bytes of its file are sent once, apart.

    `transformed` False: the image is shown without the run's transform.
    """

    name: str
    sha256: str
    transformed: bool = False


class SentRequest(NamedTuple):
    """A request with digests in place of images."""

    key: str
    messages: tuple[tuple[str, tuple[str | SentImage, ...]], ...]
    labels: tuple[str, ...]
    readout: Readout
    sampling: tuple[float, int, int | None]
    images: tuple[SentImage, ...]
    texts: tuple[str, ...]
    pooling: Pooling
    per: PerLength


def pack(request: Request) -> SentRequest:
    """The request without its images' bytes. May raise ImageError."""
    sampling = request.sampling
    return SentRequest(
        request.key,
        tuple(
            (m.role, tuple(p.text if isinstance(p, Text) else _mark(p) for p in m.content))
            for m in request.messages
        ),
        request.labels,
        request.readout,
        (sampling.temperature, sampling.max_tokens, sampling.seed),
        tuple(map(_mark, request.images)),
        request.texts,
        request.pooling,
        request.per,
    )


def images_of(request: Request) -> list[Image]:
    """All images of the request, each once."""
    parts = [part for m in request.messages for part in m.content if isinstance(part, Image)]
    return list({id(part): part for part in (*parts, *request.images)}.values())


def unpack(sent: SentRequest, image: Callable[[SentImage], Image]) -> Request:
    """The request again, with the images that `image` gives."""
    messages = tuple(
        Message(role, tuple(Text(p) if isinstance(p, str) else image(p) for p in content))  # type: ignore[arg-type]
        for role, content in sent.messages
    )
    own, *others = map(image, sent.images) if sent.images else (None,)
    return Request(
        sent.key,
        messages,
        sent.labels,
        sent.readout,
        Sampling(*sent.sampling),
        own,
        sent.texts,
        tuple(others),
        sent.pooling,
        sent.per,
    )


def received_image(sent: SentImage, content: bytes, policy: StandardPolicy) -> Image:
    """The image of these bytes, decoded by the run's policy."""
    own = policy if sent.transformed else policy.untransformed()
    return open_image(sent.name, lambda: content, own)


def _mark(image: Image) -> SentImage:
    return SentImage(image.name, image.sha256, image.is_transformed)
