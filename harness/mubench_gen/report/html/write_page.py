"""Checks the path of a page, and writes it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mubench_gen.console.outlet import visible
from mubench_gen.errors import SettingError

_PAGE = (".html", ".htm")


def check_page_path(path: Path, *, flag: str = "--html", suffixes: Sequence[str] = _PAGE) -> None:
    """Raise SettingError if no page can be written to this path, or if it would lose a file."""
    if os.path.isdir(path):
        raise SettingError(
            f"{flag} {path}: is a folder. Give the name of a file, or put {flag} after the run."
        )
    if os.path.exists(path) and path.suffix.casefold() not in suffixes:
        raise SettingError(
            f"{flag} {path}: already exists and is not a {suffixes[0]} file; it would be lost. "
            "Give another name."
        )
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise SettingError(f"{flag} {path}: cannot be written: there is no folder {folder}.")
    try:
        os.stat(path)
    except FileNotFoundError:
        pass
    except OSError as error:  # a name that is too long, a link to itself
        raise SettingError(f"{flag} {path}: cannot be written: {error.strerror}.") from None


def write_text(path: Path, content: str, *, flag: str = "--html") -> None:
    """Write a page, control characters made visible. Raises SettingError if that fails."""
    try:
        path.write_text(visible(content), encoding="utf-8", errors="replace")
    except OSError as error:
        raise SettingError(f"{flag} {path}: cannot be written: {error.strerror}.") from None
