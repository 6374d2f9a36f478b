"""The pictures of requests, decoded in threads before a model needs them."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from typing import Any

from mubench_gen.images.appearance import is_nearly_constant
from mubench_gen.types import Image, Request, Response


class Decoding:
    """Decodes images in threads, each once."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._begun: dict[int, Future[Any]] = {}

    def begin(self, image: Image) -> None:
        if self._pool is None:
            threads = max(1, min(4, (os.cpu_count() or 2) - 1))
            self._pool = ThreadPoolExecutor(threads, "mubench-gen images")
        with self._lock:
            if id(image) not in self._begun:
                self._begun[id(image)] = self._pool.submit(image.pixels)

    def end(self, image: Image) -> bool:
        """Wait for an image that was begun; returns whether it was. May raise ImageError."""
        with self._lock:
            begun = self._begun.pop(id(image), None)
        if begun is not None:
            begun.result()
        return begun is not None

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def with_appearance(request: Request, response: Response) -> Response:
    """The response, with what the pictures look like where the model had them decoded."""
    if not request.images or not all(image.is_decoded for image in request.images):
        return response
    return replace(response, nearly_constant=_are_constant(request.images))


@lru_cache(maxsize=2)  # requests about the same images follow each other
def _are_constant(images: tuple[Image, ...]) -> bool:
    """Whether one of them is."""
    return any(is_nearly_constant(image.pixels()) for image in images)
