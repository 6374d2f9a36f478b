"""The process's stdin, stdout and stderr, to which no write ever fails.

A stderr that is closed, full or without a reader loses what is written to it. For a stdout like
that the error is kept for the exit code, and the work goes on.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from typing import Any

from mubench_gen.console.outlet import has_colours, passed, tell

_PATIENCE = 0.1  # seconds to wait for a non-blocking stderr that is full


class _Descriptor(io.FileIO):
    """A file descriptor; what cannot be written to it is lost, and `error` says why.

    `patience`: seconds to wait for a non-blocking one that is full; None: for ever.
    """

    def __init__(self, number: int, patience: float | None) -> None:
        super().__init__(number, "w", closefd=False)
        self._patience = patience
        self.error: OSError | None = None

    def write(self, content: Any) -> int:
        view = memoryview(content).cast("B")
        with contextlib.suppress(TimeoutError):
            while view and self.error is None:
                view = view[self._some(view) :]
        return len(content)

    def _some(self, view: memoryview) -> int:
        """Write as much as fits. TimeoutError where the rest is lost."""
        try:
            return os.write(self.fileno(), view)
        except BlockingIOError:
            if select.select([], [self.fileno()], [], self._patience)[1]:
                return 0
        except OSError as error:
            if self._patience is None:  # stdout is given up; a full stderr may have room again
                self.error = error
        raise TimeoutError


class Stream(io.TextIOWrapper):
    """Text for such a descriptor, with secrets masked and control characters escaped."""

    def __init__(self, descriptor: _Descriptor, like: Any, *, errors: str) -> None:
        encoding = getattr(like, "encoding", None) or "utf-8"
        lines = descriptor.isatty() or descriptor.fileno() == 2
        super().__init__(io.BufferedWriter(descriptor), encoding, errors, line_buffering=lines)
        self._descriptor = descriptor
        self._colours = has_colours(descriptor)

    @property
    def error(self) -> OSError | None:
        """Why a part of the results is lost; None if it is not."""
        return self._descriptor.error

    def write(self, text: str) -> int:
        super().write(passed(text, colours=self._colours))
        return len(text)


def install() -> None:
    """Replace Python's own streams by such ones."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: the next file that is opened would get its number
            os.open(os.devnull, os.O_RDONLY if number < 2 else os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    sys.stdout = Stream(_Descriptor(1, None), sys.stdout, errors="replace")
    sys.stderr = Stream(_Descriptor(2, _PATIENCE), sys.stderr, errors="backslashreplace")
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]


def exit_code(code: int) -> int:
    """The code to leave with, whether or not the results could be written.

    A reader that went away (`| head`) is not an error. But a failed check (1) becomes 141, which
    shells report for a broken pipe, as nobody has read what failed.
    """
    error = getattr(sys.stdout, "error", None)
    if error is None:
        return code
    if error.errno == errno.EPIPE:
        return 141 if code == 1 else code
    tell(f"mubench-gen: the results cannot be written: {error.strerror}.")
    return 2
