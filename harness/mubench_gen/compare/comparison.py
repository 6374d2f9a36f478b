"""runs → comparison: paired differences, tested and adjusted, pooled and by task and data set."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from mubench_gen.compare.answer_matrix import Reading, read_outcomes
from mubench_gen.compare.differences import (
    Difference,
    Overall,
    flat,
    shrunk,
)
from mubench_gen.compare.groups import Pairs, Side, label_runs, pairs_of, sides_of
from mubench_gen.compare.pairing import Pairing, compared
from mubench_gen.compare.preconditions import Comparability, comparability
from mubench_gen.errors import RunFolderError, SettingError
from mubench_gen.runs.results import Run
from mubench_gen.scores.clusters import IMAGE
from mubench_gen.scores.joint import DRAWS, Adjust
from mubench_gen.scores.metadata import check_facts
from mubench_gen.scores.metrics import ChosenMetric
from mubench_gen.types import OPEN_FORMS, Form

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """The differences in one further metric, in its own unit; fields as in Comparison.

    left_out: groups with too few values to compare.
    """

    chosen: ChosenMetric
    differences: tuple[Difference, ...]
    overall: tuple[Overall, ...]
    left_out: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            **self.chosen.described(),
            "differences": [flat(one, "paired") for one in self.differences],
            "overall": [flat(one, "omnibus") for one in self.overall],
            "left_out": list(self.left_out),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison.

    items: the number of compared items; items_in_any: of items in any run. accepted: obstacles
    that the user chose to ignore. notes: what else differs. metrics: the comparisons in
    further metrics, by their keys. clustered: the field that items are clustered by, or both of
    two; noun: what one cluster is called. form: what the compared items ask for; apart: the
    comparisons of items with open answers, by their form, beside these.
    """

    sides: tuple[Side, ...]
    items: int
    items_in_any: int
    accepted: tuple[str, ...]
    notes: tuple[str, ...]
    differences: tuple[Difference, ...]
    overall: tuple[Overall, ...]
    seed: int
    adjust: Adjust = "maxt"
    margin: float | None = None
    draws: int = DRAWS
    metrics: Mapping[str, MetricComparison] = field(default_factory=dict)
    clustered: str = IMAGE
    noun: str = IMAGE
    form: Form = "option"
    apart: Mapping[str, Comparison] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        from mubench_gen.report.notebook import comparison_html

        return comparison_html(self)

    def as_dict(self) -> dict[str, Any]:
        """What `compare --json` prints."""
        return {
            "sides": [asdict(side) for side in self.sides],
            "items": self.items,
            "items_in_any": self.items_in_any,
            "accepted": list(self.accepted),
            "notes": list(self.notes),
            "differences": [flat(one, "paired") for one in self.differences],
            "overall": [flat(one, "omnibus") for one in self.overall],
            "clustered": self.clustered,
            "adjust": self.adjust,
            **({} if self.margin is None else {"margin": self.margin}),
            **({} if self.form == "option" else {"form": self.form}),
            **({"apart": {k: c.as_dict() for k, c in self.apart.items()}} if self.apart else {}),
            "seed": self.seed,
            "draws": self.draws,
            "confidence": 0.95,
            "power": 0.8,
            **(
                {"metrics": {k: m.as_dict() for k, m in self.metrics.items()}}
                if self.metrics
                else {}
            ),
        }


def compare(
    runs: Sequence[Run],
    *,
    pairs: Pairs = "first",
    intersection: bool = False,
    unfinished: bool = False,
    by: Sequence[str] = (),
    group: str | None = None,
    metrics: Sequence[ChosenMetric] = (),
    adjust: Adjust = "maxt",
    margin: float | None = None,
    asked: Collection[int] = (),
    pool: bool = True,
    seed: int = 0,
    form: Form = "option",
) -> Comparison:
    """Compare two runs or more on the items that they share.

    `pairs`: each run against the first, all pairs, or each model against the one that it is
    based on. `by`: further fields whose values group the items. `group`: a fact of the models
    ("scope", "domain") whose groups are compared instead of the runs. `metrics`: compared
    on the same items, besides the accuracy. `adjust`: how p values are adjusted within a family
    (`scores.joint.adjust`). `margin`: the difference that does not matter, a share above 0, by
    which each difference in accuracy is judged. `asked`: the indices of the runs that the
    question is about, whose differences are then a family of their own. `pool`: estimate tasks
    from all tasks together, too. `form`: what the items ask for that are compared; see
    `compare_all` for several forms. Raises RunFolderError if the runs are not
    comparable, unless `intersection` (or, if they are only unfinished, `unfinished`) is set:
    then the items that they share are compared.
    """
    if len(runs) < 2:
        raise SettingError("A comparison needs two runs or more: mubench-gen compare A B.")
    folders = [run.dir.resolve() for run in runs]
    if twice := [run.dir for run in runs if folders.count(run.dir.resolve()) > 1]:
        raise SettingError(f"{twice[0]} is given twice: name different runs.")
    labels = label_runs(runs)
    fields = tuple(dict.fromkeys(("task", "dataset", *by)))
    if group is not None:
        check_facts([group], [run.manifest for run in runs])
    reading = read_outcomes(runs, fields, metrics, form=form)
    found = comparability(reading, labels)
    accepted = _accepted(found, reading, intersection=intersection, unfinished=unfinished)
    sides, members = sides_of(reading, labels, group)
    chosen = pairs_of(sides, reading, pairs, group)
    clusters = reading.clusters
    pairing = Pairing(
        reading,
        found,
        sides,
        members,
        chosen,
        adjust,
        margin,
        frozenset(asked),
        seed,
        clusters.noun,
    )
    differences, overall, _ = compared(pairing)
    if pool and differences:
        every = pairing.values(range(len(sides)), None)
        named = [side.label for side in sides]
        differences = shrunk(differences, every, reading, named, seed=seed)
    if not differences:
        raise RunFolderError(
            "No item has an answer in both runs: all items that they share failed."
        )
    return Comparison(
        sides=sides,
        items=int(found.wanted.sum()),
        items_in_any=len(reading.items),
        accepted=accepted,
        notes=(*found.notes, *clusters.notes, *_clustered_apart(runs)),
        differences=differences,
        overall=overall,
        adjust=adjust,
        margin=margin,
        seed=seed,
        metrics={one.key: MetricComparison(one, *compared(pairing, one)) for one in metrics},
        clustered=clusters.by,
        noun=clusters.noun,
        form=form,
    )


def forms_in(runs: Sequence[Run]) -> list[Form]:
    """What items of all these runs ask for, by their manifests: one option first, without boxes."""
    found = [
        {str(task.get("asks", "option")) for task in (run.manifest.get("tasks") or {}).values()}
        or {"option"}
        for run in runs
    ]
    shared = set[str].intersection(*found) if found else set[str]()
    forms: list[Form] = [form for form in ("option", *OPEN_FORMS) if form in shared]
    return forms or ["option"]


def compare_all(
    runs: Sequence[Run], *, metrics: Sequence[ChosenMetric] = (), **settings: Any
) -> Comparison:
    """As `compare`, with a comparison of its own for each form of answer that all runs ask for.

    The first of them, of single choice where there is any, has the others as `apart`.
    """
    first, *others = forms_in(runs)
    found = compare(runs, metrics=metrics, form=first, **settings)
    apart: dict[str, Comparison] = {form: compare(runs, form=form, **settings) for form in others}
    return replace(found, apart=apart) if apart else found


def _clustered_apart(runs: Sequence[Run]) -> list[str]:
    """Which other clusters the runs' own scores have."""
    found = {" and ".join(run.clustering.fields): run.dir.name for run in reversed(runs)}
    first = " and ".join(runs[0].clustering.fields)
    others = [f"{name} by {by}" for by, name in found.items() if by != first]
    return [f"The scores of {', '.join(others)} are clustered"] if others else []


def _accepted(
    found: Comparability, reading: Reading, *, intersection: bool, unfinished: bool
) -> tuple[str, ...]:
    """The obstacles to ignore. Raises RunFolderError for others, or if no item is shared."""
    if not found.wanted.any():
        raise RunFolderError(
            "The runs share no item: "
            + "; ".join(
                f"{run.run.dir} has {len(np.unique(run.item)):,}"
                + (f" ({reading.items[int(run.item[0])]} …)" if len(run.item) else "")
                for run in reading.runs
            )
            + ". Compare runs of the same data and tasks."
        )
    refused = () if intersection else found.obstacles
    late = () if intersection or unfinished else found.unfinished
    if refused or late:
        shown = [*refused, *late]
        more = [f"… and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
        flag = "--intersection" if refused else "--unfinished"
        raise RunFolderError(
            "The runs are not comparable as they are:\n  "
            + "\n  ".join([*shown[:_SHOWN], *more])
            + f"\nThey share {int(found.wanted.sum()):,} of {len(reading.items):,} items; {flag} "
            "compares only those."
        )
    return found.obstacles + found.unfinished
