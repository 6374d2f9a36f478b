"""Where a page is written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mubench_gen.console.outlet import visible
from mubench_gen.errors import SettingError

_PAGE = (".html", ".htm")


def check_page_path(path: Path, *, flag: str = "--html", suffixes: Sequence[str] = _PAGE) -> None:
    """SettingError where no page can stand at this path, or where something else would be lost."""
    if os.path.isdir(path):
        raise SettingError(
            f"{flag} {path}: is a folder. Give a file's name, or put {flag} behind the run."
        )
    if os.path.exists(path) and path.suffix.casefold() not in suffixes:
        raise SettingError(
            f"{flag} {path}: is there already and no {suffixes[0]} file; it would be lost. "
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
    """Write a page, as `visible` has it. SettingError where that fails."""
    try:
        path.write_text(visible(content), encoding="utf-8", errors="replace")
    except OSError as error:
        raise SettingError(f"{flag} {path}: cannot be written: {error.strerror}.") from None
