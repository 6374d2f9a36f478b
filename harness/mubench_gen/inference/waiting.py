"""Answers that wait for the disk: written soon, without a write for each."""

from __future__ import annotations

import math
import time

from mubench_gen.inference.batches import Answered
from mubench_gen.types import Request, Response

_BATCH = 32  # most answers that wait
_AGE = 0.25  # most seconds that one waits
_DEAR = 0.5  # seconds: an answer that took longer is written at once


class Waiting:
    """The answers that are `kept`; `due` is when they are to be passed on."""

    def __init__(self) -> None:
        self.kept: Answered = []
        self.due = math.inf

    def add(self, request: Request, response: Response) -> None:
        """Keep an answer."""
        self.kept.append((request, response))
        dear = (response.seconds or 0.0) >= _DEAR
        if dear or len(self.kept) >= _BATCH:
            self.due = 0.0
        elif len(self.kept) == 1:
            self.due = time.perf_counter() + _AGE

    def is_due(self) -> bool:
        """Whether they have waited for long enough."""
        return time.perf_counter() >= self.due

    def take(self) -> Answered:
        """All of them; none waits afterwards."""
        batch, self.kept = self.kept, []
        self.due = math.inf
        return batch
