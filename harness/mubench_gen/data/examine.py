"""Decodes the pictures of a data set in parallel, as a run would show them."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from mubench_gen.console.progress import bar
from mubench_gen.errors import ImageError, UsageError
from mubench_gen.images.appearance import Appearance, appearance, look_alike
from mubench_gen.types import Image

_WAITING = 4  # decoded or waiting pictures for each thread
_MOST_THREADS = 16


@dataclass(frozen=True, slots=True)
class Examined:
    """A picture, decoded: how it looks, and what was changed to show it; or why it cannot be.
    `found`: what the caller's own look at it gave."""

    where: str
    image: str
    sha256: str = ""
    looks: Appearance | None = None
    conversion: str | None = None
    fault: str | None = None
    found: Any = None


def examine(
    images: Iterable[tuple[str, Image]],
    total: int,
    title: str = "images decoded",
    look: Callable[[Image], Any] = lambda image: None,
) -> Iterator[Examined]:
    """Decode each image, in order; the first of each pair says where it is, for messages.

    The files are read here, one after the other, and decoded in threads: decoders let go of the
    interpreter. Few pictures are in memory at a time. `look` is called with each decoded image, in
    its thread.
    """
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    waiting: deque[Future[Examined]] = deque()
    with ThreadPoolExecutor(threads, "mubench-gen examine") as pool, bar(title, total) as shown:
        try:
            done = 0
            for where, image in images:
                _read(image)
                waiting.append(pool.submit(_examined, where, image, look))
                del image
                if len(waiting) >= threads * _WAITING:
                    yield waiting.popleft().result()
                    done += 1
                    shown.at(done, max(total, done))
            while waiting:
                yield waiting.popleft().result()
                done += 1
                shown.at(done, max(total, done))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def duplicates(found: Iterable[Examined]) -> Iterator[tuple[Examined, Examined]]:
    """Pairs of different files or rows with the same picture to the eye."""
    seen = [one for one in found if one.looks is not None]
    looks: list[Any] = [one.looks for one in seen]
    for first, later in look_alike(looks):
        yield seen[first], seen[later]


def _read(image: Image) -> None:
    with contextlib.suppress(UsageError, ImageError):  # decoding says it
        _ = image.file_bytes


def _examined(where: str, image: Image, look: Callable[[Image], Any]) -> Examined:
    try:
        picture = image.pixels()
        image.verify()
        looks = appearance(picture)
        return Examined(where, image.name, image.sha256, looks, image.conversion, found=look(image))
    except (UsageError, ImageError) as error:  # UsageError: a package is missing
        return Examined(where, image.name, fault=str(error).rstrip("."))
