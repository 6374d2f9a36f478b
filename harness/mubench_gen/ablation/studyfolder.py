"""A study's folder: its lock, and its document study.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mubench_gen.console.outlet import blanked
from mubench_gen.errors import RunFolderError
from mubench_gen.plan.manifest import session
from mubench_gen.runs.studies import FIXED, FORMAT, read_study
from mubench_gen.storage.run_folder import STUDY, differences, locked, write_json


@contextmanager
def locked_document(
    folder: Path, fixed: Mapping[str, Any], facts: Mapping[str, Any], command: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Lock the folder, and yield the study's document with `facts` and without results.

    `fixed` must be equal for the study to be resumed. Raises RunFolderError if the folder holds
    another study, which is left unchanged.
    """
    path = folder / STUDY
    with locked(folder, file=STUDY, what="study"):
        stored: dict[str, Any] = {"sessions": []}
        if path.exists():
            stored = read_study(path)
            there = {"study": {name: stored[name] for name in FIXED}}
            changed = list(differences(there, {"study": blanked(fixed)}, ("study",)))
            if changed:
                raise RunFolderError(
                    f"{folder} holds another study:\n  " + "\n  ".join(changed) + "\n"
                    "Use --fresh (or another --run-dir) to start another, or that study's settings."
                )
        document = {
            "format": FORMAT,
            **fixed,
            **facts,
            "sessions": [*stored["sessions"], session(command)],
            "results": None,
        }
        write_json(path, document)
        yield document
