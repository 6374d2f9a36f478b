"""How much is told on stderr: -q results and faults alone, -v how each thing is done too."""

from __future__ import annotations

from mubench_gen.console.outlet import tell

QUIET, USUAL, VERBOSE = -1, 0, 1
_told = USUAL


def set_verbosity(level: int) -> None:
    """QUIET, USUAL or VERBOSE, for this process from now on."""
    global _told
    _told = level


def is_quiet() -> bool:
    """Whether only results and faults are wanted."""
    return _told <= QUIET


def is_verbose() -> bool:
    """Whether everything is wanted."""
    return _told >= VERBOSE


def note(text: str) -> None:
    """A line on stderr that is good to know and no fault: none with -q."""
    if not is_quiet():
        tell(text)


def detail(text: str) -> None:
    """A line on stderr about how something is done: with -v alone."""
    if is_verbose():
        tell(text)
