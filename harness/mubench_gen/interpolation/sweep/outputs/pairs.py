"""The records of two runs → the probabilities that both gave to the same answers."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mubench_gen.compare.answer_matrix import ERROR, Outcomes, Reading
from mubench_gen.errors import SettingError
from mubench_gen.interpolation.sweep.outputs.mixing import Floats, mixed, shares
from mubench_gen.scores.calibration import probabilities_of
from mubench_gen.storage.records import Record

Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_HOW = {
    "cloze": "its scores are means of log-probabilities by token, no distribution over the "
    "options; ask again with --readout logprob",
    "similarity": "the model does not say how its similarities become probabilities: let its "
    "plugin give a scoring (docs/plugins.md)",
}
_ASK_AGAIN = "ask again with --readout logprob, which stores the probability of each label"
READOUTS = ("similarity", "logprob")  # those whose records have probabilities


class Chances:
    """The probabilities of a run's records in the order in which they are read.

    NaN where a record has none. `name`: of the run, for messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.n = 0
        self.lacking: Counter[str] = Counter()  # by read-out; a refused reply is not among them
        self._chances, self._order = array("d"), array("q")
        self._ends, self._choices = array("q", [0]), array("q")

    def see(self, record: Record) -> None:
        width = len(record["options"])
        status, readout = record["status"], record["readout"]
        found = None if status == "error" else probabilities_of(record)
        if found is None and (status == "answered" or readout not in READOUTS):
            self.lacking[readout] += 1
        self.n += 1
        self._chances.extend([np.nan] * width if found is None else found)
        self._order.extend(record["order"])
        self._ends.append(self._ends[-1] + width)
        self._choices.append(-1 if record["choice"] is None else record["order"][record["choice"]])

    def check(self) -> None:
        """SettingError where answers have no probabilities, with what to type."""
        for readout, count in self.lacking.most_common(1):
            how = _HOW.get(readout, _ASK_AGAIN)
            raise SettingError(
                f"{self.name}: {count:,} of {self.n:,} answers have no probabilities of the "
                f"options (read-out {readout}), and without them outputs cannot be mixed: {how}, "
                "or mix weights (--method linear)."
            )

    @property
    def widths(self) -> Codes:
        ends: Codes = np.frombuffer(self._ends, np.int64)
        return ends[1:] - ends[:-1]

    @property
    def choices(self) -> Codes:
        """The original place of the option that each record chose, -1 for none."""
        return np.frombuffer(self._choices, np.int64)

    def rows(self, places: Codes, width: int) -> tuple[Floats, Codes]:
        """Probabilities and order of these records, which have so many options."""
        at = np.frombuffer(self._ends, np.int64)[places][:, None] + np.arange(width)
        chances, order = np.frombuffer(self._chances), np.frombuffer(self._order, np.int64)
        return chances[at], order[at]


@dataclass(frozen=True, slots=True)
class _Alike:
    """The answers with equally many options: their places among all; the outputs of both models
    in the order in which the base was shown the options; where the right one stands there."""

    places: Codes
    base: Floats
    finetuned: Floats
    gold: Codes


@dataclass(frozen=True, slots=True)
class Pairs:
    """The answers that both gave. item: the item of each; known: whether both have its
    probabilities; either: whether one of the two is right; agreeing: the share in which both
    choose the same option."""

    item: Codes
    known: Mask
    either: Mask
    agreeing: float
    groups: Sequence[_Alike]

    def alphas(self, rule: Callable[[Floats, Floats], Floats]) -> Floats:
        """The α that a rule gives each answer; NaN where it is not known."""
        found = np.full(len(self.item), np.nan)
        for one in self.groups:
            found[one.places] = rule(one.base, one.finetuned)
        return found

    def right(self, alpha: float | Floats, method: str) -> Mask:
        """Whether the mix at α, one for all or for each answer, chooses the right option.

        Of options with equal probabilities the first as shown is chosen, as everywhere.
        """
        each = np.broadcast_to(np.asarray(alpha, np.float64), self.item.shape)
        found = np.zeros(len(self.item), bool)
        for one in self.groups:
            outputs = mixed(one.base, one.finetuned, each[one.places], method)
            found[one.places] = outputs.argmax(axis=1) == one.gold
        return found

    def values(self, right: Mask, items: int) -> Floats:
        """The accuracy of each item, (items,); NaN for one that was not answered."""
        counts = np.bincount(self.item, minlength=items)
        sums = np.bincount(self.item, weights=right, minlength=items)
        found: Floats = np.divide(sums, counts, out=np.full(items, np.nan), where=counts > 0)
        return found


def pairs_of(reading: Reading, chances: Sequence[Chances], wanted: Mask, *, by_id: bool) -> Pairs:
    """The answers of the two runs of a reading that pair, without those that failed in either.

    `wanted`, `by_id`: as of `comparability`. Without `by_id` an item's only answers pair.
    """
    base, finetuned = chances
    places = [
        np.flatnonzero((run.right != ERROR) & wanted[run.item]).astype(np.int64)
        for run in reading.runs
    ]
    keys = _keys(reading.runs, places, by_id=by_id)
    _, first, second = np.intersect1d(keys[0], keys[1], return_indices=True)
    rows = places[0][first], places[1][second]
    gold = reading.runs[0].answer[rows[0]] // 1_000
    known, groups = np.zeros(len(rows[0]), bool), []
    widths = base.widths[rows[0]]
    for width in np.unique(widths):
        at = np.flatnonzero(widths == width)
        one, order = base.rows(rows[0][at], width)
        other, order_there = finetuned.rows(rows[1][at], width)
        back = np.argsort(order_there, axis=1)  # original place → where the fine-tune has it
        other = np.take_along_axis(other, np.take_along_axis(back, order, axis=1), axis=1)
        sound = ~(np.isnan(one).any(axis=1) | np.isnan(other).any(axis=1))
        known[at] = sound
        here = (order[sound] == gold[at][sound, None]).argmax(axis=1)
        groups.append(_Alike(at[sound], shares(one[sound]), shares(other[sound]), here))
    chosen = base.choices[rows[0]], finetuned.choices[rows[1]]
    agreeing = float((chosen[0] == chosen[1])[known].mean()) if known.any() else 0.0
    either = (chosen[0] == gold) | (chosen[1] == gold)
    return Pairs(reading.runs[0].item[rows[0]], known, either, agreeing, groups)


def _keys(runs: Sequence[Outcomes], places: Sequence[Codes], *, by_id: bool) -> list[Codes]:
    """By what the answers of the two pair."""
    if by_id:
        width = 1 + max((int(run.variant.max()) for run in runs if len(run.variant)), default=0)
        return [
            run.item[rows] * width + run.variant[rows]
            for run, rows in zip(runs, places, strict=True)
        ]
    items = [run.item[rows] for run, rows in zip(runs, places, strict=True)]
    if any(len(np.unique(one)) < len(one) for one in items):
        raise SettingError(
            "The two runs asked their items in different ways (prompts, orders or repeats), one of "
            "them several times each, so that answers do not pair: ask both with the same settings."
        )
    return items
