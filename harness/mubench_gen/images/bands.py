"""Splits an image into bands of rows, to work on it with little memory beside it."""

from __future__ import annotations

from collections.abc import Iterator

_PIXELS = 2**18  # of a band, at most, unless a row has more


def bands(width: int, height: int) -> Iterator[slice]:
    """All rows, as slices of few pixels each."""
    rows = max(1, _PIXELS // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))
