"""What a sweep of outputs tells besides its frontier, and its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mubench_gen.console.numbers import percent, signed
from mubench_gen.interpolation.sweep.gains import AlphaGain
from mubench_gen.interpolation.sweep.outputs.mixing import METHODS

BOUND = "either right (bound)"


@dataclass(frozen=True, slots=True)
class PerSample:
    """A mix with an α for each answer. words: how it is found; alphas: the least, the median and
    the largest; over_choice: the gain in the mean over choosing one α for all, cross-fitted; None
    where no α can be chosen so.
    """

    name: str
    words: str
    alphas: tuple[float, float, float]
    over_choice: AlphaGain | None


@dataclass(frozen=True, slots=True)
class AnswersAsked:
    """How many answers each was asked for; mixes are computed from those of the two ends."""

    base: int
    finetuned: int
    mixes: int = 0


@dataclass(frozen=True, slots=True)
class OutputMix:
    """How outputs were mixed. base, finetuned: the models; agreeing: the share of the answers in
    which both choose the same option; unread: answers of which one of the two has no
    probabilities, so that every mix has them wrong. bound: what the upper bound is called.
    """

    method: str
    base: str
    finetuned: str
    asked: AnswersAsked
    agreeing: float
    unread: int
    per_sample: tuple[PerSample, ...]
    bound: str = BOUND


def explained(mix: OutputMix, alphas: Sequence[str]) -> list[str]:
    """Sentences: what was mixed and asked, each mix with its own α, and what the bound is."""
    lines = [
        f"Outputs are mixed, not weights: {METHODS[mix.method]}, the probabilities of the options "
        f"by {mix.base} and {mix.finetuned}. These two were asked {mix.asked.base:,} and "
        f"{mix.asked.finetuned:,} times, and nothing was asked for the {len(alphas) - 2} α between "
        "them or the mixes by answer: those are computed from the stored probabilities. In use a "
        "mix of outputs needs both models for every answer, merged weights need one. The two "
        f"choose the same option in {percent(mix.agreeing)} % of the answers."
    ]
    for one in mix.per_sample:
        least, median, most = one.alphas
        told = (
            f"{one.name}: each answer has its own α; {one.words}. α is from {least:.2f} to "
            f"{most:.2f}, half of them below {median:.2f}."
        )
        if (gain := one.over_choice) is not None:
            low, high = gain.ci95
            told += (
                f" Against choosing one α for all (cross-fitted) its mean is "
                f"{signed(gain.difference)} points ({signed(low)} to {signed(high)})."
            )
        lines.append(told)
    lines.append(
        f"{mix.bound}: no mix that could be used, since it knows for each answer which of the two "
        "is right. It bounds what choosing between the two answers can reach; a mix may also "
        "choose an option that neither chose, such as the second best of both."
    )
    if mix.unread:
        lines.append(
            f"{mix.unread:,} answers have no probabilities of one of the two (a refused reply): "
            "every mix has them wrong."
        )
    return lines
