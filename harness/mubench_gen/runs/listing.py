"""A folder of runs → a line for each run, study, sweep and soup in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mubench_gen.errors import RunFolderError, UsageError
from mubench_gen.runs.packs import SUFFIX, documents
from mubench_gen.storage.run_folder import (
    LOCK,
    MANIFEST,
    RECORDS,
    SCORES,
    SOUP,
    STUDY,
    SWEEP,
    read_manifest,
)
from mubench_gen.storage.user_files import read_json

# The document that makes a folder one of this kind.
_KINDS = {STUDY: "study", SWEEP: "sweep", SOUP: "soup", MANIFEST: "run"}
_DEEPEST = 3  # folders below the one that is listed
_BLOCK = 2**20


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run, or the runs of a study, sweep or soup together.

    kind: "run", "imported", "pack", "study", "sweep", "soup". prompt: the names of the prompts. n:
    answered items; of a run without scores the lines of its records. accuracy: the least and the
    greatest of the runs; None where no run has scores. state: "finished", "running", "unfinished:
    30 of 42", "3 failed", or why the folder cannot be read.
    """

    folder: str
    kind: str
    plugin: str
    model: str
    control: str
    prompt: str
    n: int
    accuracy: tuple[float, float] | None
    state: str

    def as_dict(self) -> dict[str, Any]:
        """The fields; `accuracy` is one number where all runs have the same."""
        plain = asdict(self)
        low, high = self.accuracy or (None, None)
        return {**plain, "accuracy": low if low == high else [low, high]}


@dataclass(frozen=True, slots=True)
class _Counted:
    """What a run's folder says without its records being read."""

    manifest: Mapping[str, Any]
    n: int
    errors: int
    accuracy: float | None

    @property
    def is_complete(self) -> bool:
        return self.n + self.errors >= int(self.manifest["planned"])


def listed(folder: Path) -> Iterator[ListedRun]:
    """All that the folder holds, by name; it may be a run, study, sweep or soup itself."""
    if not folder.is_dir():
        raise RunFolderError(f"There is no folder {folder}: give the one that holds your runs.")
    yield from _below(folder, folder, 0)


def _below(folder: Path, top: Path, depth: int) -> Iterator[ListedRun]:
    kind = next((kind for name, kind in _KINDS.items() if (folder / name).is_file()), None)
    if kind is not None:
        yield _of_kind(folder, top, kind)
        return
    if depth == _DEEPEST:
        return
    with suppress(OSError):  # a folder of somebody else
        for one in sorted(os.scandir(folder), key=lambda one: one.name):
            if one.name.endswith(SUFFIX) and one.is_file():
                yield _of_pack(Path(one.path))
            elif one.is_dir() and one.name[0] != ".":
                yield from _below(Path(one.path), top, depth + 1)


def _of_kind(folder: Path, top: Path, kind: str) -> ListedRun:
    name = str(folder)
    try:
        members = [folder] if kind == "run" else list(_members(folder))
        counted = [_counted(member) for member in members]
    except UsageError as error:
        return ListedRun(name, kind, "", "", "", "", 0, None, str(error).partition("\n")[0])
    if len(counted) == 1 and kind == "run" and "imported" in counted[0].manifest:
        kind = "imported"
    return _listed(name, kind, counted, "running" if _is_locked(folder) else _state(counted))


def _of_pack(path: Path) -> ListedRun:
    try:
        manifest, scores = documents(path)
        pooled = scores["scores"]["pooled"]
        counted = _Counted(manifest, int(pooled["n"]), int(pooled["n_errors"]), pooled["accuracy"])
    except (UsageError, KeyError, TypeError, ValueError) as error:
        told = str(error).partition("\n")[0]
        return ListedRun(str(path), "pack", "", "", "", "", 0, None, told)
    return _listed(str(path), "pack", [counted], _state([counted]))


def _listed(name: str, kind: str, counted: Sequence[_Counted], state: str) -> ListedRun:
    shares = [one.accuracy for one in counted if one.accuracy is not None]
    return ListedRun(
        folder=name,
        kind=kind,
        plugin=_names(one.manifest["plugin"]["name"] for one in counted),
        model=_names(one.manifest["model"]["id"] for one in counted),
        control=_names(one.manifest["settings"].get("control", "none") for one in counted),
        prompt=_names(p for one in counted for p in one.manifest["settings"].get("prompt", ())),
        n=sum(one.n for one in counted),
        accuracy=(min(shares), max(shares)) if shares else None,
        state=state,
    )


def _members(folder: Path) -> Iterator[Path]:
    """The run folders below a study, a sweep or a soup."""
    for path in sorted(folder.glob(f"*/{MANIFEST}")) + sorted(folder.glob(f"*/*/{MANIFEST}")):
        yield path.parent


def _counted(folder: Path) -> _Counted:
    manifest = read_manifest(folder)
    try:
        pooled = read_json(folder / SCORES)["scores"]["pooled"]
        return _Counted(manifest, int(pooled["n"]), int(pooled["n_errors"]), pooled["accuracy"])
    except (OSError, ValueError, KeyError, TypeError):  # not scored yet
        return _Counted(manifest, _lines(folder / RECORDS), 0, None)


def _lines(path: Path) -> int:
    count = 0
    with suppress(OSError), path.open("rb") as file:
        while block := file.read(_BLOCK):
            count += block.count(b"\n")
    return count


def _state(counted: Sequence[_Counted]) -> str:
    if not counted:
        return "nothing asked yet"
    planned = sum(int(one.manifest["planned"]) for one in counted)
    n, errors = sum(one.n for one in counted), sum(one.errors for one in counted)
    if not all(one.is_complete and one.accuracy is not None for one in counted):
        unscored = n + errors >= planned and "its boxes alone, or not scored yet"
        return unscored or f"unfinished: {n:,} of {planned:,}"
    return f"{errors:,} failed" if errors else "finished"


def _is_locked(folder: Path) -> bool:
    """Whether a process is at work in the folder."""
    with suppress(OSError):
        handle = os.open(folder / LOCK, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
    return False


def _names(names: Iterator[Any]) -> str:
    return ", ".join(dict.fromkeys(str(name) for name in names))
