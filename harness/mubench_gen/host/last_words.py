"""What a host writes to its stderr: passed on, and its last lines kept for messages."""

from __future__ import annotations

import itertools
import os
import re
import sysconfig
import threading
from collections import deque
from contextlib import suppress
from typing import IO

from mubench_gen.console.outlet import tell

_KEPT = 60  # lines
_LONGEST = 2_000  # characters of a line that are shown
_SAID = 300  # characters in a message
_CRASH = "Fatal Python error: "
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<name>\S+)')
_PYTHONS = sysconfig.get_path("stdlib") + os.sep  # code in which no fault is looked for
_END = 2.0  # seconds for what was written before the end to arrive


class LastWords:
    """Passes on each line, and remembers the last ones."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._thread: threading.Thread | None = None

    def listen(self, stream: IO[bytes]) -> None:
        """Read the stream in a thread until it ends."""
        self._lines.clear()
        self._thread = threading.Thread(
            target=self._read, args=(stream,), name="mubench-gen stderr", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Wait until all is passed on that was written before the process ended."""
        if self._thread is not None:
            self._thread.join(_END)

    def told(self) -> str:
        """What was said last, as the end of a sentence; empty if nothing was."""
        self.end()
        said = _crash(list(self._lines)) or next(
            (line.strip() for line in reversed(self._lines) if line.strip()), ""
        )
        return f" (it said last: {said[:_SAID]})" if said else ""

    def _read(self, stream: IO[bytes]) -> None:
        with suppress(OSError, ValueError), stream:
            while line := stream.readline(_LONGEST):
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                shown = text.rpartition("\r")[2]  # of a bar that redraws itself, its last state
                self._lines.append(shown)
                tell(shown)


def _crash(lines: list[str]) -> str:
    """What Python's fault handler wrote: the fault, and the line that was running."""
    fault = next((line for line in lines if line.startswith(_CRASH)), None)
    if fault is None:
        return ""
    running = itertools.dropwhile(lambda line: not line.startswith("Current thread"), lines)
    frames = [f"{at['file']}:{at['line']}" for at in map(_FRAME.match, running) if at]
    own = [frame for frame in frames if not frame.startswith(_PYTHONS)]
    return " at ".join([fault.removeprefix(_CRASH), *(own or frames)[:1]])
