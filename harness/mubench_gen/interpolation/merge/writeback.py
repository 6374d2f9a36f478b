"""Have what was written on the disk, and have the disk begin while more is computed.

Linux lets gigabytes of written pages lie in memory before it begins, and an fsync at the end
then waits for all of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from functools import lru_cache
from typing import Any

STRETCH = 1 << 23  # bytes that are handed over at a time
_WRITE = 2  # SYNC_FILE_RANGE_WRITE: begin, don't wait

# What a file system answers that has no fsync, or no locks.
UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


def synced(handle: int) -> None:
    """Wait until the file is on the disk, where its file system can tell."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise


def begin_writing(handle: int, start: int, end: int) -> None:
    """The stretches that the bytes from `start` to `end` complete. A hint: never fails."""
    first, last = start // STRETCH, end // STRETCH
    call = _sync_file_range() if last > first else None
    if call is not None:
        with contextlib.suppress(OSError, ctypes.ArgumentError):
            call(handle, first * STRETCH, (last - first) * STRETCH, _WRITE)


@lru_cache(maxsize=1)
def _sync_file_range() -> Any:
    """libc's function; None where there is none (it is Linux's own)."""
    try:
        call = ctypes.CDLL(None).sync_file_range
    except (AttributeError, OSError, TypeError):
        return None
    call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return call
