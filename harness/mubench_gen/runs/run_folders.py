"""Where runs lie below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mubench_gen.runs.packs import SUFFIX
from mubench_gen.storage.run_folder import MANIFEST

_DEPTH = 4  # STUDIES/STUDY/runs/RUN


def run_folders(path: Path, *, packs: bool = False, depth: int = _DEPTH) -> Iterator[Path]:
    """The folders of runs below a path, and the `packs` there, in the order of their names."""
    try:
        below = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in below:
        if entry.name.startswith("."):
            continue
        place = path / entry.name
        is_pack = packs and entry.name.endswith(SUFFIX) and entry.is_file()
        if is_pack or os.path.exists(place / MANIFEST):
            yield place
        elif entry.is_dir() and depth > 1:
            yield from run_folders(place, packs=packs, depth=depth - 1)
