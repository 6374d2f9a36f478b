"""stdout is for results alone."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def results_only() -> Iterator[None]:
    """Whatever plugins write to stdout meanwhile goes to stderr.

    Also what a C library or a child process writes, which knows nothing of `sys.stdout`.
    """
    with contextlib.redirect_stdout(sys.stderr):
        try:
            stdout, stderr = sys.__stdout__.fileno(), sys.__stderr__.fileno()  # type: ignore[union-attr]
        except (AttributeError, OSError, ValueError):  # no stdout, or one without a descriptor
            yield
            return
        kept = os.dup(stdout)
        os.dup2(stderr, stdout)
        try:
            yield
        finally:
            _flush_libraries()
            os.dup2(kept, stdout)
            os.close(kept)


def _flush_libraries() -> None:
    """Write out what C libraries have buffered, while stdout is still redirected."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).fflush(None)
