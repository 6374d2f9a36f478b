"""What importing a plugin changes in the process beside: noticed, and put back.

stdout carries results alone, and the process's logging, signals and working directory belong
to the run and not to a plugin.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mubench_gen.deprecation import MubenchDeprecationWarning
from mubench_gen.progress import log

_SHOWN = 60  # characters of what was printed


@dataclass(slots=True)
class Effects:
    """What the block changed: filled in when it is left."""

    printed: str = ""
    changed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = [f"prints {self.printed.strip()[:_SHOWN]!r}"] if self.printed else []
        told += [f"changes {', '.join(self.changed)}"] if self.changed else []
        return " and ".join(told)


_outer: list[Effects] = []  # the blocks that this one is in, which are told of it too


@contextlib.contextmanager
def effects() -> Iterator[Effects]:
    """Notice what the block changes, and put it back. What it prints goes to stderr."""
    found = Effects()
    before, text = _State.now(), _Overheard()
    _outer.append(found)
    with contextlib.redirect_stdout(text):
        try:
            yield found
        finally:
            _outer.pop()
            after = _State.now()
            found.printed += text.getvalue()
            found.changed += before.differing(after)
            before.restore(after)
            for outer in _outer[-1:]:
                outer.printed += found.printed
                outer.changed += found.changed


@contextlib.contextmanager
def kept_as_it_was(where: str) -> Iterator[None]:
    """`effects`, told on stderr with the plugin's name; so is what it uses that is deprecated."""
    with _deprecations() as deprecated, effects() as found:
        yield
    if str(found):
        log(f"{where} {found} when it is imported: kept from the run.")
    for warning in deprecated:
        log(f"{where}: {warning}")


@contextlib.contextmanager
def _deprecations() -> Iterator[list[str]]:
    """The deprecations of mubench-gen that the block meets; other warnings go where they would."""
    met: list[str] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", MubenchDeprecationWarning)
            yield met
    finally:
        for one in caught:
            if issubclass(one.category, MubenchDeprecationWarning):
                met.append(str(one.message))
            else:
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


class _Overheard(io.StringIO):
    """Passes on to stderr what is written, and remembers it."""

    def write(self, text: str) -> int:
        sys.stderr.write(text)
        return super().write(text)


@dataclass(frozen=True, slots=True)
class _State:
    """What of the process a plugin has no business with."""

    level: int
    handlers: tuple[logging.Handler, ...]
    disabled: int
    interrupt: Any
    terminate: Any
    folder: str | None

    @classmethod
    def now(cls) -> _State:
        root = logging.getLogger()
        return cls(
            root.level,
            tuple(root.handlers),
            root.manager.disable,
            signal.getsignal(signal.SIGINT),
            signal.getsignal(signal.SIGTERM),
            _folder(),
        )

    def differing(self, other: _State) -> list[str]:
        names = {
            "level": "the root logger's level",
            "handlers": "the root logger's handlers",
            "disabled": "which levels are logged",
            "interrupt": "the handler of SIGINT",
            "terminate": "the handler of SIGTERM",
            "folder": "the working directory",
        }
        return [text for name, text in names.items() if getattr(self, name) != getattr(other, name)]

    def restore(self, other: _State) -> None:
        """Make the process as it is here, where it is as in `other`."""
        root = logging.getLogger()
        root.setLevel(self.level)
        if other.handlers != self.handlers:
            root.handlers[:] = self.handlers
        logging.disable(self.disabled)
        if other.folder != self.folder and self.folder is not None:
            os.chdir(self.folder)
        for number, mine, its in (
            (signal.SIGINT, self.interrupt, other.interrupt),
            (signal.SIGTERM, self.terminate, other.terminate),
        ):
            if mine is not its:  # only the main thread can have changed it
                with contextlib.suppress(ValueError, TypeError):
                    signal.signal(number, mine)


def _folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # somebody removed it
        return None
