"""A Python program in a process of its own: bounded in time, and gone with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: its exit code, None where its time was over; what it wrote until then."""

    code: int | None
    out: str
    err: str

    def __str__(self) -> str:
        """In words, for one that ended before it should."""
        last = self.err.strip().splitlines()[-1:]
        words = f": {last[0]}" if last else ", without a word"
        return f"it ended the process with exit code {self.code}{words}"


def run_apart(program: str, *words: str, patience: float) -> Ended:
    """Run a program with this interpreter and its path, `patience` seconds at most.

    What it writes goes to files and not to pipes: a process that it leaves behind would hold
    a pipe open.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        code: int | None = None
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(patience)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
        return Ended(code, *texts)
