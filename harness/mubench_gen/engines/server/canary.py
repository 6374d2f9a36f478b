"""Two images under one text, asked alone and together: is each answered for itself?

A server, a proxy or a cache that takes a request for another with the same text shows itself so.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from typing import Any

from mubench_gen.errors import ItemError, UsageError
from mubench_gen.types import Image, Message, Readout, Request, Sampling, Text

LABELS = ("A", "B", "C")
QUESTION = "Which colour has the image?\nA. red\nB. green\nC. blue\nAnswer with the letter alone."
COLOURS = ("red", "blue")
_SHOWN = 60  # characters of a reply


@dataclass(frozen=True, slots=True)
class PairAnswers:
    """The answers about a red and a blue image."""

    alone: list[str]
    together: list[str]

    @property
    def is_mixed(self) -> bool:
        """Whether together one image, or both, got the answer of the other."""
        first, second = self.alone
        mixed = ([first, first], [second, second], [second, first])
        return first != second and self.together in mixed

    def __str__(self) -> str:
        return (
            f"two images under one text are answered {self.alone} alone, {self.together} together"
        )


def ask_pair(ask: Callable[[Image], Future[Any]]) -> PairAnswers:
    """Ask about the images one after the other, then at once. Raises what `ask`'s futures do."""
    alone = [short(ask(square(colour)).result().text) for colour in COLOURS]
    coming = [ask(square(colour)) for colour in COLOURS]
    return PairAnswers(alone, [short(one.result().text) for one in coming])


def check_pair(submit: Callable[[Request], Future[Any]]) -> None:
    """Raise UsageError if a server takes images under one text for each other, or answers none."""
    numbers = count()
    try:
        pair = ask_pair(lambda image: submit(question(f"canary {next(numbers)}", image)))
    except ItemError as error:
        raise UsageError(f"The question of engine.canary was not answered: {error}") from None
    if pair.is_mixed:
        raise UsageError(
            f"The server mixes images up: {pair} (engine.canary). Look at its caches, and at "
            "those of proxies before it."
        )


def square(colour: str) -> Image:
    """An image of 64 × 64 pixels of one colour."""
    from PIL import Image as PillowImage

    return Image.from_pixels(colour, PillowImage.new("RGB", (64, 64), colour))


def question(
    key: str,
    image: Image | None = None,
    text: str = QUESTION,
    *,
    readout: Readout = "parse",
    limit: int = 64,
    seed: int | None = None,
) -> Request:
    """A request of this text, greedy, or drawn at temperature 1 with a seed."""
    content = (Text(text),) if image is None else (image, Text(text))
    return Request(
        key=key,
        messages=(Message("user", content),),
        labels=LABELS,
        readout=readout,
        sampling=Sampling(0.0 if seed is None else 1.0, limit, seed),
        image=image,
    )


def short(text: str) -> str:
    """A reply in one line, for a message."""
    line = " ".join(text.split()).removesuffix(".")
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
