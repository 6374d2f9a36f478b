"""rendered prompt → request: messages of texts and images, and how a reply is drawn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

from mubench_gen.types.image import Image
from mubench_gen.types.literals import PerLength, Pooling, Readout
from mubench_gen.types.question import Sample


@dataclass(frozen=True, slots=True)
class Text:
    """A text part of a message."""

    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """A chat message: text and image parts in the order in which the model sees them."""

    role: Literal["system", "user", "assistant", "caption", "captions"]
    content: tuple[Text | Image, ...]


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A sample as one prompt style shows it, under one order of the options.

    `order[i]` is the original index of the option shown at place i; `options` and `gold`
    are as shown; `labels` are what a reply may name ("A", "b", "3", "iv"), bare.
    For a caption style, `messages` is one message of role "caption": the images, then one
    text an option; of role "captions" where such a text holds several captions, one a line.
    `pooling`: how the similarities of several images to a caption become one; `cloze`: by what
    length the log-probabilities of options' texts are divided.
    """

    sample: Sample
    prompt: str
    prompt_sha256: str
    messages: tuple[Message, ...]
    options: tuple[str, ...]
    labels: tuple[str, ...]
    order: tuple[int, ...]
    gold: int
    max_tokens: int
    box_format: str = ""  # the format that boxes are asked for in; empty: no boxes
    pooling: Pooling = "mean"
    cloze: PerLength = "tokens"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How text is drawn. Temperature 0 is greedy; `seed` is None then."""

    temperature: float
    max_tokens: int
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked. Plugins see this type.

    `key` is the content hash of all that determines the reply; two requests with one key
    are asked once. `texts` are the captions of a contrastive request, empty otherwise. `image` is
    the first image of the question and `more_images` are the others: a model is given several only
    where its `ModelSpec.max_images` allows them. `messages` say where each stands, and hold those
    of worked examples too. `pooling`: how a contrastive model's similarities of several images to
    a caption become one. For the read-out `cloze` `texts` are the options' own, and `per` says by
    what length their log-probabilities are divided.
    """

    key: str
    messages: tuple[Message, ...]
    labels: tuple[str, ...]
    readout: Readout
    sampling: Sampling
    image: Image | None = None
    texts: tuple[str, ...] = ()
    more_images: tuple[Image, ...] = ()
    pooling: Pooling = "mean"
    per: PerLength = "tokens"

    @property
    def images(self) -> tuple[Image, ...]:
        """All images of the question, in their order."""
        return () if self.image is None else (self.image, *self.more_images)

    def with_messages(self, *messages: Message) -> Request:
        """Another request of these messages, for a model that asks a member on the way.

        Its images are those of the messages; its key, and with it the seed of engines that draw,
        follows from this request's key and the messages.
        """
        parts = [part for message in messages for part in message.content]
        images = tuple(part for part in parts if isinstance(part, Image))
        digest = hashlib.sha256(self.key.encode())
        for message in messages:
            digest.update(f"\0{message.role}".encode())
            for part in message.content:
                said = part.identity if isinstance(part, Image) else part.text
                digest.update(b"\0" + said.encode("utf-8", "surrogatepass"))
        return replace(
            self,
            key=digest.hexdigest()[:32],
            messages=messages,
            image=images[0] if images else None,
            more_images=images[1:],
        )

    @property
    def text(self) -> str:
        """All the text of the request, message by message, for models without a chat."""
        return "\n".join(
            part.text for m in self.messages for part in m.content if isinstance(part, Text)
        )

    @property
    def captions(self) -> tuple[tuple[str, ...], ...]:
        """The captions of each option of a contrastive request: several of an ensemble."""
        if self.messages and self.messages[0].role == "captions":
            return tuple(tuple(text.split("\n")) for text in self.texts)
        return tuple((text,) for text in self.texts)
