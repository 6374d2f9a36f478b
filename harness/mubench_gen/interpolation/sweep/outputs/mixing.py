"""The outputs of two models on the same answers → those of their mix: no model is asked.

An output is a distribution over the options of a question, (answers, options). The base has α 0
and the fine-tune α 1, as with weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.errors import SettingError

Floats = npt.NDArray[np.float64]

PROBABILITIES, LOGITS = "outputs", "outputs-logits"
METHODS: Mapping[str, str] = {
    PROBABILITIES: "p = (1 − α)·p(base) + α·p(fine-tune)",
    LOGITS: "p ∝ p(base)^(1 − α)·p(fine-tune)^α, the mean of the logits",
}
_LEAST = np.finfo(np.float64).tiny  # a probability, so that it has a logarithm


def shares(given: Floats) -> Floats:
    """Rows that add up to 1; equal shares where all are 0."""
    total = given.sum(axis=1, keepdims=True)
    equal = np.full_like(given, 1 / given.shape[1])
    found: Floats = np.divide(given, total, out=equal, where=total > 0)
    return found


def mixed(base: Floats, finetuned: Floats, alpha: float | Floats, method: str) -> Floats:
    """The outputs at α, one for all answers or one for each, (answers,).

    With the method "outputs" probabilities are averaged (the linear opinion pool, Stone 1961),
    with "outputs-logits" their logarithms, which differ from logits by a constant of the answer
    (the output-space ensemble of WiSE-FT, Wortsman et al. 2022).
    """
    part = np.reshape(np.asarray(alpha, np.float64), (-1, 1))
    if method == PROBABILITIES:
        found: Floats = (1 - part) * base + part * finetuned
        return found
    logs = [np.log(np.maximum(one, _LEAST)) for one in (base, finetuned)]
    sums = (1 - part) * logs[0] + part * logs[1]
    return shares(np.exp(sums - sums.max(axis=1, keepdims=True)))


def entropy(outputs: Floats) -> Floats:
    """Of each answer, in nats."""
    found: Floats = -(outputs * np.log(np.maximum(outputs, _LEAST))).sum(axis=1)
    return found


def divergence(base: Floats, finetuned: Floats) -> Floats:
    """The Jensen-Shannon divergence of each answer, in nats: from 0 to ln 2."""
    found = entropy((base + finetuned) / 2) - (entropy(base) + entropy(finetuned)) / 2
    return np.maximum(found, 0.0)


@dataclass(frozen=True, slots=True)
class T3:
    """The settings of T³ (Imam et al. 2025, arXiv 2510.27265).

    λ = least + (most − least)·σ(gamma·JS) is the weight of the base. `gamma` is that of the
    authors' code; they limit λ too, by what is not known here.
    """

    gamma: float = 0.5
    least: float = 0.0
    most: float = 1.0

    def alpha(self, base: Floats, finetuned: Floats) -> Floats:
        """α = 1 − λ of each answer: the further apart the two, the more of the base."""
        risen = 1 / (1 + np.exp(-self.gamma * divergence(base, finetuned)))
        found: Floats = 1 - (self.least + (self.most - self.least) * risen)
        return found

    @property
    def words(self) -> str:
        limits = "" if (self.least, self.most) == (0, 1) else f", λ from {self.least:g} to "
        limits += f"{self.most:g}" if limits else ""
        return (
            f"the base's weight λ rises with the Jensen-Shannon divergence of the two (γ "
            f"{self.gamma:g}{limits})"
        )


def by_entropy(base: Floats, finetuned: Floats) -> Floats:
    """α of each answer by how sure the two are: e^−H(fine-tune) / (e^−H(base) + e^−H(fine-tune))
    (DaWin, Oh et al. 2025, arXiv 2410.03782)."""
    found: Floats = 1 / (1 + np.exp(entropy(finetuned) - entropy(base)))
    return found


@dataclass(frozen=True, slots=True)
class Rule:
    """A mix with an α for each answer. words: how α is found."""

    name: str
    words: str
    alpha: Callable[[Floats, Floats], Floats]


def rules(t3: T3) -> tuple[Rule, ...]:
    """The mixes with an α for each answer."""
    surer = "the surer of the two, by its entropy, has more weight, as in DaWin"
    return Rule("T³", t3.words, t3.alpha), Rule("entropy", surer, by_entropy)


def read_t3(text: str) -> T3:
    """The settings as they are typed: "gamma=5,min=0.2,max=0.8", each optional."""
    names = {"gamma": "gamma", "min": "least", "max": "most"}
    given: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        try:
            given[names[name.strip()]] = float(value)
        except (KeyError, ValueError):
            raise SettingError(
                f"--t3 {text}: {part!r} is none of gamma=NUMBER, min=NUMBER and max=NUMBER."
            ) from None
    found = T3(**given)
    if not (np.isfinite(found.gamma) and 0 <= found.least <= found.most <= 1):
        raise SettingError(
            f"--t3 {text}: the base's weight is from min to max, both from 0 to 1, and gamma is a "
            "finite number."
        )
    return found
