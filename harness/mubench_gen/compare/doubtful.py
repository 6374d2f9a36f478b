"""runs → items whose answer key may be wrong: all models fail them, or the better ones do.

Item analysis of a test's sittings (Lord & Novick 1968, chapter 15), with models for the persons.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from mubench_gen.compare.answer_matrix import Outcomes, Reading, values_of
from mubench_gen.storage.records import Record

Floats = npt.NDArray[np.float64]

MOST = 24
LEAST_RUNS = 5  # of which a correlation says something
BACKWARDS = -0.5  # correlation of an item with the rest, from here down
_PERMUTATIONS = 200
_NONE = 1e-12


@dataclass(frozen=True, slots=True)
class AnswerTexts:
    """Of a run's records in their order: the right option, the image, the answer, as texts."""

    _texts: dict[str | None, int] = field(default_factory=dict)
    _codes: array[int] = field(default_factory=lambda: array("q"))

    def add(self, record: Record) -> None:
        options, choice = record["options"], record["choice"]
        gold = record["gold"]
        for text in (
            options[gold] if gold < len(options) else "",
            record["image_sha256"] or "",
            None if choice is None else options[choice],
        ):
            self._codes.append(self._texts.setdefault(text, len(self._texts)))

    def at(self, place: int) -> tuple[str, str, str | None]:
        """The right option, the image's digest and the answer (None for none) of a record."""
        wanted = self._codes[3 * place : 3 * place + 3]
        texts = list(self._texts)
        right, image, answer = (texts[code] for code in wanted)
        return str(right), str(image), answer


@dataclass(frozen=True, slots=True)
class DoubtfulItem:
    """An item to look at. why: "all wrong" or "backwards"; by_chance: the probability that all
    runs fail an item of this task, were they independent; discrimination: the correlation of
    being right with a run's accuracy on all other items, None where all are alike. answers: each
    run's chosen option, None for none. agreed: the wrong option that most runs name, and the
    share of runs that do.
    """

    item: str
    task: str
    why: str
    by_chance: float
    discrimination: float | None
    image: str = ""
    right: str = ""
    answers: tuple[str | None, ...] = ()
    agreed: tuple[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Doubtful:
    """The most doubtful items of several runs. items: that all runs answered; all_wrong,
    backwards: how many there are in all; backwards_by_chance: how many of these to expect if
    being right had nothing to do with how good a run is, None with fewer than five runs."""

    items: int
    all_wrong: int
    backwards: int
    backwards_by_chance: float | None
    shown: tuple[DoubtfulItem, ...]


def doubtful_of(
    reading: Reading, answers: Sequence[AnswerTexts], *, most: int = MOST, seed: int = 0
) -> Doubtful | None:
    """Look for doubtful items among those that all runs answered; None with fewer than two runs.

    `answers`: of each run. Runs that did not see the image (controls) don't count.
    """
    plain = [at for at, run in enumerate(reading.runs) if run.shows_images]
    if len(plain) < 2:
        return None
    runs = [reading.runs[at] for at in plain]
    everything = np.ones(len(reading.items), bool)
    values = values_of(runs, everything, by_id=False)
    there = np.flatnonzero(~np.isnan(values).any(axis=1))
    if not len(there):
        return None
    values, task = values[there], reading.groups["task"][there]
    failed = (values == 0).all(axis=1)
    by_chance = _chance_of_failing(values, task)
    found, expected = _discrimination(values, seed=seed)
    backwards = found <= BACKWARDS if len(runs) >= LEAST_RUNS else np.zeros(len(there), bool)
    order = [
        *sorted(np.flatnonzero(backwards).tolist(), key=lambda at: found[at])[: most // 2],
        *sorted(np.flatnonzero(failed).tolist(), key=lambda at: by_chance[at])[:most],
    ][:most]
    shown = [
        DoubtfulItem(
            item=reading.items[there[at]],
            task=reading.values["task"][task[at]],
            why="all wrong" if failed[at] else "backwards",
            by_chance=float(by_chance[at]),
            discrimination=None if np.isnan(found[at]) else float(found[at]),
        )
        for at in order
    ]
    return Doubtful(
        items=len(there),
        all_wrong=int(failed.sum()),
        backwards=int(backwards.sum()),
        backwards_by_chance=expected if len(runs) >= LEAST_RUNS else None,
        shown=tuple(
            _answered(one, int(there[at]), runs, [answers[place] for place in plain])
            for at, one in zip(order, shown, strict=True)
        ),
    )


def _chance_of_failing(values: Floats, task: npt.NDArray[np.int64]) -> Floats:
    """For each item the product over the runs of their shares of wrong answers on its task."""
    counts = np.bincount(task)
    found = np.ones(len(task))
    for column in values.T:
        wrong = 1 - np.bincount(task, weights=column) / np.maximum(counts, 1)
        found *= wrong[task]
    return found


def _discrimination(values: Floats, *, seed: int) -> tuple[Floats, float]:
    """The correlation of each item with the runs' accuracies on the others, NaN where all are
    alike; and how many are as low as `BACKWARDS` with the accuracies in random order."""
    items = len(values)
    totals = values.sum(axis=0)
    centred = values - values.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1))
    varied = length > _NONE
    units = np.divide(centred, length[:, None], out=np.zeros_like(centred), where=varied[:, None])
    rest = totals - values  # (items, runs): of the other items
    rest = rest - rest.mean(axis=1, keepdims=True)
    spread = np.sqrt((rest**2).sum(axis=1))
    usable = varied & (spread > _NONE)
    found = np.full(items, np.nan)
    found[usable] = (units * rest).sum(axis=1)[usable] / spread[usable]
    score = totals - totals.mean()
    if not usable.any() or np.sqrt((score**2).sum()) < _NONE:
        return found, 0.0
    generator = np.random.default_rng([seed, 10])
    orders = np.stack([generator.permutation(score) for _ in range(_PERMUTATIONS)], axis=1)
    drawn = units[usable] @ (orders / np.sqrt((score**2).sum()))
    return found, float((drawn <= BACKWARDS).sum(axis=0).mean())


def _answered(
    shown: DoubtfulItem, item: int, runs: Sequence[Outcomes], answers: Sequence[AnswerTexts]
) -> DoubtfulItem:
    """The item with its right option and the runs' answers, each to its first question."""
    chosen: list[str | None] = []
    right = image = ""
    for run, texts in zip(runs, answers, strict=True):
        place = int(np.flatnonzero((run.item == item) & (run.right >= 0))[0])
        right, image, answer = texts.at(place)
        chosen.append(answer)
    agreed = _agreed(chosen, right, len(runs))
    return replace(shown, image=image, right=right, answers=tuple(chosen), agreed=agreed)


def _agreed(answers: Sequence[str | None], right: str, runs: int) -> tuple[str, float] | None:
    named = Counter(text for text in answers if text is not None and text != right)
    if not named:
        return None
    text, count = named.most_common(1)[0]
    return text, count / runs
