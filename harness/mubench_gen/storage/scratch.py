"""Scratch files and folders: each locked by the process that fills it.

Files are `.NAME-` and eight letters, folders `.NAME-unfinished-` and eight letters. The process
that makes one locks it as long as it exists: what has no lock was left by a killed process and is
removed, what has one is being written.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

_FOLDER = "-unfinished-"  # a name that nobody else would choose
_DRAWN = r"[a-z0-9_]{8}"  # what `tempfile` draws


class Scratch:
    """A scratch file or folder beside what it becomes.

    Leaving the block removes what is left of it. May raise OSError.
    """

    def __init__(self, target: Path, *, is_folder: bool = False) -> None:
        self._is_folder = is_folder
        self.path, self.handle = _made(target, is_folder)
        while self.handle < 0:  # another process removed it before it was locked
            self.path, self.handle = _made(target, is_folder)

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            _remove(self.path)
        with contextlib.suppress(OSError):
            os.close(self.handle)

    def write(self, content: bytes) -> None:
        """Append to the file."""
        view = memoryview(content)
        while view:
            view = view[os.write(self.handle, view) :]

    def become(self, target: Path) -> None:
        """Take this name: replacing a file, or as a folder that does not exist yet."""
        os.chmod(self.path, 0o755 if self._is_folder else 0o644)
        (os.rename if self._is_folder else os.replace)(self.path, target)


def sweep(folder: Path, names: Iterable[str]) -> None:
    """Remove scratch of these names that no process has locked; what can't be removed stays."""
    ours = re.compile(rf"\.(?:{'|'.join(map(re.escape, names))})(?:-|({_FOLDER})){_DRAWN}")
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            found = ours.fullmatch(entry.name)
            if found and entry.is_dir(follow_symlinks=False) == bool(found[1]):
                with contextlib.suppress(OSError):
                    _sweep(Path(entry.path))


def _sweep(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path)
    finally:
        os.close(handle)


def _made(target: Path, is_folder: bool) -> tuple[Path, int]:
    """The path and a locked handle; −1 if it was removed before it was locked."""
    prefix = f".{target.name}{_FOLDER if is_folder else '-'}"
    if is_folder:
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return path, -1
        except OSError:
            os.rmdir(path)
            raise
    else:
        handle, name = tempfile.mkstemp(prefix=prefix, dir=target.parent)
        path = Path(name)
    if _lock(handle) and path.exists():
        return path, handle
    os.close(handle)
    return path, -1


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nothing is swept there
        pass
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
