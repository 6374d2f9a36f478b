"""Requests as plain data for a vLLM engine, which may run in another process. No vLLM here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mubench_gen.engines.conversation import conversation, images_of, plain
from mubench_gen.errors import ItemError
from mubench_gen.model import Checkpoint
from mubench_gen.types import Image, Readout, Request, Sampling

if TYPE_CHECKING:
    from PIL import Image as PillowImage


@dataclass(frozen=True, slots=True)
class Shown:
    """An image as the engine gets it: pixels, under an id that stands for them in its caches."""

    id: str
    pixels: PillowImage.Image | None


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `turns` are messages as chat templates read them, images as {"type": "image"};
    `image` is the one picture that they show, None where they show none."""

    turns: tuple[dict[str, Any], ...]
    readout: Readout
    labels: tuple[str, ...]
    sampling: Sampling
    image: Shown | None = None

    def chat(self) -> list[dict[str, Any]]:
        """The messages as vLLM's `LLM.chat` takes them."""
        return [
            {**turn, "content": [self._part(p) for p in turn["content"]]} for turn in self.turns
        ]

    def _part(self, part: dict[str, Any]) -> dict[str, Any]:
        if part["type"] != "image":
            return part
        assert self.image is not None
        return {"type": "image_pil", "image_pil": self.image.pixels, "uuid": self.image.id}


class Asks:
    """Makes asks of the requests for one checkpoint.

    `preparation` is what is done to an image between its pixels and the model, beside what
    the checkpoint's own files say: it is part of each image's id, which vLLM trusts.
    """

    def __init__(self, checkpoint: Checkpoint, preparation: Mapping[str, Any]) -> None:
        self._checkpoint = checkpoint
        self._preparation = repr(sorted(preparation.items())).encode()
        self._last: tuple[Image, Shown] | None = None

    def make(self, request: Request) -> Ask:
        """Raises ItemError for more than one image, ImageError for one that can't be decoded."""
        images = images_of(request)
        if len(images) > 1:
            raise ItemError(f"A request with {len(images)} images: this engine shows one at most.")
        turns = plain(conversation(request.messages, self._checkpoint), {"type": "image"})
        return Ask(
            turns=tuple(turns),
            readout=request.readout,
            labels=request.labels,
            sampling=request.sampling,
            image=self._shown(images[0]) if images else None,
        )

    def _shown(self, image: Image) -> Shown:
        """The image under its id; requests about one image follow each other."""
        if self._last is None or self._last[0] is not image:
            self._last = (image, Shown(self._id(image), image.pixels()))
        return self._last[1]

    def _id(self, image: Image) -> str:
        """Digests the file's bytes, the pixels that the policy made of them, and what follows."""
        pixels = image.pixels()
        digest = hashlib.sha256(image.sha256.encode())
        digest.update(f"\0{pixels.mode} {pixels.size}\0".encode())
        digest.update(pixels.tobytes())
        digest.update(b"\0" + self._preparation)
        return digest.hexdigest()
