"""The folder of an unfinished merge, so that a folder of the final name is always complete.

`.NAME.partial`, next to the folder to write, holds everything until it is renamed at the end. Its
`.progress` holds the settings and inputs of the merge, and a record of each finished shard.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mubench_gen.console.masking import blanked
from mubench_gen.console.progress import log
from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.arithmetic import InnerProducts
from mubench_gen.interpolation.merge.shard_writer import FinishedShard
from mubench_gen.storage.json_files import UNSUPPORTED, is_sealed, sync, write_json
from mubench_gen.storage.user_files import read_json

_PROGRESS, _LOCK, _SETTINGS = ".progress", "lock", "settings.json"


@dataclass(frozen=True, slots=True)
class PartialFolder:
    """A partial folder that this process has locked."""

    out: Path
    folder: Path

    def note(self, shard: str, finished: FinishedShard) -> None:
        """Record that this shard is finished."""
        write_json(self._record(shard), asdict(finished), sealed=True)

    def finished(self, shard: str) -> FinishedShard | None:
        """The record of a shard; None if there is none or it is damaged."""
        try:
            record = read_json(self._record(shard))
            if not is_sealed(record):
                return None
            products = record["products"].items()
            return FinishedShard(
                checksums=tuple(record["checksums"]),
                products={name: InnerProducts(**one) for name, one in products},
                identical=tuple(record["identical"]),
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def clear(self) -> None:
        """Remove what an interrupted merge left; the lock stays."""
        for path in [*self.folder.iterdir(), *(self.folder / _PROGRESS).iterdir()]:
            if path.name not in (_PROGRESS, _LOCK):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def complete(self, content: Path | None = None) -> None:
        """Give the folder (or the folder `content` in it, removing the rest) its final name."""
        if content is None:
            shutil.rmtree(self.folder / _PROGRESS)
        sync_path(content or self.folder)
        try:
            os.replace(content or self.folder, self.out)
        except OSError as error:
            raise MergeError(f"{self.out}: cannot be made: {error.strerror}.") from None
        sync_path(self.out.parent)
        if content is not None:
            self.remove()

    def _record(self, shard: str) -> Path:
        return self.folder / _PROGRESS / f"{shard}.json"


def refuse_existing(out: Path) -> None:
    """Raise MergeError if the output exists already; an empty folder doesn't count."""
    try:
        if out.is_dir() and not any(out.iterdir()):
            return
        there = out.exists() or out.is_symlink()
    except OSError as error:
        raise MergeError(f"--out {out}: {error.strerror}.") from None
    if there:
        raise MergeError(f"--out {out} exists already. Give another name, or remove it first.")


@contextlib.contextmanager
def open_partial(out: Path, settings: Mapping[str, Any]) -> Iterator[PartialFolder]:
    """The partial folder of `out`, with what an interrupted merge of these settings finished.

    Results of another merge are removed. The folder remains after an interruption or a full
    disk.
    """
    partial = PartialFolder(out, out.parent / f".{out.name}.partial")
    try:
        (partial.folder / _PROGRESS).mkdir(parents=True, exist_ok=True)
        handle = os.open(partial.folder / _PROGRESS / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise MergeError(f"--out {out}: cannot be made here: {error.strerror}.") from None
    try:
        _lock(out, handle)
        try:
            _clear_if_other(partial, settings)
        except OSError as error:
            raise MergeError(
                f"{describe_failure(out, error)} Repair the disk, or remove {partial.folder} "
                "and merge again."
            ) from None
        yield partial
    finally:
        os.close(handle)


def _lock(out: Path, handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise MergeError(
                f"--out {out}: another process merges into it. Wait, or give another."
            ) from None


def _clear_if_other(partial: PartialFolder, settings: Mapping[str, Any]) -> None:
    """Empty the folder if it holds another merge than this one."""
    path = partial.folder / _PROGRESS / _SETTINGS
    if path.exists():
        try:
            stored = read_json(path)
        except ValueError:
            stored = None
        if stored == blanked(settings):
            return
        log(f"{partial.folder}: holds another merge, or one of other inputs: starting anew.")
    partial.clear()
    write_json(path, settings)


def describe_failure(out: Path, error: OSError) -> str:
    """A message with the file that could not be read or written, and why."""
    return f"--out {out}: {error.filename or 'it'} cannot be written or read: {error.strerror}."


def require_space(partial: PartialFolder, needed: int) -> None:
    """Raise MergeError if the disk has less space than the merge needs."""
    free = shutil.disk_usage(partial.folder).free
    if needed > free:
        raise MergeError(
            f"--out {partial.out}: {_size(needed)} are needed and {_size(free)} are free on that "
            "disk. Free some, give fewer α, or another --out."
        )


def sync_path(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        sync(handle, path.parent)
    finally:
        os.close(handle)


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 else f"{count / 1e6:,.1f} MB"
