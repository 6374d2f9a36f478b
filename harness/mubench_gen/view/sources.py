"""paths → the runs that are there: a run's folder or pack, or what holds runs, studies, sweeps."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mubench_gen.errors import RunFolderError
from mubench_gen.runs.results import Run, load_run
from mubench_gen.storage.run_folder import MANIFEST, USUAL, tell_once

_DEPTH = 4  # STUDIES/STUDY/runs/RUN


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
    for folder in _folders(path, _DEPTH):
        try:
            yield load_run(folder)
        except RunFolderError as error:
            tell_once(f"Left out: {error}")


def _folders(path: Path, depth: int) -> Iterator[Path]:
    """The folders of runs below a path, in the order of their names."""
    try:
        below = sorted(e.name for e in os.scandir(path) if e.is_dir() and e.name[0] != ".")
    except OSError:
        return
    for name in below:
        if os.path.exists(path / name / MANIFEST):
            yield path / name
        elif depth > 1:
            yield from _folders(path / name, depth - 1)


def _nothing(path: Path) -> str:
    if not os.path.exists(path):
        return f"{path}: there is no such folder. mubench-gen view takes folders of runs."
    return f"{path}: holds no run: there is no {MANIFEST} in it or in the folders below."
