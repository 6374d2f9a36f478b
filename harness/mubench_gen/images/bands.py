"""An image some rows at a time, so that little memory is taken beside it."""

from __future__ import annotations

from collections.abc import Iterator

_PIXELS = 2**18


def bands(width: int, height: int) -> Iterator[slice]:
    """All rows, so many at a time that they are few pixels."""
    rows = max(1, _PIXELS // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))
