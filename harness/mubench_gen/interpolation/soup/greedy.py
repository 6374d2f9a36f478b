"""The greedy soup (Wortsman et al. 2022, arXiv 2203.05482): which fine-tunes to average."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trial:
    """One fine-tune that was tried. `alone`: its own accuracy; `with_it`: of the mean of it and
    those kept before; `kept`: that did not fall."""

    name: str
    alone: float
    with_it: float
    kept: bool


def greedy(
    alone: Mapping[str, float], together: Callable[[Sequence[str]], float]
) -> tuple[Trial, ...]:
    """Add the fine-tunes from the best one down, and keep each with which the accuracy does not
    fall. Of equal ones the first comes first.

    `together`: the accuracy of the mean of several, asked for once for each of the others.
    """
    ranking = sorted(alone, key=lambda name: -alone[name])
    best = ranking[0]
    trials, kept, height = [Trial(best, alone[best], alone[best], True)], [best], alone[best]
    for name in ranking[1:]:
        reached = together([*kept, name])
        keeps = reached >= height
        trials.append(Trial(name, alone[name], reached, keeps))
        if keeps:
            kept, height = [*kept, name], reached
    return tuple(trials)


def kept(trials: Sequence[Trial]) -> tuple[str, ...]:
    """Those that make the soup, from the best one down."""
    return tuple(one.name for one in trials if one.kept)
