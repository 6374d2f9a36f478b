"""A study's folder: its lock, and its document study.json."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mubench_gen.console.outlet import blanked
from mubench_gen.errors import RunFolderError
from mubench_gen.plan.manifest import session
from mubench_gen.runs.results import load_run
from mubench_gen.storage.run_folder import differences, locked, write_json
from mubench_gen.storage.user_files import read_json

STUDY = "study.json"
FORMAT = 1
_FIXED = ("settings", "grid", "models", "budget")


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
            stored = _read(path)
            there = {"study": {name: stored[name] for name in _FIXED}}
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


def runs_of(path: Path) -> list[Path]:
    """The path of a run, or those of a study's runs. Raises RunFolderError for other folders."""
    if os.path.isfile(path / STUDY):
        runs = _read(path / STUDY).get("runs")
        if not isinstance(runs, list) or not all(isinstance(run, str) for run in runs):
            raise RunFolderError(f"{path / STUDY}: is not a study's document: it names no runs.")
        return [path / run for run in runs if os.path.isdir(path / run)]
    return [load_run(path).dir]


def _read(path: Path) -> dict[str, Any]:
    try:
        stored: Any = read_json(path)
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path}: cannot be read: {error}.") from None
    if not isinstance(stored, dict) or not isinstance(stored.get("format"), int):
        raise RunFolderError(f"{path}: is not a study's document.")
    if stored["format"] > FORMAT:
        raise RunFolderError(
            f"{path}: is of format {stored['format']}, this version reads {FORMAT}. "
            "Type: pip install -U mubench-gen"
        )
    missing = sorted({*_FIXED, "sessions"} - stored.keys())
    if missing:
        raise RunFolderError(f"{path}: is not a study's document: it has no {missing[0]!r}.")
    if not isinstance(stored["sessions"], list):
        raise RunFolderError(f"{path}: is not a study's document: the file is damaged.")
    return stored
