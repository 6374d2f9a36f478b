"""Counts of like items → the numbers that a protocol reports."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from mubench_gen.scores.protocols.definition import ALL, Number
from mubench_gen.scores.protocols.files import Protocol
from mubench_gen.scores.protocols.rules import RuleReading
from mubench_gen.scores.protocols.tally import LikeItems, Probabilities, ProtocolTally, is_in

_POOLED = Number.model_validate({"title": "all items that it counts, pooled"})
Pick = Callable[[LikeItems], RuleReading]  # the reading of like items that is counted
Cells = Sequence[tuple[LikeItems, int]]


@dataclass(frozen=True, slots=True)
class Valued:
    """A number of a protocol for a run: of n items; None where it has no item, or no curve."""

    name: str
    title: str
    n: int
    right: int
    value: float | None
    definition: Number


def numbers_of(protocol: Protocol) -> dict[str, Number]:
    """What the protocol reports, by name; `all` before the others."""
    return {ALL: _POOLED, **protocol.file.numbers}


def values(found: ProtocolTally, place: int) -> list[Valued]:
    """The numbers of the protocol at this place of the tally's."""
    return [
        valued(found, place, name, number, cells_of(found, place, number))
        for name, number in numbers_of(found.protocols[place]).items()
    ]


def valued(found: ProtocolTally, place: int, name: str, number: Number, cells: Cells) -> Valued:
    """That number of the protocol at this place, of these items."""
    return Valued(
        name=name,
        title=number.title,
        n=sum(n for _, n in cells),
        right=sum(n for alike, n in cells if alike.readings[place].right),
        value=value(
            number, found.protocols[place], cells, lambda alike: alike.readings[place], found
        ),
        definition=number,
    )


def cells_of(found: ProtocolTally, place: int, number: Number) -> Cells:
    """The like items that this number of the protocol counts."""
    return [
        (alike, n)
        for alike, n in found.items.items()
        if not alike.why_not[place] and is_in(number, alike.dataset, alike.task, alike.group)
    ]


def value(
    number: Number, protocol: Protocol, cells: Cells, pick: Pick, found: ProtocolTally
) -> float | None:
    """The number of these items, read as `pick` says."""
    parts: dict[str, list[tuple[LikeItems, int]]] = defaultdict(list)
    by = {"datasets": "dataset", "domains": "dataset", "tasks": "task"}.get(number.over)
    for alike, n in cells:
        parts[getattr(alike, by) if by else ""].append((alike, n))
    each = {name: _metric(number, part, pick, found) for name, part in parts.items()}
    known = {name: one for name, one in each.items() if one is not None}
    if not known or len(known) < len(each):
        return None
    if number.over == "domains":
        return _mean_of_domains(known, protocol.file.domains)
    return fmean(known.values())


def _mean_of_domains(known: Mapping[str, float], domains: Mapping[str, Sequence[str]]) -> float:
    """The mean over domains of the mean over their data sets; one without a domain is its own."""
    of = {dataset: domain for domain, datasets in domains.items() for dataset in datasets}
    grouped: dict[str, list[float]] = defaultdict(list)
    for dataset, one in known.items():
        grouped[of.get(dataset, dataset)].append(one)
    return fmean(fmean(each) for each in grouped.values())


def _metric(
    number: Number, cells: Iterable[tuple[LikeItems, int]], pick: Pick, found: ProtocolTally
) -> float | None:
    if number.metric == "auc":
        return area_under_curve([found.curves[alike] for alike, _ in cells])
    if number.metric == "macro-f1":
        return macro_f1(Counter(_outcomes(cells, pick)))
    n = right = 0
    for alike, count in cells:
        n += count
        right += count * pick(alike).right
    return right / n


def _outcomes(
    cells: Iterable[tuple[LikeItems, int]], pick: Pick
) -> dict[tuple[int, int | None], int]:
    counts: Counter[tuple[int, int | None]] = Counter()
    for alike, n in cells:
        counts[alike.gold, pick(alike).choice] += n
    return counts


def macro_f1(counts: Mapping[tuple[int, int | None], int]) -> float:
    """The mean F1 over the places that are gold or read; `counts`: by (gold, read) place.

    An item without an answer (read: None) counts against its gold place alone.
    """
    gold, read, right = Counter[int](), Counter[int](), Counter[int]()
    for (wanted, said), n in counts.items():
        gold[wanted] += n
        if said is not None:
            read[said] += n
            right[said] += n * (said == wanted)
    places = gold.keys() | read.keys()
    return fmean(2 * right[p] / (gold[p] + read[p]) for p in sorted(places))


def area_under_curve(parts: Sequence[Probabilities]) -> float | None:
    """The area under the ROC curve of all options together; ties count half.

    None where an item has no probabilities, or all options are gold or none is.
    """
    import numpy as np
    from scipy.stats import rankdata

    if any(part.missing for part in parts):
        return None
    if not parts:
        return None
    gold = np.concatenate([np.asarray(part.gold, dtype=bool) for part in parts])
    shares = np.concatenate([np.asarray(part.values, dtype=float) for part in parts])
    n_gold = int(gold.sum())
    n_other = len(gold) - n_gold
    if not n_gold or not n_other:
        return None
    ranks = rankdata(shares)[gold].sum()
    return float((ranks - n_gold * (n_gold + 1) / 2) / (n_gold * n_other))
