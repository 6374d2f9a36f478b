"""The process's stdin, stdout and stderr, made so that no write to them ever fails.

A stderr that is closed, full or without a reader loses what is written to it. Of a stdout like
that the error is kept, for the exit code: the work behind it is done all the same.
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

_PATIENCE = 0.1  # seconds that a stderr may take which asks for no waiting


class _Held(io.FileIO):
    """A descriptor; what it doesn't take is lost, and `error` says why.

    `patience`: seconds to wait for it where it would not wait by itself; None: for ever.
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
        """Write as much as it takes. TimeoutError where the rest is lost."""
        try:
            return os.write(self.fileno(), view)
        except BlockingIOError:
            if select.select([], [self.fileno()], [], self._patience)[1]:
                return 0
        except OSError as error:
            if self._patience is None:  # done with; but a full stderr may have room again
                self.error = error
        raise TimeoutError


class Stream(io.TextIOWrapper):
    """Text for such a descriptor, without secrets and without what a terminal would obey."""

    def __init__(self, held: _Held, like: Any, *, errors: str) -> None:
        encoding = getattr(like, "encoding", None) or "utf-8"
        lines = held.isatty() or held.fileno() == 2
        super().__init__(io.BufferedWriter(held), encoding, errors, line_buffering=lines)
        self._held = held
        self._colours = has_colours(held)

    @property
    def error(self) -> OSError | None:
        """Why something of what was written is lost, and it mattered."""
        return self._held.error

    def write(self, text: str) -> int:
        super().write(passed(text, colours=self._colours))
        return len(text)


def hold() -> None:
    """Put such streams in the place of Python's own."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: or the next file that is opened would be taken for it
            os.open(os.devnull, os.O_RDONLY if number < 2 else os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    sys.stdout = Stream(_Held(1, None), sys.stdout, errors="replace")
    sys.stderr = Stream(_Held(2, _PATIENCE), sys.stderr, errors="backslashreplace")
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]


def exit_code(code: int) -> int:
    """The code to leave with, whether or not the results could be written.

    A reader that went away (`| head`) is no error; but it was not told that a check does not
    hold, so that 1 is what a shell says of a program that writes to nobody.
    """
    error = getattr(sys.stdout, "error", None)
    if error is None:
        return code
    if error.errno == errno.EPIPE:
        return 141 if code == 1 else code
    tell(f"mubench-gen: the results cannot be written: {error.strerror}.")
    return 2
