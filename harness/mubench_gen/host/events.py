"""What a host tells whoever asks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mubench_gen.errors import MubenchError
from mubench_gen.types import Failure, Response


@dataclass(frozen=True, slots=True)
class Answered:
    """The responses to the batch of that number, in the order of its requests."""

    number: int
    responses: Sequence[Response]


@dataclass(frozen=True, slots=True)
class Failed:
    """The batch of that number failed as a whole."""

    number: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The request of that number was cancelled."""

    number: int


@dataclass(frozen=True, slots=True)
class Broken:
    """The model cannot go on."""

    error: MubenchError


@dataclass(frozen=True, slots=True)
class Died:
    """The process of the model is gone; `how` says what became of it."""

    how: str


Event = Answered | Failed | GivenUp | Broken | Died
