"""Python programs in processes of their own: bounded in time, and gone with all they started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass

_LOOK = 0.01  # seconds between two looks at the processes that run


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its exit code, None if its time was over, and what it wrote."""

    code: int | None
    out: str
    err: str

    def __str__(self) -> str:
        """In words, for one that ended before it should."""
        if self.code is not None and self.code < 0:
            with contextlib.suppress(ValueError):  # a signal without a name
                return f"it was ended by {signal.Signals(-self.code).name}{self._last_words}"
        return f"it ended the process with exit code {self.code}{self._last_words}"

    @property
    def _last_words(self) -> str:
        last = self.err.strip().splitlines()[-1:]
        return f": {last[0]}" if last else ", without a word"


def run_apart(program: str, *words: str, patience: float) -> Ended:
    """Run a program with this interpreter and its path, `patience` seconds at most."""
    ((_, ended),) = run_each(program, [words], patience=patience, at_once=1)
    return ended


def run_each(
    program: str, calls: Sequence[Sequence[str]], *, patience: float, at_once: int
) -> Generator[tuple[int, Ended], None, None]:
    """Run a program once for each of `calls`, its arguments, `patience` seconds each at most.

    Yields the number of the call and how it ended, as they end; `at_once` run side by side.
    """
    left = list(enumerate(calls))
    running: dict[int, _Started] = {}
    try:
        while left or running:
            while left and len(running) < at_once:
                number, words = left.pop(0)
                running[number] = _Started(program, words, patience)
            over = [number for number, one in running.items() if one.is_over()]
            for number in over:
                yield number, running.pop(number).end()
            if not over:
                time.sleep(_LOOK)
    finally:  # Ctrl-C, say
        for one in running.values():
            one.end()


class _Started:
    """A running process.

    What it writes goes to files and not to pipes: a process that it leaves behind would hold
    a pipe open.
    """

    def __init__(self, program: str, words: Sequence[str], patience: float) -> None:
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 (`end` closes them)
        self._err = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, *words],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        self._until = time.monotonic() + patience

    def is_over(self) -> bool:
        return self._process.poll() is not None or time.monotonic() > self._until

    def end(self) -> Ended:
        """End it, where it still runs, with all that it started."""
        code = self._process.poll()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        texts = []
        for file in (self._out, self._err):
            with file:
                file.seek(0)
                texts.append(file.read().decode("utf-8", "replace"))
        return Ended(code, *texts)
