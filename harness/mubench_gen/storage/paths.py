"""Where things lie: the shipped definitions, and the folder for generated data."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def definitions(kind: str) -> Path:
    """The folder of the shipped `prompts` or `tasks`: inside the wheel, or of the checkout."""
    inside = _PACKAGE / "_data" / kind
    return inside if inside.is_dir() else _PACKAGE.parents[1] / kind


def cache_folder() -> Path:
    """Where generated data is kept: $MUBENCH_GEN_CACHE, else the user's cache folder."""
    own = os.environ.get("MUBENCH_GEN_CACHE")
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "mubench-gen"


def is_file(path: Path) -> bool:
    """Whether there is such a file. A text too long for a file's name is none."""
    try:
        return path.is_file()
    except OSError:
        return False
