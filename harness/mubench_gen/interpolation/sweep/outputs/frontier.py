"""Two runs → the frontier of the mixes of their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mubench_gen.compare.answer_matrix import Reading, read_outcomes, values_of
from mubench_gen.compare.preconditions import comparability
from mubench_gen.errors import SettingError
from mubench_gen.interpolation.sweep.choice import Halves, cross_fitted, gain_over
from mubench_gen.interpolation.sweep.frontier import Frontier, frontier_of
from mubench_gen.interpolation.sweep.gains import AlphaGain, Point
from mubench_gen.interpolation.sweep.outputs.mixing import PROBABILITIES, T3, Floats, Rule, rules
from mubench_gen.interpolation.sweep.outputs.pairs import Chances, Pairs, pairs_of
from mubench_gen.interpolation.sweep.outputs.words import BOUND, AnswersAsked, OutputMix, PerSample
from mubench_gen.interpolation.sweep.parts import ItemPart
from mubench_gen.interpolation.sweep.sheet import AlphaSheet
from mubench_gen.runs.results import Run
from mubench_gen.scores.joint import Adjust


@dataclass(frozen=True, slots=True)
class _Mixing:
    """Two runs read together: their items, the answers that pair, what both have by themselves.

    ends: the accuracy of each item by the base and by the fine-tune, (items, 2).
    """

    reading: Reading
    pairs: Pairs
    ends: Floats
    notes: Sequence[str]


def output_frontier(
    base: Run,
    finetuned: Run,
    alphas: Sequence[str],
    in_domain: Sequence[str],
    *,
    method: str = PROBABILITIES,
    t3: T3 | None = None,
    adjust: Adjust = "maxt",
    seed: int = 0,
    parts: Sequence[ItemPart] = (),
) -> Frontier:
    """Mix the outputs of two runs at each α, and by rules that give each answer its own.

    `alphas`: ascending, from "0" to "1", which are the runs themselves; the others as of
    `frontier`. Raises SettingError where the runs differ in more than the model, or have no
    probabilities.
    """
    found, several = _read(base, finetuned), rules(t3 or T3())
    columns = _columns(found, alphas, several, method)
    sheet = AlphaSheet(
        found.reading,
        columns,
        [*alphas, *(rule.name for rule in several)],
        (0, len(alphas) - 1),
        found.notes,
        beside=len(several),
    )
    result = frontier_of(sheet, in_domain, adjust=adjust, seed=seed, parts=parts)
    return replace(
        result,
        points=tuple(replace(one, method=method, at=float(one.alpha)) for one in result.points),
        beside=(*result.beside, *_bound(found, in_domain, parts)),
        methods=(method,),
        mix=OutputMix(
            method=method,
            base=str(base.manifest["model"]["id"]),
            finetuned=str(finetuned.manifest["model"]["id"]),
            asked=AnswersAsked(*(run.recorded for run in found.reading.runs)),
            agreeing=found.pairs.agreeing,
            unread=int((~found.pairs.known).sum()),
            per_sample=_per_sample(sheet, found.pairs, several, in_domain, seed),
        ),
    )


def _read(base: Run, finetuned: Run) -> _Mixing:
    runs = [base, finetuned]
    chances = [Chances(run.place) for run in runs]
    reading = read_outcomes(runs, watch=[[one.see] for one in chances])
    found = comparability(reading, ["the base's run", "the fine-tune's"])
    if found.obstacles:
        raise SettingError(
            "The outputs of the two runs do not belong together:\n  "
            + "\n  ".join(found.obstacles)
            + "\nAsk both models with the same settings."
        )
    for one in chances:
        one.check()
    pairs = pairs_of(reading, chances, found.wanted, by_id=found.by_id)
    ends = values_of(reading.runs, found.wanted, by_id=found.by_id)
    return _Mixing(reading, pairs, ends, (*found.notes, *found.unfinished))


def _columns(found: _Mixing, alphas: Sequence[str], several: Sequence[Rule], method: str) -> Floats:
    """The accuracy of each item at each α and by each rule, (items, α and rules)."""
    pairs, items = found.pairs, len(found.ends)
    between = [pairs.right(float(alpha), method) for alpha in alphas[1:-1]]
    by_rule = [pairs.right(pairs.alphas(rule.alpha), method) for rule in several]
    mixed = [pairs.values(right, items) for right in (*between, *by_rule)]
    inner, outer = mixed[: len(between)], mixed[len(between) :]
    return np.column_stack([found.ends[:, 0], *inner, found.ends[:, 1], *outer])


def _per_sample(
    sheet: AlphaSheet, pairs: Pairs, several: Sequence[Rule], in_domain: Sequence[str], seed: int
) -> tuple[PerSample, ...]:
    """What each rule did, and its gain over the choice of one α for all answers."""
    count, halves = len(sheet.alphas), sheet.halves(in_domain)
    images = sheet.reading.clusters.codes
    both = Halves.of(sheet.values, images, *halves)
    chosen = cross_fitted(Halves.of(sheet.values[:, :count], images, *halves), seed=seed)
    told = []
    for place, rule in enumerate(several, start=count):
        gain = None
        if chosen is not None:
            never = np.zeros(len(several))
            padded = replace(chosen, chosen=np.append(chosen.chosen, never))
            lead, (low, high) = gain_over(place, padded, both, seed=seed)
            gain = AlphaGain(-lead, (-high, -low), (-high, -low))
        each = pairs.alphas(rule.alpha)[pairs.known]
        least, median, most = np.quantile(each, [0, 0.5, 1]).tolist()
        told.append(PerSample(rule.name, rule.words, (least, median, most), gain))
    return tuple(told)


def _bound(
    found: _Mixing, in_domain: Sequence[str], parts: Sequence[ItemPart]
) -> tuple[Point, ...]:
    """The points of "either right": an answer counts where one of the two has it right. Without
    gains, which no mix could have."""
    either = found.pairs.values(found.pairs.either, len(found.ends))
    values = np.column_stack([found.ends, either])
    sheet = AlphaSheet(found.reading, values, ["0", "1", BOUND], (0, 1), beside=1)
    points = frontier_of(sheet, in_domain, adjust="none", parts=parts).beside
    return tuple(replace(point, over_base=None, over_finetuned=None) for point in points)
