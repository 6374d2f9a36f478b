"""Metrics of models that give each option a probability: the Brier score, the two likeliest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import mubench_gen
from mubench_gen import Metric


def shares(record: Mapping[str, Any]) -> Sequence[float] | None:
    """Each option's share of the probability; None if the record has no probabilities."""
    given = record.get("probabilities")
    if given is None and record["readout"] == "logprob" and record["scores"] is not None:
        known = [score for score in record["scores"] if score is not None]  # null is −∞
        given = [0.0 if s is None else math.exp(s - max(known)) for s in record["scores"]]
    if given is None:
        return None
    total = math.fsum(given)
    return [one / total if total > 0 else 1 / len(given) for one in given]


def brier(record: Mapping[str, Any]) -> float | None:
    """The squared distance from certainty of the right option, halved: 0 is best, 1 is worst."""
    found = shares(record)
    if found is None:
        return None
    gold: int = record["gold"]
    return min(1.0, math.fsum((p - (i == gold)) ** 2 for i, p in enumerate(found)) / 2)


def top2(record: Mapping[str, Any]) -> float | None:
    """Whether fewer than two options are at least as likely as the right one."""
    found = shares(record)
    if found is None:
        return None
    gold: int = record["gold"]
    ahead = sum(p >= found[gold] for i, p in enumerate(found) if i != gold)
    return float(ahead < 2)


@mubench_gen.hookimpl
def mubench_gen_metrics() -> Sequence[Metric]:
    return [
        Metric("brier", "Brier score", brier, higher_is_better=False, bounds=(0, 1)),
        Metric("top2", "top-2 accuracy", top2, bounds=(0, 1), percent=True),
    ]
