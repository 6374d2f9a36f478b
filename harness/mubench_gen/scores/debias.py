"""Debiased read-outs: stored probabilities of labels → other answers, no model asked.

A model may prefer a label whatever the image shows. Each method estimates that preference (the
prior) without looking at the right answers, and divides the probabilities by it:

- contextual: the mean of the answers to the same prompts without the image (Zhao et al. 2021);
- batch: the mean of all answers (batch calibration, Zhou et al. 2024);
- pride: from a few items that were asked under balanced orders (Zheng et al. 2024);
- orders: no prior, the mean of an item's probabilities over its orders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mubench_gen.scores.item_clusters import ItemClusters
from mubench_gen.scores.joint import Adjust, adjust
from mubench_gen.scores.label_probabilities import (
    LEAST,
    Floats,
    Integers,
    Key,
    LabelAnswers,
    Readouts,
)
from mubench_gen.scores.paired import compare_pair
from mubench_gen.scores.place_bias import place_bias

Flags = npt.NDArray[np.bool_]

METHODS = ("contextual", "batch", "pride", "orders")
SHARE = 0.05  # of the items, from which PriDe's prior is estimated
_LEAST_ITEMS = 10  # of them
_WHY = {
    "contextual": "there is no blind run of the same prompts",
    "batch": "no record has probabilities",
    "pride": "no item was asked with each option that moves at each place equally often (--orders "
    "cyclic:K, K the number of options, or all)",
    "orders": "no item was asked under several orders",
}


@dataclass(frozen=True, slots=True)
class Debiased:
    """One method against the answers as they are, on the same items.

    before, after: the mean accuracy; difference: after − before, with its 95 % interval and the
    p of the paired test, clustered; p_adjusted: for all methods. bias_before, bias_after: the
    standard deviation of the recalls by position. changed: the share of answers that change.
    """

    method: str
    items: int
    records: int
    before: float
    after: float
    difference: float
    ci95: tuple[float, float]
    p: float
    p_adjusted: float
    changed: float
    bias_before: float | None
    bias_after: float | None


@dataclass(frozen=True, slots=True)
class Debiasing:
    """All methods that the records allow, and why others are not there."""

    methods: tuple[Debiased, ...]
    missing: Mapping[str, str]


def debias(
    given: Readouts,
    blind: Readouts | None = None,
    *,
    how: Adjust = "maxt",
    seed: int = 0,
) -> Debiasing:
    """Every method on these read-outs. `blind`: those of the same prompts without the images, for
    the contextual prior, its conditions left out. `how`: p are adjusted over the methods."""
    missing: dict[str, str] = {}
    if not given.groups:
        why = "no record has probabilities: ask with --readout logprob"
        return Debiasing((), dict.fromkeys(METHODS, why))
    priors = _blind_priors(blind)
    read: dict[str, Callable[[Key, LabelAnswers], Integers | None]] = {
        "contextual": lambda key, group: _contextual(group, priors.get(key[1:])),
        "batch": lambda _, group: _over(group, _prior(group.logs)),
        "pride": lambda _, group: _pride(group, seed),
        "orders": lambda _, group: _averaged(group),
    }
    clusters = given.clusters()
    found = []
    for name in METHODS:
        read_again = {key: read[name](key, group) for key, group in given.groups.items()}
        answers = {key: one for key, one in read_again.items() if one is not None}
        if answers:
            found.append(_compared(name, given, answers, clusters))
        else:
            missing[name] = _WHY[name]
    told = adjust([one.p for one in found], None, how=how, seed=seed).adjusted
    return Debiasing(
        tuple(replace(one, p_adjusted=p) for one, p in zip(found, told, strict=True)), missing
    )


def _blind_priors(blind: Readouts | None) -> dict[Key, Floats]:
    """The mean probabilities by position without an image, by the key without its condition."""
    if blind is None:
        return {}
    return {key[1:]: _prior(group.logs) for key, group in blind.groups.items()}


def _prior(logs: Floats) -> Floats:
    found: Floats = np.exp(logs).mean(axis=0)
    return found


def _over(group: LabelAnswers, prior: Floats) -> Integers:
    """The positions that are chosen once the prior is divided out."""
    found: Integers = (group.logs - np.log(np.maximum(prior, LEAST))).argmax(axis=1)
    return found


def _contextual(group: LabelAnswers, prior: Floats | None) -> Integers | None:
    return None if prior is None or len(prior) != group.width else _over(group, prior)


def _averaged(group: LabelAnswers) -> Integers | None:
    """The option with the highest mean probability over an item's orders, as positions."""
    item, orders = np.array(group.item), group.orders
    if not _several(item, orders):
        return None
    return _positions(orders, _by_option(item, orders, np.exp(group.logs))[item].argmax(axis=1))


def _pride(group: LabelAnswers, seed: int) -> Integers | None:
    """Items of the sample by their mean over orders, others by the sample's prior."""
    item, orders, logs = np.array(group.item), group.orders, group.logs
    moved = _moved_places(item, orders)
    balanced = np.flatnonzero(moved.any(axis=1))
    if not len(balanced):
        return None
    generator = np.random.default_rng([seed, 11])
    count = min(len(balanced), max(_LEAST_ITEMS, round(SHARE * len(np.unique(item)))))
    sample = generator.choice(balanced, size=count, replace=False)
    priors = [_prior_of(logs[item == one].mean(axis=0), moved[one]) for one in sample]
    found = _over(group, np.mean(priors, axis=0))
    mine = np.isin(item, sample)
    averaged = _averaged(group)
    if averaged is not None:
        found[mine] = averaged[mine]
    return found


def _prior_of(mean: Floats, moved: Flags) -> Floats:
    """The prior by an item's mean logarithms; of places whose option never moves, as of the mean
    place, because nothing tells their prior from the option."""
    logs = np.where(moved, mean, mean[moved].mean())
    shares = np.exp(logs - logs.max())
    found: Floats = shares / shares.sum()
    return found


def _moved_places(item: Integers, orders: Integers) -> Flags:
    """Of each item the places at which each option that moves stood equally often, (items,
    places); none of an item whose orders are not balanced."""
    width = orders.shape[1]
    counts = np.zeros((int(item.max()) + 1, width, width), np.int64)
    for place in range(width):
        np.add.at(counts, (item, np.full(len(item), place), orders[:, place]), 1)
    asked, most = counts[:, 0].sum(axis=1, keepdims=True), counts.max(axis=2)
    moved: Flags = most < asked
    several = moved.sum(axis=1, keepdims=True)
    even = ((counts > 0).sum(axis=2) == several) & (most * several == asked)
    found: Flags = moved & (even | ~moved).all(axis=1, keepdims=True)
    return found


def _several(item: Integers, orders: Integers) -> bool:
    """Whether an item was asked under two orders or more."""
    return len(np.unique(np.column_stack([item, orders]), axis=0)) > len(np.unique(item))


def _by_option(item: Integers, orders: Integers, chances: Floats) -> Floats:
    """The sums of the probabilities by item and option."""
    found = np.zeros((int(item.max()) + 1, orders.shape[1]))
    for place in range(orders.shape[1]):
        np.add.at(found, (item, orders[:, place]), chances[:, place])
    return found


def _positions(orders: Integers, option: Integers) -> Integers:
    """Where each record shows the option."""
    found: Integers = (orders == option[:, None]).argmax(axis=1)
    return found


def _compared(
    name: str, given: Readouts, answers: Mapping[Key, Integers], clusters: ItemClusters
) -> Debiased:
    width = len(given.items)
    counts, before, after = np.zeros(width), np.zeros(width), np.zeros(width)
    changed = total = 0
    gold: dict[int, Counter[int]] = {}
    right: tuple[dict[int, Counter[int]], dict[int, Counter[int]]] = ({}, {})
    for key, chosen in answers.items():
        group = given.groups[key]
        item, truth, first = (np.array(x) for x in (group.item, group.gold, group.choice))
        np.add.at(counts, item, 1)
        np.add.at(before, item, first == truth)
        np.add.at(after, item, chosen == truth)
        changed += int((chosen != first).sum())
        total += len(item)
        gold.setdefault(group.width, Counter()).update(truth.tolist())
        for side, flags in zip(right, (first == truth, chosen == truth), strict=True):
            side.setdefault(group.width, Counter()).update(truth[flags].tolist())
    there = counts > 0
    old, new = before[there] / counts[there], after[there] / counts[there]
    found = compare_pair(new, old, clusters.codes[there], noun=clusters.noun)
    bias = [place_bias(gold, side) for side in right]
    return Debiased(
        method=name,
        items=found.n,
        records=total,
        before=found.second,
        after=found.first,
        difference=found.difference,
        ci95=found.ci95,
        p=found.p,
        p_adjusted=found.p,
        changed=changed / total,
        bias_before=None if bias[0] is None else bias[0].spread,
        bias_after=None if bias[1] is None else bias[1].spread,
    )


def methods_told(found: Debiasing) -> Sequence[str]:
    """Why some methods are not there, a sentence each; one where all have the same reason."""
    if not found.methods:
        reasons = dict.fromkeys(found.missing.values())
        return [f"Nothing can be debiased: {why}." for why in reasons]
    return [f"Not by {name}: {why}." for name, why in found.missing.items()]
