"""The methods of a merge: what each needs, and the settings that it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from mubench_gen.errors import SettingError, did_you_mean

Choice = Literal["magnitude", "outliers", "random", "ranked", "variance"]
Rescale = Literal["chance", "sum", "none"]
Consensus = Literal["sum", "elected", "largest", "weighted", "fisher", "regmean"]


@dataclass(frozen=True, slots=True)
class Sparse:
    """The settings of methods that drop parts of the differences; None: the method's own.

    `density`: the share that is kept. `gamma`: the share of the largest that is dropped
    (breadcrumbs). `epsilon`: how far the chance to be kept varies with the size (DELLA).
    `seed`: of the methods that draw; `rescale`: by what these make up for what they drop: by an
    element's chance to be kept, by a tensor's former sum of magnitudes (mergekit), or not.
    """

    density: float | None = None
    gamma: float | None = None
    epsilon: float | None = None
    seed: int | None = None
    rescale: Rescale | None = None


USUAL = Sparse()


@dataclass(frozen=True, slots=True)
class MethodFacts:
    """One method.

    `group`: the heading under which it is listed. `any_alpha`: α may lie outside [0, 1].
    `departs`: its α 0 is the base; `arrives`: its α 1 of one fine-tune is that.
    `fewest`, `most`: fine-tunes. `choice`: which elements of the differences are kept;
    `consensus`: how the kept ones become one difference. `settings`: those that it uses, with
    its own values. `weights`: fine-tunes may have weights. `measured`: it needs what
    `mubench-gen measure` finds of each.
    """

    group: str
    any_alpha: bool = False
    departs: bool = True
    arrives: bool = False
    fewest: int = 1
    most: int | None = None
    choice: Choice | None = None
    consensus: Consensus | None = None
    settings: Sparse = USUAL
    weights: bool = False
    measured: bool = False


_BETWEEN = "between the models"
_SUMS = "sums of differences"
_SPARSE = "sums of parts of the differences"
_SEVERAL = "several fine-tunes"
_MEASURED = "by what fine-tunes do with some items (mubench-gen measure)"


def _sparse(choice: Choice, consensus: Consensus, **settings: Any) -> MethodFacts:
    return MethodFacts(
        _SPARSE, any_alpha=True, choice=choice, consensus=consensus, settings=Sparse(**settings),
        weights=True,
    )  # fmt: skip


METHODS: Mapping[str, MethodFacts] = {
    "linear": MethodFacts(_BETWEEN, arrives=True, weights=True),
    "slerp": MethodFacts(_BETWEEN, arrives=True, most=1),
    "karcher": MethodFacts(_BETWEEN, arrives=True),
    "lines": MethodFacts(_BETWEEN, departs=False, arrives=True),
    "passthrough": MethodFacts(_BETWEEN, any_alpha=True, departs=False, arrives=True, most=1),
    "task-arithmetic": MethodFacts(_SUMS, any_alpha=True, arrives=True, weights=True),
    "ties": _sparse("magnitude", "elected", density=0.2),
    "dare-linear": _sparse("random", "sum", density=0.1, seed=0, rescale="chance"),
    "dare-ties": _sparse("random", "elected", density=0.1, seed=0, rescale="chance"),
    "della": _sparse("ranked", "elected", density=0.3, epsilon=0.1, seed=0, rescale="chance"),
    "della-linear": _sparse("ranked", "sum", density=0.3, epsilon=0.1, seed=0, rescale="chance"),
    "breadcrumbs": _sparse("outliers", "sum", density=0.9, gamma=0.01),
    "breadcrumbs-ties": _sparse("outliers", "elected", density=0.9, gamma=0.01),
    "model-stock": MethodFacts(_SEVERAL, any_alpha=True, fewest=2),
    "magmax": MethodFacts(_SEVERAL, any_alpha=True, fewest=2, consensus="largest"),
    "sce": MethodFacts(
        _SEVERAL, any_alpha=True, fewest=2, choice="variance", consensus="weighted",
        settings=Sparse(density=1.0),
    ),
    "fisher": MethodFacts(_MEASURED, fewest=2, consensus="fisher", weights=True, measured=True),
    "regmean": MethodFacts(_MEASURED, fewest=2, consensus="regmean", measured=True),
}  # fmt: skip


def listed_methods() -> str:
    """All methods by kind, for messages and help."""
    groups: dict[str, list[str]] = {}
    for name, facts in METHODS.items():
        groups.setdefault(facts.group, []).append(name)
    listed = [f"{group}: {', '.join(names)}" for group, names in groups.items()]
    return "; ".join([*listed, "by answers: greedy-soup (a command of its own: mubench-gen soup)"])


def method_named(name: str) -> str:
    """The method of that name; "dare_ties" is "dare-ties". SettingError lists all by kind."""
    found = name.strip().lower().replace("_", "-")
    if found in METHODS:
        return found
    if found == "greedy-soup":
        raise SettingError(
            "A greedy soup is chosen by answers to items: mubench-gen soup --plugin NAME --base "
            "BASE --finetuned ONE,TWO asks them, and writes the weights."
        )
    near = did_you_mean(found, METHODS)
    hint = f" {near}" if near.endswith("?") else ""
    raise SettingError(f"No method {name!r}.{hint} Methods: {listed_methods()}.")


def with_own(settings: Sparse, own: Sparse) -> Sparse:
    """The settings, with those that a fine-tune has of its own in their place."""
    given = {field.name: getattr(own, field.name) for field in fields(Sparse)}
    return replace(settings, **{name: one for name, one in given.items() if one is not None})


def settings_for(method: str, given: Sparse) -> Sparse:
    """The method's settings with those given. SettingError for one that it does not have."""
    own = METHODS[method].settings
    found = {}
    for field in fields(Sparse):
        value, usual = getattr(given, field.name), getattr(own, field.name)
        if value is not None and usual is None:
            users = [
                n for n, facts in METHODS.items() if getattr(facts.settings, field.name) is not None
            ]
            raise SettingError(
                f"--{field.name} is a setting of {', '.join(users)}; {method} has none."
            )
        found[field.name] = usual if value is None else value
    settings = Sparse(**found)
    _check_ranges(method, settings)
    return settings


def _check_ranges(method: str, settings: Sparse) -> None:
    density, gamma, epsilon = settings.density, settings.gamma, settings.epsilon
    if density is not None and not 0 < density <= 1:
        raise SettingError(f"--density {density:g}: a share is above 0 and at most 1.")
    if gamma is not None and not 0 <= gamma < 1:
        raise SettingError(f"--gamma {gamma:g}: a share is at least 0 and below 1.")
    if epsilon is None or density is None:
        return
    if epsilon < 0 or density - epsilon <= 0 or density + epsilon > 1:
        raise SettingError(
            f"--epsilon {epsilon:g}: {method} keeps an element with a chance between density − "
            f"epsilon and density + epsilon, which with --density {density:g} must be above 0 and "
            "at most 1."
        )
