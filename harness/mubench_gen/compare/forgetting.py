"""runs of a base and of its fine-tunes → what each learned and forgot, by task.

A view of `comparison`: the same pairing, intervals and tests, with the sign turned round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from mubench_gen.compare.comparison import compare
from mubench_gen.compare.differences import Difference
from mubench_gen.errors import SettingError
from mubench_gen.runs.results import Run
from mubench_gen.scores.joint import Adjust

Outcome = Literal["kept", "lost", "not known"]

MARGIN = 0.02  # of a difference that does not matter


@dataclass(frozen=True, slots=True)
class Change:
    """One fine-tune on one group of items (part and name as in `comparison.Difference`).

    forgotten: the share of the items that the base had right and the fine-tune has wrong;
    learned: the reverse; change: after − before = learned − forgotten. kept: of the items that
    the base had right, the share still right; None if it had none right. Values are means over
    the repeats of an item. p_adjusted: p adjusted for the `family` changes of this part, of the
    fine-tunes that were asked about: those at α 1, while other α of a sweep are another family.
    outcome: by the margin "kept" (the interval is above −margin), "lost" (below 0), or "not
    known".
    """

    finetuned: str
    part: str
    name: str
    n: int
    images: int
    n_excluded: int
    before: float
    after: float
    forgotten: float
    learned: float
    kept: float | None
    change: float
    ci95: tuple[float, float]
    p: float
    p_adjusted: float
    family: int
    test: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Forgetting:
    """The changes from the base to the fine-tunes; other fields as in `Comparison`."""

    base: str
    finetuned: tuple[str, ...]
    runs: tuple[str, ...]
    items: int
    items_in_any: int
    accepted: tuple[str, ...]
    notes: tuple[str, ...]
    clustered: str
    changes: tuple[Change, ...]
    adjust: Adjust
    margin: float

    def of(self, finetuned: str, part: str | None = None) -> list[Change]:
        """The changes of one fine-tune, in one part or in all."""
        return [
            one for one in self.changes if one.finetuned == finetuned and part in (None, one.part)
        ]

    def as_dict(self) -> dict[str, Any]:
        """What `report --forgetting --json` prints."""
        return asdict(self) | {"confidence": 0.95}


def forgetting(
    runs: Sequence[Run],
    *,
    intersection: bool = False,
    unfinished: bool = False,
    adjust: Adjust = "maxt",
    margin: float = MARGIN,
    seed: int = 0,
) -> Forgetting:
    """Compare the runs of fine-tunes with the first, their base's, on the items that they share.

    `adjust` and `margin` as in `compare`. Raises RunFolderError if the runs are not
    comparable, as `compare` does.
    """
    if len(runs) < 2:
        raise SettingError(
            "--forgetting needs two runs or more: report --forgetting BASE FINETUNED…"
        )
    found = compare(
        runs,
        intersection=intersection,
        unfinished=unfinished,
        adjust=adjust,
        asked=[place for place, run in enumerate(runs) if _is_asked(run)],
        pool=False,
        seed=seed,
    )
    base, *others = found.sides
    return Forgetting(
        base=base.label,
        finetuned=tuple(side.label for side in others),
        runs=tuple(run for side in found.sides for run in side.runs),
        items=found.items,
        items_in_any=found.items_in_any,
        accepted=found.accepted,
        notes=found.notes,
        clustered=found.clustered,
        adjust=adjust,
        margin=margin,
        changes=tuple(_change(one, margin) for one in found.differences),
    )


def _is_asked(run: Run) -> bool:
    """Whether it is no step of a sweep on the way to a fine-tune."""
    stated = run.manifest["model"].get("facts") or {}
    return "method" not in stated and _alpha(run) in (None, 1)


def _alpha(run: Run) -> Decimal | None:
    """The α of a sweep's run, by its folder's or its model's name; None for any other run."""
    model = str(run.manifest["model"]["id"]).rpartition("@")
    for name, text in (run.dir.name.partition("alpha-")[::2], model[::2]):
        try:
            return Decimal(text) if name != run.dir.name else None
        except InvalidOperation:
            continue
    return None


def _outcome(change: tuple[float, float], margin: float) -> Outcome:
    low, high = change
    if low > -margin:
        return "kept"
    return "lost" if high < 0 else "not known"


def _change(one: Difference, margin: float) -> Change:
    """The difference base − fine-tune, turned round."""
    paired = one.paired
    low, high = paired.ci95
    forgotten, learned = paired.ahead / paired.n, paired.behind / paired.n
    return Change(
        finetuned=one.second,
        part=one.part,
        name=one.name,
        n=paired.n,
        images=paired.images,
        n_excluded=one.n_excluded,
        before=paired.first,
        after=paired.second,
        forgotten=forgotten,
        learned=learned,
        kept=1 - forgotten / paired.first if paired.first else None,
        change=-paired.difference + 0.0,
        ci95=(-high + 0.0, -low + 0.0),
        p=paired.p,
        p_adjusted=one.p_adjusted,
        family=one.family,
        test=paired.test,
        outcome=_outcome((-high, -low), margin),
    )
