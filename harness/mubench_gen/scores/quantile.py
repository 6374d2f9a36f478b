"""Quantiles and p values of Student's t, and Wilson's interval, which is made of one."""

from __future__ import annotations

import math


def wilson(share: float, size: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval of a share, for sample size `size` (Wilson 1927)."""
    z2 = quantile * quantile / size
    centre = (share + z2 / 2) / (1 + z2)
    half = quantile / (1 + z2) * math.sqrt(share * (1 - share) / size + z2 / (4 * size))
    low = 0.0 if share == 0 else max(0.0, centre - half)
    high = 1.0 if share == 1 else min(1.0, centre + half)
    return low, high


def student(confidence: float, freedom: float) -> float:
    """The two-sided quantile of Student's t. `freedom` below 1 counts as 1."""
    from scipy.special import stdtrit

    return float(stdtrit(max(1.0, freedom), (1 + confidence) / 2))


def student_p(statistic: float, freedom: float) -> float:
    """The two-sided p of Student's t. `freedom` below 1 counts as 1."""
    from scipy.special import stdtr

    return min(1.0, 2 * float(stdtr(max(1.0, freedom), -abs(statistic))))
