"""Pareto points: those that no other is above in one thing and not below in the other."""

from __future__ import annotations

from collections.abc import Sequence

_SAME = 1e-12


def undominated(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Whether each point is a Pareto point; of equal points all are."""
    return [not any(_above(other, point) for other in points) for point in points]


def _above(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether one is better in one thing, and as good in the other."""
    gains = [ours - theirs for ours, theirs in zip(one, other, strict=True)]
    return min(gains) > -_SAME and max(gains) > _SAME
