"""Estimates how much will be asked before the first request, and limits the requests."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from mubench_gen.console.progress import log
from mubench_gen.errors import LimitReached
from mubench_gen.types import Request

_LOOKED_AT = 32  # requests from which the estimate is made
_LETTERS_A_TOKEN = 4
_BESIDE = 0.1  # of a limit may be requests that are not the run's own


class Allowance:
    """Passes on at most `most` requests (all if None)."""

    def __init__(self, requests: Iterator[Request | None], most: int | None) -> None:
        self._requests = requests
        self._limit = self._most = most
        self._sent = 0
        self._stopped = False

    def __iter__(self) -> Iterator[Request | None]:
        return self

    def __next__(self) -> Request | None:
        request = next(self._requests)
        if request is None:
            return None
        if self._most is not None and self._sent >= self._most:
            self._stopped, self._requests = True, iter(())
            raise StopIteration
        self._sent += 1
        return request

    def has_room(self, requests: int) -> bool:
        """Whether so many requests beside the run's own are few; if so, the limit counts them."""
        if self._most is None:
            return True
        if requests > _BESIDE * (self._most - self._sent):
            return False
        self._most -= requests
        return True

    def check(self) -> None:
        """Raise LimitReached if the limit stopped the run."""
        if self._stopped:
            raise LimitReached(
                f"Stopped at --max-requests {self._limit}. The same command goes on from here, "
                "with the same limit again."
            )


def announced(requests: Iterator[Request | None], most: int) -> Iterator[Request | None]:
    """The same requests, after a line that says how much is about to be asked.

    `most` is the number of items left, an upper bound because equal requests are sent once.
    Tokens of text are estimated from the first requests; tokens of images are not counted.
    """
    first = list(islice(requests, _LOOKED_AT))
    asked = [request for request in first if request is not None]
    if asked:
        letters = sum(len(request.text) for request in asked) / len(asked)
        written = [
            r.sampling.max_tokens if r.readout not in ("logprob", "cloze") else 1 for r in asked
        ]
        most_images = max(len(request.images) for request in asked)
        images = (
            ("", ", an image in each")[most_images]
            if most_images < 2
            else (f", up to {most_images} images in each")
        )
        log(
            f"To ask: at most {most:,} requests{images}, about "
            f"{most * letters / _LETTERS_A_TOKEN:,.0f} tokens of text in, at most "
            f"{most * sum(written) / len(written):,.0f} tokens out (--max-requests sets a limit)."
        )
    return chain(first, requests)
