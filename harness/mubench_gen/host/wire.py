"""Events and errors as plain data that another process can read."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import Any

import mubench_gen.errors
from mubench_gen.errors import EngineFault, MubenchError
from mubench_gen.host.events import Answered, Broken, Event, Failed, GivenUp
from mubench_gen.types import Failure, Response

Message = tuple[Any, ...]
_PARTS = tuple(part.name for part in fields(Response) if part.name != "error")
_parts = attrgetter(*_PARTS)


def as_message(event: Event) -> Message:
    """The event, for the pipe."""
    if isinstance(event, Answered):
        return "answered", event.number, [_as_tuple(one) for one in event.responses]
    if isinstance(event, Failed):
        return "failed", event.number, (event.failure.type, event.failure.message)
    if isinstance(event, Broken):
        return "broken", type(event.error).__name__, str(event.error)
    assert isinstance(event, GivenUp)
    return "given up", event.number


def as_event(message: Message) -> Event:
    """The event of a message."""
    kind, *rest = message
    if kind == "answered":
        return Answered(rest[0], [_as_response(*one) for one in rest[1]])
    if kind == "failed":
        return Failed(rest[0], Failure(*rest[1]))
    return Broken(as_error(*rest)) if kind == "broken" else GivenUp(rest[0])


def as_error(name: str, message: str) -> MubenchError:
    """The error of that class; one that is not of mubench-gen is the engine's fault."""
    kind = getattr(mubench_gen.errors, name, None)
    if not isinstance(kind, type) or not issubclass(kind, MubenchError):
        return EngineFault(f"{name}: {message}")
    error = kind.__new__(kind)  # some have arguments of their own
    error.args = (message,)
    return error


def _as_tuple(response: Response) -> tuple[Any, Any]:
    error = response.error
    return _parts(response), None if error is None else (error.type, error.message)


def _as_response(parts: tuple[Any, ...], error: tuple[str, str] | None) -> Response:
    named = dict(zip(_PARTS, parts, strict=True))
    return Response(**named, error=None if error is None else Failure(*error))
