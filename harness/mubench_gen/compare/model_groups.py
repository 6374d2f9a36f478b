"""runs → groups of models by a fact of theirs: generalists against specialists.

A group's score on an item is the mean over its models, a model's the mean over its runs. Runs
that are unfinished or controls, and models without the fact, are listed but in no mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mubench_gen.compare.answer_matrix import Codes, Reading, Values, read_outcomes
from mubench_gen.compare.differences import ComparedItems, Difference, adjusted, flat, row_of
from mubench_gen.compare.groups import model_of, side_values
from mubench_gen.compare.preconditions import comparability
from mubench_gen.runs.results import Run
from mubench_gen.scores.clusters import IMAGE
from mubench_gen.scores.estimand import estimands
from mubench_gen.scores.estimate import share_estimate
from mubench_gen.scores.joint import Adjust
from mubench_gen.scores.metadata import ABSENT, MODEL, check_facts, fact_of

_OPTIONS = 1_000  # Outcomes.answer is position × 1,000 + number of options


@dataclass(frozen=True, slots=True)
class ModelGroup:
    """A value of the fact, with the labels of the runs and models that have it."""

    name: str
    runs: tuple[str, ...]
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupScore:
    """A group's mean accuracy on some items that all runs have, with its clustered interval.

    part: "pooled", "groups" (of tasks: coarse, fine) or "tasks". above_chance: whether the
    whole interval is above chance.
    """

    group: str
    part: str
    name: str
    n: int
    images: int
    accuracy: float
    ci95: tuple[float, float]
    chance: float
    above_chance: bool


@dataclass(frozen=True, slots=True)
class Grouping:
    """The scores of groups of models. left_out: (run, why) of the runs that are in no group.

    clustered: what intervals and tests are clustered by; noun: what one cluster is called.
    """

    fact: str
    groups: tuple[ModelGroup, ...]
    left_out: tuple[tuple[str, str], ...]
    items: int
    scores: tuple[GroupScore, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    adjust: Adjust = "maxt"
    clustered: str = IMAGE
    noun: str = IMAGE

    def as_dict(self) -> dict[str, Any]:
        """What `report --group --json` prints."""
        plain = asdict(self)
        return {**plain, "differences": [flat(one, "paired") for one in self.differences]}


def group_runs(
    runs: Sequence[Run],
    labels: Sequence[str],
    *,
    fact: str = "scope",
    adjust: Adjust = "maxt",
    seed: int = 0,
) -> Grouping:
    """Group the runs' models by a fact. Raises SettingError if none of them has it.

    A single group has scores but no differences; runs that share no item have neither, and
    a note says so.
    """
    check_facts([fact], [run.manifest for run in runs])
    kept, left_out = _sorted_out(runs, labels, fact)
    members: dict[str, list[int]] = {}
    for place in kept:
        members.setdefault(fact_of(runs[place].manifest, fact), []).append(place)
    groups = tuple(
        ModelGroup(
            name,
            tuple(labels[i] for i in places),
            tuple(dict.fromkeys(model_of(runs[i]) for i in places)),
        )
        for name, places in sorted(members.items())
    )
    if not kept:
        return Grouping(fact.removeprefix(MODEL), groups, left_out, 0, (), (), ())
    order = [place for _, places in sorted(members.items()) for place in places]
    reading = read_outcomes([runs[place] for place in order])
    found = comparability(reading, [labels[place] for place in order])
    notes = found.obstacles + found.notes
    if not found.wanted.any():
        note = "The models' runs share no item: their groups cannot be compared"
        return Grouping(fact.removeprefix(MODEL), groups, left_out, 0, (), (), (note,))
    ends = np.cumsum([len(group.runs) for group in groups]).tolist()
    spans = [range(end - len(group.runs), end) for group, end in zip(groups, ends, strict=True)]
    values = side_values(reading, spans, found.wanted, by_id=found.by_id)
    wanted = found.wanted & ~np.isnan(values).any(axis=1)
    parts = [one for one in _parts(reading, wanted) if len(one.items)]
    images, chance = reading.clusters.codes, _chance(reading)
    return Grouping(
        fact=fact.removeprefix(MODEL),
        groups=groups,
        left_out=left_out,
        items=int(wanted.sum()),
        scores=tuple(
            _score(group.name, one, values[one.items, place], images[one.items], chance[one.items])
            for place, group in enumerate(groups)
            for one in parts
        ),
        differences=_differences(groups, parts, values, images, adjust=adjust, seed=seed),
        notes=(*notes, *reading.clusters.notes),
        adjust=adjust,
        clustered=reading.clusters.by,
        noun=reading.clusters.noun,
    )


def _sorted_out(
    runs: Sequence[Run], labels: Sequence[str], fact: str
) -> tuple[list[int], tuple[tuple[str, str], ...]]:
    """The indices of the runs that count, and why the others don't."""
    kept, out = [], []
    for place, (run, label) in enumerate(zip(runs, labels, strict=True)):
        planned = int(run.manifest["planned"])
        recorded = run.scores.n + run.scores.n_errors
        if run.manifest["settings"]["control"] != "none":
            out.append((label, f"control: {run.manifest['settings']['control']}"))
        elif recorded < planned:
            out.append((label, f"unfinished: {recorded:,} of {planned:,} items"))
        elif fact_of(run.manifest, fact) == ABSENT:
            name = fact.removeprefix(MODEL)
            stated = "domain" if name == "scope" else name
            out.append((label, f"its plugin states no {stated}"))
        else:
            kept.append(place)
    return kept, tuple(out)


def _parts(reading: Reading, wanted: npt.NDArray[np.bool_]) -> Iterator[ComparedItems]:
    shared = np.flatnonzero(wanted)
    yield ComparedItems("pooled", "pooled", shared)
    tasks, here = reading.values["task"], reading.groups["task"][shared]
    kinds = _task_groups(reading)
    of_items = np.array([kinds.get(name, "") for name in tasks], dtype=object)[here]
    names = sorted({name for name in of_items if name})
    if len(names) > 1:
        for name in names:
            yield ComparedItems("groups", name, shared[of_items == name])
    for code in sorted(np.unique(here).tolist(), key=lambda code: tasks[code]):
        yield ComparedItems("tasks", tasks[code], shared[here == code])


def _task_groups(reading: Reading) -> dict[str, str]:
    """Task → its group (coarse, fine), as the runs knew it."""
    found: dict[str, str] = {}
    for run in reading.runs:
        for name, task in (run.run.manifest.get("tasks") or {}).items():
            found.setdefault(name, str(task.get("group") or ""))
    return found


def _chance(reading: Reading) -> Values:
    """1 / number of options, for each item."""
    options = np.ones(len(reading.items))
    for run in reading.runs:
        options[run.item] = run.answer % _OPTIONS
    return 1 / np.maximum(options, 1)


def _score(
    group: str, part: ComparedItems, values: Values, images: Codes, chance: Values
) -> GroupScore:
    found, *also = estimands(values, images)
    known, level = share_estimate(found, also=also), float(chance.mean())
    return GroupScore(
        group=group,
        part=part.part,
        name=part.name,
        n=len(values),
        images=known.clusters,
        accuracy=known.value,
        ci95=known.ci95,
        chance=level,
        above_chance=known.ci95[0] > level,
    )


def _differences(
    groups: Sequence[ModelGroup],
    parts: Sequence[ComparedItems],
    values: Values,
    images: Codes,
    *,
    adjust: Adjust,
    seed: int,
) -> tuple[Difference, ...]:
    """Differences between the first group and each other, adjusted within each part."""
    rows = [
        row_of(one, values[:, [0, place]], images, (groups[0].name, groups[place].name), seed=seed)
        for place in range(1, len(groups))
        for one in parts
    ]
    return adjusted(rows, how=adjust, seed=seed)
