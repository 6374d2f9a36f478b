"""paths → the runs that are there: a run's folder or pack, or what holds runs, studies, sweeps."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mubench_gen.errors import RunFolderError
from mubench_gen.runs.results import Run, load_run
from mubench_gen.runs.run_folders import run_folders
from mubench_gen.storage.json_files import tell_once
from mubench_gen.storage.run_folder import MANIFEST, USUAL


def find_runs(paths: Sequence[Path]) -> list[Run]:
    """The runs of these paths, each once, sorted by name below each path.

    Raises RunFolderError for a path that holds no run.
    """
    found: dict[str, Run] = {}
    for path in paths or usual_paths():
        runs = list(_runs_below(path))
        if not runs:
            raise RunFolderError(_nothing(path))
        for run in runs:
            found.setdefault(os.path.realpath(run.dir), run)
    return list(found.values())


def usual_paths() -> list[Path]:
    """The folders of this name that are here. Raises RunFolderError without one."""
    found = [Path(name) for name in USUAL if os.path.isdir(name)]
    if not found:
        raise RunFolderError(
            f"There is no folder {', '.join(USUAL[:-1])} or {USUAL[-1]} here. Name the folder of "
            "a run, or make one: mubench-gen eval --plugin tiny"
        )
    return found


def _runs_below(path: Path) -> Iterator[Run]:
    if os.path.isfile(path) or os.path.exists(path / MANIFEST):  # a pack, or a run's folder
        yield load_run(path)
        return
    for folder in run_folders(path):
        try:
            yield load_run(folder)
        except RunFolderError as error:
            tell_once(f"Left out: {error}")


def _nothing(path: Path) -> str:
    if not os.path.exists(path):
        return f"{path}: there is no such folder. mubench-gen view takes folders of runs."
    return f"{path}: holds no run: there is no {MANIFEST} in it or in the folders below."
