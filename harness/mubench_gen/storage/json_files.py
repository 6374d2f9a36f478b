"""JSON documents in files: written whole or not at all, synced, with a checksum if wanted."""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mubench_gen.console.masking import blanked, holds_secret
from mubench_gen.console.progress import log
from mubench_gen.errors import RunFolderError
from mubench_gen.storage.scratch import Scratch

SEAL = "crc"
# What a file system answers that has no fsync, or no locks.
UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


def sync(handle: int, place: Path) -> None:
    """Wait until what was written is on the disk; log once if the file system has no fsync."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        tell_once(
            f"{place}: this file system has no fsync ({error.strerror}): what is finished may be "
            "lost when the machine fails, and is then done again."
        )


@cache
def tell_once(message: str) -> None:
    """Log a message, unless it was logged before."""
    log(message)


def write_json(path: Path, content: Mapping[str, Any], *, sealed: bool = False) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename, fsync.

    `sealed`: with a checksum of the content.
    """
    text = _text(content) + "\n"
    if sealed:
        text = _sealed(text)
    try:
        with Scratch(path) as scratch:
            scratch.write(text.encode("utf-8", "replace"))
            sync(scratch.handle, path.parent)
            scratch.become(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            sync(folder, path.parent)
        finally:
            os.close(folder)
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be written: {error.strerror}.") from None


def is_sealed(content: dict[str, Any]) -> bool:
    """Whether a document fits its checksum, which is taken out of it."""
    return bool(content.pop(SEAL, None) == _checksum(content))


def _text(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, indent=1, ensure_ascii=False, default=str)
    if not holds_secret(text.encode("utf-8", "replace")):
        return text
    return json.dumps(blanked(json.loads(text)), indent=1, ensure_ascii=False)


def sealed_text(content: Mapping[str, Any]) -> str:
    """A document as text, with the checksum that `write_manifest` writes."""
    return _sealed(_text(content))


def _sealed(text: str) -> str:
    """The document with the checksum of its content as a reader parses it."""
    content = json.loads(text.encode("utf-8", "replace"))
    sealed = {**content, SEAL: _checksum(content)}
    return json.dumps(sealed, indent=1, ensure_ascii=False) + "\n"


def _checksum(content: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(content, sort_keys=True).encode()):08x}"
