"""Folders with several runs: a study (`ablate`) and a sweep, as they are stored."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import RunFolderError
from mubench_gen.runs.results import Run, load_run
from mubench_gen.storage.run_folder import MANIFEST, STUDY, SWEEP
from mubench_gen.storage.user_files import read_json

if TYPE_CHECKING:
    from mubench_gen.report.figures import Drawing

FORMAT = 1
FIXED = ("settings", "grid", "models", "budget")  # of a study's document


@dataclass(frozen=True)
class StoredStudy:
    """A study or a sweep on the disk: `dir`, its folder."""

    dir: Path

    @cached_property
    def document(self) -> dict[str, Any]:
        """What study.json or sweep.json holds. RunFolderError if it cannot be read."""
        if self.is_sweep:
            return read_sweep(self.dir / SWEEP)
        return read_study(self.dir / STUDY)

    @property
    def is_sweep(self) -> bool:
        """Whether it is a sweep, and not a study."""
        return not (self.dir / STUDY).is_file()

    @property
    def results(self) -> dict[str, Any]:
        """The results as they are stored; empty until it is finished."""
        return dict(self.document.get("results") or {})

    @cached_property
    def runs(self) -> list[Run]:
        """The runs that there are: of a study by model and condition, of a sweep by α."""
        return [load_run(path) for path in runs_of(self.dir)]

    def plot(self, kind: str = "", **options: Any) -> Drawing:
        """A figure: of a study its effects, of a sweep its frontier, or as `Run.plot`."""
        from mubench_gen.report.notebook import plot

        return plot(
            self.runs, kind or ("frontier" if self.is_sweep else "effects"), self, **options
        )

    def _repr_html_(self) -> str:
        from mubench_gen.report.notebook import study_html

        return study_html(self)


def load_study(path: str | os.PathLike[str]) -> StoredStudy:
    """The study or sweep in that folder. RunFolderError if there is none."""
    folder = Path(path)
    if not is_study(folder):
        raise RunFolderError(
            f"{folder}: holds no study and no sweep: there is neither {STUDY} nor {SWEEP}."
        )
    found = StoredStudy(folder)
    _ = found.document
    return found


def runs_in(paths: Sequence[Path]) -> list[Path]:
    """The folders of runs; those of its runs for a study or a sweep. They need not exist.

    Raises RunFolderError for a study or a sweep that cannot be read, or that has no run.
    """
    return [run for path in paths for run in (runs_of(path) if is_study(path) else [path])]


def studies_in(paths: Sequence[Path]) -> list[StoredStudy]:
    """The studies and sweeps among the folders."""
    return [load_study(path) for path in paths if is_study(path)]


def studies_around(runs: Sequence[Run]) -> list[StoredStudy]:
    """The studies and sweeps of which all runs are among these; one that is damaged is left out."""
    given = {run.dir.resolve() for run in runs}
    found = []
    for folder in dict.fromkeys(place for run in given for place in list(run.parents)[:2]):
        with suppress(RunFolderError):
            if is_study(folder) and given.issuperset(one.resolve() for one in runs_of(folder)):
                found.append(load_study(folder))
    return sorted(found, key=lambda study: study.dir)


def runs_of(path: Path) -> list[Path]:
    """The path of a run, or those of a study's or sweep's runs. RunFolderError for others."""
    if os.path.isfile(path / STUDY):
        runs = read_study(path / STUDY).get("runs")
        if not isinstance(runs, list) or not all(isinstance(run, str) for run in runs):
            raise RunFolderError(f"{path / STUDY}: is not a study's document: it names no runs.")
        return [path / run for run in runs if os.path.isdir(path / run)]
    if os.path.isfile(path / SWEEP):
        stored = read_sweep(path / SWEEP)
        if isinstance(named := stored.get("runs"), list):  # of finished runs
            return [path / str(run) for run in named if os.path.isdir(path / str(run))]
        return _of_sweep(path, stored.get("folders"))
    return [load_run(path).dir]


def read_study(path: Path) -> dict[str, Any]:
    """A study's document. RunFolderError for what is none."""
    return _read(path, "study", {**dict.fromkeys(FIXED, object), "sessions": list})


def read_sweep(path: Path) -> dict[str, Any]:
    """A sweep's document. RunFolderError for what is none."""
    return _read(path, "sweep", {"settings": dict, "sweep": dict, "sessions": list})


def read_soup(path: Path) -> dict[str, Any]:
    """A soup's document. RunFolderError for what is none."""
    return _read(path, "soup", {"settings": dict, "soup": dict, "sessions": list})


def is_sweep(path: Path) -> bool:
    """Whether the folder holds a sweep, and no study."""
    return os.path.isfile(path / SWEEP) and not os.path.isfile(path / STUDY)


def is_study(path: Path) -> bool:
    """Whether the folder holds a study or a sweep."""
    return os.path.isfile(path / STUDY) or os.path.isfile(path / SWEEP)


def _of_sweep(path: Path, order: Any) -> list[Path]:
    """The base's run, then those that were asked last in their `order`, then others by α."""
    places = {name: place for place, name in enumerate(order if isinstance(order, list) else ())}
    found = [
        run.parent
        for where in (f"*/{MANIFEST}", f"*/*/{MANIFEST}")  # the latter under conditions
        for run in path.glob(where)
    ]
    if not found:
        raise RunFolderError(f"{path}: is a sweep that has no run yet: run its command again.")

    def key(run: Path) -> tuple[bool, int, float, str]:
        name = run.relative_to(path).parts[0]
        is_base = name in ("base", "alpha-0")
        return not is_base, places.get(name, len(places)), _alpha(name), str(run)

    return sorted(found, key=key)


def _alpha(name: str) -> float:
    try:
        return float(name.removeprefix("alpha-"))
    except ValueError:
        return -1.0  # the base


def _read(path: Path, what: str, needed: Mapping[str, type]) -> dict[str, Any]:
    try:
        stored: Any = read_json(path)
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path}: cannot be read: {error}.") from None
    if not isinstance(stored, dict) or not isinstance(stored.get("format"), int):
        raise RunFolderError(f"{path}: is not a {what}'s document.")
    if stored["format"] > FORMAT:
        raise RunFolderError(
            f"{path}: is of format {stored['format']}, this version reads {FORMAT}. "
            "Type: pip install -U mubench-gen"
        )
    missing = sorted(needed.keys() - stored.keys())
    if missing:
        raise RunFolderError(f"{path}: is not a {what}'s document: it has no {missing[0]!r}.")
    if not all(isinstance(stored[name], kind) for name, kind in needed.items()):
        raise RunFolderError(f"{path}: is not a {what}'s document: the file is damaged.")
    return stored
