"""Where an unfinished merge lies, so that nothing that looks complete is ever incomplete.

`.NAME.partial` beside the folder to come holds everything until the end, when it gets its
name. The journal in it says what is finished, of which merge.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mubench_gen.console.progress import log
from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge import journal as journals
from mubench_gen.interpolation.merge.journal import JOURNAL, Journal, OtherMerge
from mubench_gen.interpolation.merge.writeback import UNSUPPORTED, synced

_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Workspace:
    """An open one."""

    out: Path
    folder: Path
    journal: Journal

    def complete(self, content: Path | None = None) -> None:
        """Give the folder its name; or a folder in it, and remove the rest."""
        if content is not None:
            sync(content)
            _rename(content, self.out)
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        for name in (JOURNAL, _LOCK):
            (self.folder / name).unlink(missing_ok=True)
        sync(self.folder)
        _rename(self.folder, self.out)


def _rename(folder: Path, out: Path) -> None:
    try:
        os.replace(folder, out)
    except OSError as error:
        raise MergeError(f"{out}: cannot be made: {error.strerror}.") from None
    sync(out.parent)


def told(out: Path, error: OSError) -> str:
    """What the system did not do, and with which file."""
    return f"--out {out}: {error.filename or 'it'} cannot be written or read: {error.strerror}."


def refuse_existing(out: Path) -> None:
    """An output that is there already is left as it is; an empty folder is none."""
    try:
        if out.is_dir() and not any(out.iterdir()):
            return
        there = out.exists() or out.is_symlink()
    except OSError as error:
        raise MergeError(f"--out {out}: {error.strerror}.") from None
    if there:
        raise MergeError(f"--out {out} exists already. Give another name, or remove it first.")


@contextlib.contextmanager
def opened(out: Path, identity: Mapping[str, Any]) -> Iterator[Workspace]:
    """The workspace of `out`, with what an interrupted merge of the same identity finished.

    Kept when the block is left by an interruption or a full disk, removed where an input
    turned out to be unfit.
    """
    folder = out.parent / f".{out.name}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise MergeError(f"--out {out}: cannot be made here: {error.strerror}.") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise MergeError(
                    f"--out {out}: another process merges into it. Wait, or give another."
                ) from None
        with _journal(folder, identity) as journal:
            yield Workspace(out, folder, journal)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _journal(folder: Path, identity: Mapping[str, Any]) -> Iterator[Journal]:
    """That of this merge; where the folder holds what another began, that is removed."""
    with contextlib.ExitStack() as stack:
        try:
            if not (folder / JOURNAL).exists():
                _empty(folder)
            try:
                journal = stack.enter_context(journals.opened(folder / JOURNAL, identity))
            except OtherMerge:
                log(f"{folder}: was begun by another merge, or its inputs changed: begins anew.")
                _empty(folder)
                journal = stack.enter_context(journals.opened(folder / JOURNAL, identity))
        except OSError as error:
            raise MergeError(
                f"{told(folder, error)} Mend the disk, or remove {folder} and merge again."
            ) from None
        yield journal


def discard(workspace: Workspace) -> None:
    """Remove what was begun."""
    shutil.rmtree(workspace.folder, ignore_errors=True)


def require_space(out: Path, needed: int) -> None:
    """MergeError where the disk has less room than the merge will take."""
    place = out.parent
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed > free:
        raise MergeError(
            f"--out {out}: {_size(needed)} are needed and {_size(free)} are free on that disk. "
            "Free some, give fewer α, or another --out."
        )


def clear(workspace: Workspace) -> None:
    """Remove what an interrupted one left."""
    _empty(workspace.folder)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != _LOCK:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, written to the disk now."""
    handle = os.open(path, os.O_RDONLY)
    try:
        synced(handle)
    finally:
        os.close(handle)


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 else f"{count / 1e6:,.1f} MB"
