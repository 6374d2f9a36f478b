"""Requests → batches that a host is asked together."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from mubench_gen.host.card import ModelCard
from mubench_gen.types import Request, Response

Answered = list[tuple[Request, Response]]
_QUESTIONS = 16  # an image, of a batch that is counted in images
_AT_ONCE = 0.05  # seconds that making a batch may take before others are looked after


class Batches:
    """The requests in batches of `size`; of a model that streams, one by one."""

    def __init__(self, card: ModelCard, requests: Iterator[Request | None], size: int) -> None:
        self._requests = requests
        contrastive = card.spec.kind == "contrastive"
        self._most = 1 if card.streams else size * _QUESTIONS if contrastive else size
        self._most_images = size if contrastive else sys.maxsize
        self._paused = self._ended = False
        self._batch: list[Request] = []
        self._images: set[int] = set()

    @property
    def is_begun(self) -> bool:
        """Whether a batch is made in part: the next call of `next` goes on with it."""
        return bool(self._batch)

    def next(self) -> list[Request] | None:
        """The next batch; None at the end, at a pause until it is resumed, and where making it
        takes long."""
        until = time.perf_counter() + _AT_ONCE
        while not (self._paused or self._ended or self._is_full):
            if self._batch and time.perf_counter() > until:
                return None
            self._add()
        batch, self._batch, self._images = self._batch, [], set()
        return batch or None

    @property
    def _is_full(self) -> bool:
        return len(self._batch) >= self._most or len(self._images) >= self._most_images

    def _add(self) -> None:
        for request in self._requests:
            if request is None:
                self._paused = True
            else:
                self._batch.append(request)
                self._images.update(map(id, request.images))
            return
        self._ended = True

    def resume(self) -> bool:
        """Go on after a pause; False at the end."""
        paused, self._paused = self._paused, False
        return paused
