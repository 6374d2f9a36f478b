"""Pairs of images under one text: is each answered for itself, and by one model all the time?

A red and a blue square are asked about one after the other, in both orders, and together; some
again while the run goes on, and at its end. A server, a proxy or a cache that takes a request for
another shows itself so, and a model that is served in place of another under its name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, MutableMapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from mubench_gen.console.masking import blank
from mubench_gen.console.notes import note
from mubench_gen.console.progress import log
from mubench_gen.errors import UsageError
from mubench_gen.parser import parse_answer
from mubench_gen.types import Image, Message, Readout, Request, Response, Sampling, Text

LABELS = ("A", "B", "C")
OPTIONS = ("red", "green", "blue")
QUESTION = "Which colour has the image?\nA. red\nB. green\nC. blue\nAnswer with the letter alone."
COLOURS = ("red", "blue")
REQUESTS = 11  # that it makes in a short run
_TOKENS = 16  # of a reply
_SIZES = ((64, 64), (80, 72))  # a cache may know images by their size, or a file by its beginning
_ROUNDS = 2  # in which it must show again that images are mixed up
_SHOWN = 60  # characters of a reply
_ANYWAY = "--no-preflight asks all the same."
Found = tuple[Any, ...]  # what was said, and the prompt's tokens; empty without an answer
Ask = Callable[[Sequence[Request]], Generator[Request | None, None, list[Response]]]
Steps = Generator[Request | None, None, None]


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


class Canary:
    """Asks a model about the squares; UsageError where it mixes images up or is another by now.

    `ask` asks requests together and waits for their responses. What was answered first is kept in
    `seen`, for later runs with the same model; `earlier` is that of the run's first session. Where
    a question has no answer, the canary says so and asks no more.
    """

    def __init__(
        self,
        ask: Ask,
        seen: MutableMapping[str, Any],
        earlier: Sequence[Sequence[Any]] = (),
    ) -> None:
        self._ask = ask
        self._seen = seen
        self._earlier = [tuple(one) for one in earlier]
        self._texts = count(3)

    @property
    def answers(self) -> list[Found] | None:
        """To the first four questions, each with its prompt's number of tokens; None before."""
        found: list[Found] | None = self._seen.get("canary")
        return found

    @property
    def is_over(self) -> bool:
        """Whether it asks no more."""
        return self.answers == []

    def before(self) -> Steps:
        """Ask about all squares, one after the other, then about a pair together."""
        if self.answers is None:
            found = yield from self._one_by_one(_in_both_orders(1, 2))
            self._seen["canary"] = found
            if self.is_over:
                return
            yield from self._look_at_order()
            responses = yield from self._ask([*self.pair(), question(own_key(), None)])
            yield from self.look(responses[:2])
            self._look_at_blind(_found(responses[2]))
        if self._earlier and not self.is_over:
            yield from self._compare(self._earlier, self._answers, "when the run began")

    def after(self) -> Steps:
        """Ask again what was asked at the beginning, all at once."""
        responses = yield from self._ask(_in_both_orders(1, 2))
        yield from self.look(responses)

    def pair(self) -> list[Request]:
        """Two questions to be asked among others; `look` takes their responses."""
        return _squares(1)

    def look(self, responses: Sequence[Response]) -> Steps:
        """End the run if these answers are mixed up, or by another model, again and again."""
        found = list(map(_found, responses))
        if self.is_over or not all(found):
            self._give_up()
            return
        yield from self._look_at_pair(found[:2])
        yield from self._compare(self._answers, found, "before the run")

    def _look_at_pair(self, found: Sequence[Found]) -> Steps:
        """End the run if together images get each other's answers, and alone still their own."""
        alone = [one[0] for one in self._answers[:2]]
        for _ in range(_ROUNDS):
            pair = PairAnswers(alone, [one[0] for one in found if one])
            if not pair.is_mixed:
                return
            again = yield from self._one_by_one(self.pair())
            if [one[0] for one in again] != alone:
                return
            found = list(map(_found, (yield from self._ask(self.pair()))))
        raise UsageError(
            f"The server mixes images up: {pair}. Look at its caches, and at those of proxies "
            f"before it. {_ANYWAY}"
        )

    def _look_at_order(self) -> Steps:
        """End the run if the second image under a text always gets the answer of the first."""
        order = [one[0] for one in self._answers]
        if not _first_decides(order):
            return
        for _ in range(_ROUNDS):
            new = _in_both_orders(next(self._texts), next(self._texts))
            again = yield from self._one_by_one(new)
            if [one[0] for one in again] != order:
                return
        raise UsageError(
            "The server answers an image by what it answered for another: of two under one text "
            f"the second always gets the answer of the first (red and then blue: {order[:2]}; "
            f"blue and then red: {order[2:]}). Look at its caches, and at those of proxies before "
            f"it. {_ANYWAY}"
        )

    def _compare(self, before: Sequence[Found], found: Sequence[Found], when: str) -> Steps:
        """End the run if one of the answers, or the length of a prompt, stays another."""
        squares = _in_both_orders(1, 2)
        for place, (old, new) in enumerate(zip(before, found, strict=False)):
            if old == new:
                continue
            twice = [replace(squares[place], key=own_key()) for _ in range(_ROUNDS)]
            if (yield from self._one_by_one(twice)) == [new] * _ROUNDS:
                raise UsageError(
                    "Another model is served under the same name. A question about a coloured "
                    f"square was answered {_shown(old, new)} {when}, and is now answered "
                    f"{_shown(new, old)}. What was answered meanwhile may be of either: serve the "
                    "one that is meant, and give --fresh (or another --run-dir) for a run of its "
                    f"own. {_ANYWAY}"
                )

    def _look_at_blind(self, blind: Found) -> None:
        if self.is_over or not blind or None in (blind[1], *(one[1] for one in self._answers)):
            return
        (red, with_red), (blue, with_blue) = self._answers[:2]
        if red == blue and blind[1] >= max(with_red, with_blue):
            log(
                f"The server may leave images out: a question has {blind[1]} tokens with an image "
                "and without, and red and blue are answered alike. Serve a model that reads "
                "images (llama.cpp wants its --mmproj), or ask without: --control blind."
            )

    def _one_by_one(
        self, requests: Sequence[Request]
    ) -> Generator[Request | None, None, list[Found]]:
        """The answers to requests that are asked one after the other; none if one has none."""
        found = []
        for request in requests:
            (response,) = yield from self._ask([request])
            found.append(_found(response))
            if not found[-1]:
                self._give_up()
                return []
        return found

    @property
    def _answers(self) -> list[Found]:
        assert self.answers is not None, "`before` comes first"
        return self.answers

    def _give_up(self) -> None:
        if not self.is_over:
            note(
                "Whether each image is answered for itself cannot be told: a short question about "
                "a coloured square has no answer."
            )
        self._seen["canary"] = []


def square(colour: str, size: tuple[int, int] = _SIZES[0]) -> Image:
    """An image of one colour; `size` in pixels."""
    from PIL import Image as PillowImage

    return Image.from_pixels(colour, PillowImage.new("RGB", size, colour))


def question(
    key: str,
    image: Image | None = None,
    text: str = QUESTION,
    *,
    readout: Readout = "parse",
    limit: int = _TOKENS,
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


def ask_pair(ask: Callable[[Image], Future[Any]]) -> PairAnswers:
    """Ask about the images one after the other, then at once. Raises what `ask`'s futures do."""
    alone = [short(ask(square(colour)).result().text) for colour in COLOURS]
    coming = [ask(square(colour)) for colour in COLOURS]
    return PairAnswers(alone, [short(one.result().text) for one in coming])


def short(text: str) -> str:
    """A reply in one line, for a message."""
    line = " ".join(text.split()).removesuffix(".")
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"


_NUMBERS = count()


def own_key() -> str:
    """A key that no other request has."""
    return hashlib.sha256(f"beside the run {next(_NUMBERS)}".encode()).hexdigest()[:32]


def _squares(text: int) -> list[Request]:
    """Questions about a red and a blue square, under the text of that number."""
    asked = QUESTION if text == 1 else f"Card {text}. {QUESTION}"
    size = _SIZES[(text - 1) % len(_SIZES)]
    return [question(own_key(), square(colour, size), asked) for colour in COLOURS]


def _in_both_orders(text: int, other: int) -> list[Request]:
    """Red and then blue under the one text, blue and then red under the other."""
    return [*_squares(text), *reversed(_squares(other))]


def _found(response: Response) -> Found:
    """The label that a response names, or else its text, and the prompt's number of tokens."""
    if response.error is not None or not (response.reply or "").strip():
        return ()
    reply = blank(response.reply or "")
    index = parse_answer(reply, OPTIONS, LABELS).index
    said = short(reply) if index is None else LABELS[index]
    return said, (response.usage or {}).get("prompt_tokens")


def _first_decides(order: Sequence[str]) -> bool:
    """Whether, in both orders, the second answer is that of the first, which depends on it."""
    red, after_red, blue, after_blue = order
    return red == after_red and blue == after_blue and red != blue


def _shown(one: Found, other: Found) -> str:
    tokens = f" ({one[1]} tokens in the prompt)" if one[0] == other[0] else ""
    return f"{one[0]!r}{tokens}"
