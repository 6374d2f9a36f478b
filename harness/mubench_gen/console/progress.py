"""Progress on stderr: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from mubench_gen.console.notes import is_quiet, note
from mubench_gen.console.outlet import printable, tell

_PLAIN_EVERY = 10.0  # seconds between plain lines
_A_MOMENT = 1.5  # seconds in which nobody wonders what goes on


class Progress(Protocol):
    """Told where the work stands; `note` goes behind the bar (running accuracy)."""

    def at(self, done: int, total: int, note: str = "") -> None: ...


class Silent:
    """Shows nothing."""

    def at(self, done: int, total: int, note: str = "") -> None:
        pass


class PlainLines:
    """A line after a moment, then every ten seconds, and the last one."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._began = time.monotonic()
        self._last = self._began - _PLAIN_EVERY + _A_MOMENT
        self._first: int | None = None
        self._moves = False
        self._line = ""

    def at(self, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = done
        elif not self._moves and done > self._first:
            # What came before the first answer, like a model's start, says nothing of the rate.
            self._moves, self._first, self._began = True, done, now
        rate = (done - self._first) / (now - self._began) if now > self._began else 0.0
        self._line = f"{self._title}: {done:,}/{total:,}"
        if rate > 0:
            self._line += f" · {rate:,.1f}/s"
        if rate > 0 and done < total:
            self._line += f" · {(total - done) / rate:,.0f} s left"
        self._line += f" · {note}" if note else ""
        if now - self._last >= _PLAIN_EVERY:
            self._last = now
            self.close()

    def close(self) -> None:
        if self._line:
            log(self._line)
            self._line = ""


class RichBar:
    """rich's bar, redrawn ten times a second at most."""

    def __init__(self, title: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            Task,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.text import Text

        class Rate(ProgressColumn):
            def render(self, task: Task) -> Text:
                speed = task.finished_speed or task.speed
                return Text(f"{speed:,.1f}/s" if speed else "–/s", style="progress.data.speed")

        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            Rate(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(printable(title), total=total or None, note="")
        with contextlib.suppress(OSError, ValueError):
            self._bar.start()

    def at(self, done: int, total: int, note: str = "") -> None:
        with contextlib.suppress(OSError, ValueError):  # a terminal that is gone
            self._bar.update(self._task, completed=done, total=total or None, note=note)

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._bar.stop()


@contextmanager
def bar(title: str, total: int, *, shown: bool = True) -> Iterator[Progress]:
    """A progress display for the length of a `with` block."""
    if not shown or is_quiet():
        yield Silent()
        return
    display = RichBar(title, total) if sys.stderr.isatty() else PlainLines(title)
    try:
        yield display
    finally:
        display.close()


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Tell what takes long, once, if a `with` block is not done after a moment."""
    timer = threading.Timer(_A_MOMENT, note, [f"{text} …"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def log(message: str) -> None:
    """A line on stderr, which never fails."""
    tell(message)
