"""Numbers of a sweep in words, for tables and sentences."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.console.numbers import signed
from mubench_gen.interpolation.sweep.gains import AlphaGain

NO = "–"


def spanned(some: Sequence[str], alphas: Sequence[str]) -> str:
    """ "from 0.6 to 0.9" if they are neighbours, else all of them."""
    if not some:
        return NO
    first = alphas.index(some[0])
    neighbours = list(alphas[first : first + len(some)]) == list(some)
    return f"from {some[0]} to {some[-1]}" if neighbours and len(some) > 2 else ", ".join(some)


def interval(value: float, ends: tuple[float, float]) -> str:
    """A difference in points with its interval."""
    return f"{signed(value)} ({signed(ends[0])} to {signed(ends[1])})"


def signed_interval(gain: AlphaGain | None) -> str:
    """A difference in points with its band; a dash where there is none."""
    return NO if gain is None else interval(gain.difference, gain.band)
