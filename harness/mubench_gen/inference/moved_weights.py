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
    """Asks about two coloured squares at `alpha` of a line: a method, or a model itself. The base,
    on the line "", is α 0 of all lines.

    `seen`: what the model answered before, which is kept with the model. Two lines are not held
    against each other, since methods may give the same weights, also at different α.
    """

    def __init__(
        self,
        line: str,
        alpha: Decimal,
        readout: Readout,
        seen: MutableMapping[tuple[str, Decimal], Any],
    ) -> None:
        self._line, self._alpha = line, alpha
        self._readout = readout
        self._seen = seen

    def check(self, ask: Ask) -> Steps:
        """UsageError if the model answers exactly as it did further on the line."""
        asked = [_question(square(colour), self._readout) for colour in COLOURS]
        responses = yield from ask(asked)
        if any(one.error is not None for one in responses):
            return
        now = [(one.reply, one.scores) for one in responses]
        for (line, alpha), before in self._seen.items():
            apart = abs(alpha - self._alpha) >= _APART
            if before == now and apart and (line == self._line or "" in (line, self._line)):
                raise UsageError(
                    f"The weights did not move: at α {self._alpha} the model answers as at α "
                    f"{alpha} ({self._line or line}), to the last "
                    "digit. Either the weights there are the same (two ends that are one model, a "
                    "method that keeps nothing of the differences), or a cache of the engine "
                    "answers by other weights than those that are meant: make the folders with "
                    "mubench-gen merge and evaluate them one by one. --no-preflight asks all the "
                    "same."
                )
        self._seen[self._line, self._alpha] = now


def _question(image: Image, readout: Readout) -> Request:
    if readout != "similarity":
        return question(own_key(), image, readout=readout)
    caption = Message("caption", (image, *map(Text, OPTIONS)))
    return Request(own_key(), (caption,), LABELS, readout, Sampling(0.0, 1), image, OPTIONS)
