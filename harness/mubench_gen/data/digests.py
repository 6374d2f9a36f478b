"""SHA-256 of large files, remembered while a file's size, time and inode stay the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from mubench_gen.errors import DataError
from mubench_gen.places import cache_folder
from mubench_gen.progress import bar
from mubench_gen.scratch import Scratch, sweep

_CHUNK = 4 * 2**20
_MOST = 500  # files remembered


def sha256_of(
    path: Path, *, again: bool = False, told: Callable[[int], None] = lambda count: None
) -> str:
    """The file's digest in hexadecimal. `again`: read the file although it is remembered.

    `told` hears of every piece that is read, in bytes.
    """
    key, known = _identity(path), _remembered()
    if key in known and not again:
        return known[key]
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            buffer = memoryview(bytearray(_CHUNK))
            while count := file.readinto(buffer):
                digest.update(buffer[:count])
                told(count)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from None
    _remember(key, digest.hexdigest())
    return digest.hexdigest()


def digests_of(paths: Sequence[Path]) -> list[str]:
    """The digest of each file, with progress on stderr where they have to be read."""
    known = _remembered()
    unread = sum(path.stat().st_size for path in paths if _identity(path) not in known)
    done = 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        shown.at(done // 10**6, unread // 10**6)

    with bar("reading the data for its SHA-256 (MB)", unread // 10**6, shown=unread > 0) as shown:
        return [sha256_of(path, told=told) for path in paths]


def files_digest(paths: Sequence[Path]) -> str:
    """One digest of several files in order."""
    each = digests_of(paths)
    return each[0] if len(each) == 1 else hashlib.sha256("\n".join(each).encode()).hexdigest()


def _identity(path: Path) -> str:
    try:
        facts = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from None
    return f"{facts.st_dev} {facts.st_ino} {facts.st_size} {facts.st_mtime_ns}"


def _memory() -> Path:
    return cache_folder() / "digests.json"


def _remembered() -> dict[str, str]:
    try:
        found = json.loads(_memory().read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(key: str, digest: str) -> None:
    """Best effort: where the cache can't be written, files are read again next time."""
    path = _memory()
    known = {k: v for k, v in list(_remembered().items())[-_MOST:] if k != key}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, [path.name])
        with Scratch(path) as scratch:
            scratch.write(json.dumps(known | {key: digest}, indent=1).encode())
            scratch.become(path)
    except OSError:
        return
