"""A deterministic model without weights, for tests, docs and dry runs.

It picks an option by a hash of the image and the text: stable, and right as often as
chance. Its options make it slow, wordy or faulty on purpose.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

import mubench_gen
from mubench_gen import ModelSpec, Reply, Request


class Echo(mubench_gen.GenerativeModel):
    """Answers by a hash of what it is shown."""

    batch_size = 256
    reads_pixels = False

    class Options(mubench_gen.Options):
        """What the reply looks like, and which faults it has."""

        style: Literal["label", "sentence", "option"] = Field(
            "label", description="label: B · sentence: The answer is B. · option: all the text"
        )
        delay: float = Field(0.0, ge=0, description="seconds that each request takes")
        fail: float = Field(0.0, ge=0, le=1, description="share of requests that raise an error")

    def generate(self, requests: Sequence[Request]) -> Sequence[Reply | str]:
        time.sleep(self.options.delay * len(requests))
        return [self._reply(request) for request in requests]

    def label_logprobs(self, requests: Sequence[Request]) -> Sequence[Sequence[float]]:
        return [
            [-1.0 - ((draw(request) + i) % len(request.labels)) for i in range(len(request.labels))]
            for request in requests
        ]

    def _reply(self, request: Request) -> Reply:
        number = draw(request)
        if number / 2**32 < self.options.fail:
            raise ValueError("echo was told to fail")
        labels = request.labels or tuple(map(str, range(1, 101)))  # no options: it is a number
        label = labels[number % len(labels)]
        texts = {"label": label, "sentence": f"The answer is {label}.", "option": request.text}
        return Reply(texts[self.options.style], finish_reason="stop")


def draw(request: Request) -> int:
    """32 bits from the images' digests and the text."""
    images = " ".join(image.sha256 for image in request.images)
    return int.from_bytes(hashlib.sha256(f"{images}\0{request.text}".encode()).digest()[:4], "big")


@mubench_gen.hookimpl
def mubench_gen_models() -> list[ModelSpec]:
    words = "picks an option by a hash; no weights"
    return [ModelSpec("echo", Echo, description=words, max_images=None)]
