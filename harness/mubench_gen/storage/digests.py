"""SHA-256 of files, remembered while a file's size, times and inode stay the same.

They are kept in the cache folder, one document for each folder of files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from mubench_gen.console.progress import bar
from mubench_gen.errors import DataError, ImageError
from mubench_gen.storage.paths import cache_folder
from mubench_gen.storage.scratch import Scratch, sweep
from mubench_gen.storage.user_files import open_regular

if TYPE_CHECKING:
    from mubench_gen.types import Image

Stamp = tuple[int, int, int, int, int]  # device, inode, size, and when it was written and changed
_CHUNK = 4 * 2**20
_SHOWN_FROM = 32 * 10**6  # bytes to read, from which on progress is shown
# Seconds after a file was written in which a second writing may leave the same times on it.
_UNSURE = 0.1


@dataclass(frozen=True, slots=True)
class FileDigest:
    """A file's digest, and the file's stamp when it was read."""

    sha256: str
    stamp: Stamp


_WATCHED: ContextVar[dict[str, FileDigest] | None] = ContextVar("_WATCHED", default=None)


@contextlib.contextmanager
def watched() -> Iterator[dict[str, FileDigest]]:
    """Collects the files whose digests are taken in the block, by path, for `changed_since`.

    A block around this one gets them too.
    """
    files: dict[str, FileDigest] = {}
    token = _WATCHED.set(files)
    try:
        yield files
    finally:
        _WATCHED.reset(token)
        outer = _WATCHED.get()
        if outer is not None:
            outer.update(files)


def watch(path: str | os.PathLike[str], known: FileDigest) -> None:
    """Note a file for the `watched` blocks around the call, if there are any."""
    files = _WATCHED.get()
    if files is not None:
        files[os.path.abspath(path)] = known


def changed_since(files: dict[str, FileDigest]) -> Iterator[str]:
    """The paths of these files that hold other bytes by now; only those written since are read.

    One that was written with the same bytes gets its new stamp in `files`, so that it is read once.
    A file that is gone is not told: nothing can be read from it.
    """
    for path, known in files.items():
        with contextlib.suppress(OSError):
            stamp = stamp_of(os.stat(path))
            if stamp == known.stamp:
                continue
            if sha256_of(Path(path)) != known.sha256:
                yield path
            else:
                files[path] = FileDigest(known.sha256, stamp)


def stamp_of(facts: os.stat_result) -> Stamp:
    """Facts of a file that change whenever it is written."""
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


class DigestCache:
    """The digests of the files of one folder, by name; saved when the `with` block ends.

    Best effort: where the cache can't be written, files are read again next time.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = os.path.realpath(folder)
        name = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:16]
        self._path = cache_folder() / "digests" / f"{name}.json"
        self._files = _read(self._path)
        self._changed = False

    def __enter__(self) -> DigestCache:
        return self

    def __exit__(self, *_: object) -> None:
        if self._changed:
            self._write()

    def last(self, name: str) -> str | None:
        """The digest that the file of that name had when it was last read."""
        entry = self._files.get(name)
        return None if entry is None else str(entry[0])

    def known(self, name: str, stamp: Stamp) -> str | None:
        """The digest of the file of that name; None if it has changed since it was read."""
        entry = self._files.get(name)
        return str(entry[0]) if entry is not None and tuple(entry[1:]) == stamp else None

    def note(self, name: str, known: FileDigest) -> None:
        self._files[name] = [known.sha256, *known.stamp]
        self._changed = True

    def _write(self) -> None:
        with contextlib.suppress(OSError, TypeError):  # TypeError: a name that is not UTF-8
            content = orjson.dumps({"folder": self._folder, "files": self._files})
            self._path.parent.mkdir(parents=True, exist_ok=True)
            sweep(self._path.parent, [self._path.name])
            with Scratch(self._path) as scratch:
                scratch.write(content)
                scratch.become(self._path)


def sha256_of(
    path: Path, *, again: bool = False, told: Callable[[int], None] = lambda count: None
) -> str:
    """The file's digest in hexadecimal. `again`: read the file although it is remembered.

    `told` is called with the number of bytes of every piece that is read.
    """
    try:
        with DigestCache(path.parent) as memory:
            stamp = stamp_of(path.stat())
            sha256 = None if again else memory.known(path.name, stamp)
            found = FileDigest(sha256, stamp) if sha256 else None
            found = found or read_digest(path, memory, path.name, told)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from None
    watch(path, found)
    return found.sha256


def read_digest(
    path: str | os.PathLike[str],
    memory: DigestCache,
    name: str,
    told: Callable[[int], None] = lambda count: None,
) -> FileDigest:
    """Read the file; its digest is noted under the name unless it was written just now."""
    digest = hashlib.sha256()
    with open_regular(path) as opened:
        file: Any = opened
        stamp = stamp_of(os.fstat(file.fileno()))
        buffer = memoryview(bytearray(min(_CHUNK, stamp[2] + 1)))
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            told(count)
        known = FileDigest(digest.hexdigest(), stamp)
        age = time.time() - max(stamp[3:]) / 1e9
        if stamp_of(os.fstat(file.fileno())) == stamp and not 0 <= age < _UNSURE:
            memory.note(name, known)
    return known


def remember(path: Path, sha256: str) -> None:
    """Note a file's digest that is known without reading the file."""
    with contextlib.suppress(OSError), DigestCache(path.parent) as memory:
        memory.note(path.name, FileDigest(sha256, stamp_of(path.stat())))


def digest_or_none(image: Image) -> str | None:
    """The digest of an image's file; None where it cannot be read."""
    try:
        return image.sha256
    except ImageError:
        return None


def digests_of(paths: Sequence[Path]) -> list[str]:
    """The digest of each file, with progress on stderr where much has to be read."""
    unread = sum(_size(path) for path in paths if not _is_known(path))
    with reading(unread) as told:
        return [sha256_of(path, told=told) for path in paths]


def files_digest(paths: Sequence[Path]) -> str:
    """One digest of several files in order."""
    each = digests_of(paths)
    return each[0] if len(each) == 1 else hashlib.sha256("\n".join(each).encode()).hexdigest()


@contextlib.contextmanager
def reading(total: int) -> Iterator[Callable[[int], None]]:
    """Shows progress over `total` bytes; yields a function to call with each piece's size."""
    done = 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        display.at(done // 10**6, total // 10**6)

    shown = total >= _SHOWN_FROM
    with bar("reading files for their SHA-256 (MB)", total // 10**6, shown=shown) as display:
        yield told


def _is_known(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return DigestCache(path.parent).known(path.name, stamp_of(path.stat())) is not None
    return True  # reading it says what is wrong


def _size(path: Path) -> int:
    return path.stat().st_size


def _read(path: Path) -> dict[str, list[Any]]:
    try:
        found = orjson.loads(path.read_bytes())["files"]
        return {
            name: entry
            for name, entry in found.items()
            if [type(part) for part in entry] == [str, *[int] * 5]
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def tree_digest(folder: Path) -> str:
    """One digest of all files in a folder and below, by their names there."""
    names = sorted(_below(folder))
    with DigestCache(folder) as memory:
        each = digests_within(folder, names, memory)
    lines = [f"{known.sha256}  {name}\n" for name, known in each.items()]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def digests_within(
    folder: str | os.PathLike[str],
    names: Sequence[str],
    memory: DigestCache,
    most: int | None = None,
) -> Mapping[str, FileDigest]:
    """The digest of each file of the folder that can be read, by name.

    Unchanged files are not read. `most`: the number of bytes to read at most; files that don't
    fit into it are left out too.
    """
    stamps: dict[str, Stamp] = {}
    for name in names:
        with contextlib.suppress(OSError, ValueError):  # ValueError: a null character in it
            stamps[name] = stamp_of(os.stat(os.path.join(folder, name)))
    unread = {name for name, stamp in stamps.items() if memory.known(name, stamp) is None}
    found: dict[str, FileDigest] = {}
    left = sum(stamps[name][2] for name in unread) if most is None else most
    with reading(sum(stamps[name][2] for name in unread)) as told:
        for name, stamp in stamps.items():
            sha256 = None if name in unread else memory.known(name, stamp)
            if sha256 is not None:
                found[name] = FileDigest(sha256, stamp)
            elif most is None or stamp[2] <= left:
                left -= stamp[2]
                with contextlib.suppress(OSError):
                    path = os.path.join(folder, name)
                    found[name] = read_digest(path, memory, name, told)
    for name, known in found.items():
        watch(os.path.join(folder, name), known)
    return found


def _below(folder: Path) -> Iterator[str]:
    """The files in the folder and below, each folder once, whatever links lead there."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (os.path.relpath(os.path.join(place, name), folder) for name in files)
