"""Notices and undoes what importing a plugin changes in the process.

stdout carries results alone, and the process's logging, signals and working directory belong
to the run and not to a plugin.
"""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from mubench_gen.console.progress import log
from mubench_gen.plugins.deprecation import MubenchDeprecationWarning
from mubench_gen.plugins.process_state import Differences, State, descriptors_kept

_SHOWN = 60  # characters of what was printed


@dataclass(slots=True)
class Effects:
    """What a block did: filled in when it ends.

    What it `changed` was undone; what is in `left` stays, because the plugin may need it.
    """

    printed: str = ""
    changed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = [f"prints {self.printed.strip()[:_SHOWN]!r}"] if self.printed else []
        told += [f"changes {', '.join(self.changed)}"] if self.changed else []
        return " and ".join(told)


_outer: list[Effects] = []  # the enclosing blocks, which get its effects too


@contextlib.contextmanager
def effects() -> Iterator[Effects]:
    """Notice what the block changes, and put it back. What it prints goes to stderr."""
    found, text, differing = Effects(), _Overheard(), Differences([], [])
    _outer.append(found)
    try:
        with (
            warnings.catch_warnings(),  # puts back the filters
            contextlib.redirect_stdout(text),
            descriptors_kept() as redirected,
        ):
            before = State()
            try:
                yield found
            finally:
                differing = before.restore()
    finally:
        _outer.pop()
        found.printed += text.getvalue()
        found.changed += [*differing.put_back, *redirected]
        found.left += [one for one in differing.left if one not in found.left]
        for outer in _outer[-1:]:
            outer.printed += found.printed
            outer.changed += found.changed
            outer.left += [one for one in found.left if one not in outer.left]


@contextlib.contextmanager
def reported_effects(where: str) -> Iterator[None]:
    """`effects`, reported on stderr with the plugin's name and the deprecated names it uses."""
    with _deprecations() as deprecated, effects() as found:
        yield
    if str(found):
        log(f"{where} {found} when it is imported: this is undone.")
    if found.left:
        log(f"{where} changes {', '.join(found.left)} when it is imported: this stays.")
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

    def close(self) -> None:
        """Does nothing: a plugin must not close the run's stdout."""
