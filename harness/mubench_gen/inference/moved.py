"""Whether the weights of a sweep really move: two α must not answer a question exactly alike."""

from __future__ import annotations

from collections.abc import MutableMapping
from decimal import Decimal
from typing import Any

from mubench_gen.errors import UsageError
from mubench_gen.inference.canary import (
    COLOURS,
    LABELS,
    OPTIONS,
    Ask,
    Steps,
    own_key,
    question,
    square,
)
from mubench_gen.types import Image, Message, Readout, Request, Sampling, Text

_APART = Decimal("0.1")  # nearer α may round to the same


class MovedWeights:
    """Asks about two coloured squares at `alpha` (None: the base).

    `seen`: what the model answered at the α before, which is kept with the model.
    """

    def __init__(
        self, alpha: Decimal | None, readout: Readout, seen: MutableMapping[Decimal, Any]
    ) -> None:
        self._alpha = Decimal(0) if alpha is None else alpha
        self._readout = readout
        self._seen = seen

    def check(self, ask: Ask) -> Steps:
        """UsageError if the model answers exactly as it did at another α."""
        asked = [_question(square(colour), self._readout) for colour in COLOURS]
        responses = yield from ask(asked)
        if any(one.error is not None for one in responses):
            return
        now = [(one.reply, one.scores) for one in responses]
        for alpha, before in self._seen.items():
            if before == now and abs(alpha - self._alpha) >= _APART:
                raise UsageError(
                    f"The weights did not move: at α {self._alpha} the model answers as at α "
                    f"{alpha}, to the last digit. Either the two ends are one model, or a cache of "
                    "the engine answers by other weights than those that are meant: make the "
                    "folders with mubench-gen merge and evaluate them one by one. --no-preflight "
                    "asks all the same."
                )
        self._seen[self._alpha] = now


def _question(image: Image, readout: Readout) -> Request:
    if readout != "similarity":
        return question(own_key(), image, readout=readout)
    caption = Message("caption", (image, *map(Text, OPTIONS)))
    return Request(own_key(), (caption,), LABELS, readout, Sampling(0.0, 1), image, OPTIONS)
