"""Requests as plain data for a vLLM engine, which may run in another process. No vLLM here."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mubench_gen.engines.conversation import conversation, images_of, plain
from mubench_gen.errors import ReplyError
from mubench_gen.model import Checkpoint
from mubench_gen.parser.finish_reason import has_failed
from mubench_gen.types import Image, Readout, Request, Sampling

if TYPE_CHECKING:
    from PIL import Image as PillowImage

_RECENT = 16  # images whose ids are cached, because those of worked examples recur


@dataclass(frozen=True, slots=True)
class Shown:
    """An image for the engine: pixels, and an id that identifies them in its caches."""

    id: str
    pixels: PillowImage.Image | None


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `turns` are messages as chat templates read them, images as {"type": "image"};
    `images` are the pictures that they show, in order; `texts` the options' own, for `cloze`."""

    turns: tuple[dict[str, Any], ...]
    readout: Readout
    labels: tuple[str, ...]
    sampling: Sampling
    images: tuple[Shown, ...] = ()
    texts: tuple[str, ...] = ()

    def chat(self) -> list[dict[str, Any]]:
        """The messages as vLLM's `LLM.chat` takes them."""
        images = iter(self.images)
        return [
            {**turn, "content": [_part(part, images) for part in turn["content"]]}
            for turn in self.turns
        ]


def _part(part: dict[str, Any], images: Iterator[Shown]) -> dict[str, Any]:
    if part["type"] != "image":
        return part
    shown = next(images)
    return {"type": "image_pil", "image_pil": shown.pixels, "uuid": shown.id}


class Asks:
    """Converts requests to asks for one checkpoint.

    `preparation`: the processing of an image that the checkpoint's own files don't determine.
    It is part of each image's id, because vLLM's caches trust the id.
    """

    def __init__(self, checkpoint: Checkpoint, preparation: Mapping[str, Any]) -> None:
        self._checkpoint = checkpoint
        self._preparation = repr(sorted(preparation.items())).encode()
        self.images_first = False  # whether the engine's template puts images before all text
        self._recent: OrderedDict[int, tuple[Image, Shown]] = OrderedDict()

    def make(self, request: Request) -> Ask:
        """Raises ImageError for an image that can't be decoded."""
        turns = conversation(request.messages, self._checkpoint, images_first=self.images_first)
        return Ask(
            turns=tuple(plain(turns, {"type": "image"})),
            readout=request.readout,
            labels=request.labels,
            sampling=request.sampling,
            images=tuple(self._shown(image) for image in images_of(request)),
            texts=request.texts,
        )

    def _shown(self, image: Image) -> Shown:
        """The image with its id; requests about one image are consecutive."""
        known = self._recent.get(id(image))  # the reference to the image keeps its id unique
        if known is None:
            known = self._recent[id(image)] = (image, Shown(self._id(image), image.pixels()))
            if len(self._recent) > _RECENT:
                self._recent.popitem(last=False)
        return known[1]

    def _id(self, image: Image) -> str:
        """Digests the file's bytes, the pixels that the policy made of them, and what follows."""
        pixels = image.pixels()
        digest = hashlib.sha256(image.sha256.encode())
        digest.update(f"\0{pixels.mode} {pixels.size}\0".encode())
        digest.update(pixels.tobytes())
        digest.update(b"\0" + self._preparation)
        return digest.hexdigest()


def given_up(reason: str | None) -> ReplyError | None:
    """The error of a request that vLLM aborted, by the `reason` why it ended; None of others."""
    return ReplyError(f"vLLM gave the request up ({reason})") if has_failed(reason) else None
