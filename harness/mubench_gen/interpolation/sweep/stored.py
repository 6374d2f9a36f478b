"""Parts of a sweep's stored results, read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from mubench_gen.errors import RunFolderError

T = TypeVar("T")


def read_as(kind: type[T], stored: Any, otherwise: str) -> T:
    """What is stored, as the class that it was. RunFolderError for what another version stored:
    `otherwise` says what it is, and to type the command again."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(stored)
    except ValidationError:
        raise RunFolderError(f"{otherwise}, which asks only what is missing.") from None


def read_part(kind: type[T], results: Mapping[str, Any], part: str, otherwise: str) -> T | None:
    """A part of the results as `read_as` reads it; None of a sweep without it."""
    stored = results.get(part)
    if stored is None:
        return None
    return read_as(kind, stored, f"{otherwise}: type the sweep's command again")
