"""A loaded base that one adapter leaves to the next in the same process. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# At most one base: what made it, itself, and what frees it.
_left: list[tuple[str, Any, Callable[[], None]]] = []
_keeping = False


@contextmanager
def keeping_bases() -> Iterator[None]:
    """Models that are closed in the block may leave their base for the next one to be loaded."""
    global _keeping
    _keeping = True
    try:
        yield
    finally:
        _keeping = False


def leave(made_by: str, base: Any, free: Callable[[], None]) -> bool:
    """Leave a base, if that is wanted; whoever gets False frees it himself."""
    if _keeping:
        free_base()
        _left.append((made_by, base, free))
    return _keeping


def take(made_by: str) -> Any | None:
    """The base that was left, if it was made by the same; another one is freed."""
    if _left and _left[0][0] == made_by:
        return _left.pop()[1]
    free_base()
    return None


def free_base() -> None:
    """Free the base that was left and not taken."""
    while _left:
        _left.pop()[2]()
