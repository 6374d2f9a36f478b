"""Reads files that a user names: only regular ones, up to a size, with plain data."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import IO, Any

DEEPEST = 64  # levels of nested lists and tables
_MOST_BITS = 1_024  # of an integer


def open_regular(path: str | os.PathLike[str]) -> IO[bytes]:
    """The file, open for reading. OSError where it is a pipe, a device or anything else.

    It never waits: a plain `open` of a FIFO that nobody writes to hangs for ever.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            kind = "a pipe" if stat.S_ISFIFO(mode) else "a device"
            told = f"It is {kind}, not a regular file. Save what it holds in a file and name that"
            raise OSError(errno.EINVAL, told, str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path, most: int = 16 * 2**20) -> bytes:
    """The content of a regular file of at most that many bytes. OSError says what is wrong."""
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"Larger than {most:,} bytes", str(path))
    return content


def parse_json(text: str | bytes, *, unique: bool = False) -> Any:
    """The document in a JSON text. ValueError if it is not JSON, or fails `check_plain`.

    `unique`: ValueError too if an object has a key twice.
    """
    try:
        document = json.loads(text, object_pairs_hook=_unique if unique else None)
        check_plain(document)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def read_json(path: Path, most: int = 256 * 2**20) -> Any:
    """The document in a JSON file. OSError or ValueError if there is none."""
    return parse_json(read_regular(path, most))


def check_plain(document: Any) -> None:
    """RecursionError if a document is nested too deeply, ValueError for an integer too large.

    All later code, from messages to JSON, may then walk through it and print it.
    """
    level = [document]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
                raise ValueError("a number has too many digits")
        if not below:
            return
        level = below
    raise RecursionError
