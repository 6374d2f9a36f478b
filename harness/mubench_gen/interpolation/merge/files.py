"""Reads files of a checkpoint; a MergeError names a file that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mubench_gen.errors import MergeError, describe
from mubench_gen.storage.user_files import read_json

ADAPTER = "adapter_config.json"
_LARGEST = 100 * 2**20  # bytes of JSON: three times the largest tokenizers
_SHOWN = 5  # names that a message lists


def read_object(file: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises MergeError if there is none."""
    try:
        document = read_json(file, _LARGEST)
    except (OSError, ValueError) as error:
        raise MergeError(
            f"{file}: cannot be read as JSON: {describe(error)}. Fetch it again."
        ) from None
    if not isinstance(document, dict):
        raise MergeError(f"{file}: is not a JSON object. Fetch it again.")
    return document


@contextmanager
def reading(what: object) -> Iterator[None]:
    """Turn errors of reading files into MergeErrors that name the file."""
    try:
        yield
    except OSError as error:
        raise MergeError(
            f"{error.filename or what}: cannot be read: {error.strerror or describe(error)}."
        ) from None


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
