"""Which image files a run was shown, by name and SHA-256: `images.json` in its folder.

A run that is resumed compares them with the files as they are now, and a report says which have
changed. Only data sets whose images are files of their own have the list.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mubench_gen.data.image_files import changes, image_digests, shortened
from mubench_gen.images.auto import AUTO_NAME
from mubench_gen.storage.json_files import write_json
from mubench_gen.storage.run_folder import RECORDS

IMAGES = "images.json"
_DRAWN = f'"conversion":"{AUTO_NAME}'.encode()
_MOST_BYTES = 64 * 2**20  # of files written since, that a report reads


def read_shown_images(folder: Path) -> dict[str, Any]:
    """The list: the `folder` of the files and their digests, `files`; empty where there is none."""
    try:
        stored: Any = json.loads((folder / IMAGES).read_bytes())
        return {"folder": str(stored["folder"]), "files": dict(stored["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write_shown_images(folder: Path, data: Path, files: Mapping[str, str] | None) -> None:
    """Write the list, unless it is there already."""
    wanted = {"folder": os.path.realpath(data), "files": files}
    if files is not None and read_shown_images(folder) != wanted:
        write_json(folder / IMAGES, wanted)


def shows_scientific_files(folder: Path) -> bool:
    """Whether a record of the run was shown a file that the automatic policy draws."""
    path = folder / RECORDS
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as lines:
        return lines.find(_DRAWN) >= 0


def notes(runs: Sequence[Path]) -> Iterator[str]:
    """What a report says of each run whose image files are no longer what it was shown.

    Looks at their inodes, and reads only what was written since, if that is little.
    """
    looked: dict[str, _Look] = {}
    for run in runs:
        stored = read_shown_images(run)
        if not stored or not os.path.isdir(stored["folder"]):  # the data are elsewhere by now
            continue
        look = looked.setdefault(stored["folder"], _Look(stored["folder"]))
        told = list(look.changes(stored["files"]))
        if told:
            yield (
                f"{run}: {len(told):,} of the image files that it was shown have changed since, in "
                f"{stored['folder']}: {'; '.join(shortened(told))}. Its scores are of the files "
                "as they were."
            )


class _Look:
    """What is known of the files of one folder, each looked at once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._now: dict[str, str] = {}

    def changes(self, files: Mapping[str, str]) -> Iterator[str]:
        self._look_at([name for name in files if name not in self._now])
        unread = files.keys() - self._now.keys()
        gone = {name for name in unread if not os.path.exists(os.path.join(self._folder, name))}
        there = {name: sha256 for name, sha256 in files.items() if name not in unread - gone}
        yield from changes(there, self._now)
        yield from (f"{name}: written since, not read" for name in files if name in unread - gone)

    def _look_at(self, names: Sequence[str]) -> None:
        found = image_digests(self._folder, names, _MOST_BYTES)
        self._now |= {name: known.sha256 for name, known in found.items()}
