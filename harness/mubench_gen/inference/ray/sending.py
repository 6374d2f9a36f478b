"""What goes to a worker and back: requests with their images by reference, and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mubench_gen.host.messages import SentRequest
from mubench_gen.types import Response


@dataclass(frozen=True, slots=True)
class Bundle:
    """Requests that one worker answers together; `images` are references by digest."""

    requests: Sequence[SentRequest]
    images: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a worker cannot continue."""

    kind: Literal["usage", "engine"]
    message: str


@dataclass(frozen=True, slots=True)
class WorkerAnswers:
    """What a worker sends back: responses by key, and what it knows of itself.

    `facts` are the model's, `counts` its counts since it was loaded. If it is not `whole`, all
    responses of the bundle follow later, including these.
    """

    worker: str
    node: str
    responses: Sequence[tuple[str, Response]] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)
    fault: Fault | None = None
    whole: bool = True
