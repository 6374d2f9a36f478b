"""runs → sides of a comparison (a run, or a group of models), each with a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from mubench_gen.compare.answer_matrix import Outcomes, Reading, Values, values_of
from mubench_gen.errors import SettingError
from mubench_gen.runs.results import Run
from mubench_gen.scores.metadata import ABSENT, MODEL, fact_of

Pairs = Literal["first", "all", "base"]
_SHOWN_PROMPTS = 3


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: a run, or the runs of a group of models.

    A group's value is the mean over its models, a model's the mean over its runs. n: records
    without errors; n, n_errors, unanswered (counted as wrong; contradictions are some of
    them) and planned are sums over runs.
    """

    label: str
    runs: tuple[str, ...]
    models: tuple[str, ...]
    facts: dict[str, str]
    n: int
    n_errors: int
    unanswered: int
    contradictions: int
    planned: int
    finished: bool


def label_runs(runs: Sequence[Run]) -> list[str]:
    """A short, unique name for each run: the model, and what distinguishes it."""
    manifests = [run.manifest for run in runs]
    models = [str(m["model"]["id"]).rstrip("/").rpartition("/")[2] for m in manifests]
    prompts = [_named(m["settings"]["prompt"]) for m in manifests]
    controls = [m["settings"]["control"] for m in manifests]
    plugins = [m["plugin"]["name"] for m in manifests]
    schemes = (
        models,
        [f"{model} · {prompt}" for model, prompt in zip(models, prompts, strict=True)],
        [m if c == "none" else f"{m} · {c}" for m, c in zip(models, controls, strict=True)],
        [f"{plugin} {model}" for plugin, model in zip(plugins, models, strict=True)],
        [run.dir.resolve().name for run in runs],
        [run.place for run in runs],
    )
    for labels in schemes:
        if len(set(labels)) == len(labels):
            return labels
    return [f"{place} {label}" for place, label in enumerate(schemes[-1], start=1)]


def _named(prompts: Sequence[str]) -> str:
    return ", ".join(prompts) if len(prompts) <= _SHOWN_PROMPTS else f"{len(prompts)} prompts"


def sides_of(
    reading: Reading, labels: Sequence[str], group: str | None
) -> tuple[tuple[Side, ...], list[list[int]]]:
    """The sides, and the indices of each one's runs."""
    if group is None:
        names = list(labels)
        members = [[place] for place in range(len(labels))]
    else:
        of = [fact_of(run.run.manifest, group) for run in reading.runs]
        names = [name for name in dict.fromkeys(of) if name != ABSENT]
        members = [[i for i, value in enumerate(of) if value == name] for name in names]
        if len(names) < 2:
            raise SettingError(
                f"The models' {MODEL}{group.removeprefix(MODEL)} makes one group or none: "
                + ", ".join(f"{label}: {value}" for label, value in zip(labels, of, strict=True))
                + ". A comparison needs two."
            )
    sides = []
    for name, places in zip(names, members, strict=True):
        runs = [reading.runs[place] for place in places]
        sides.append(_side(name, runs))
    return tuple(sides), members


def side_values(
    reading: Reading,
    members: Sequence[Sequence[int]],
    wanted: npt.NDArray[np.bool_],
    *,
    by_id: bool,
    metric: str | None = None,
) -> Values:
    """Values of shape (items, sides): means over a side's models of means over their runs.

    `members`: the indices of each side's runs. An item is NaN in all if one run has no value.
    """
    places = [place for side in members for place in side]
    runs = [reading.runs[place] for place in places]
    each = values_of(runs, wanted, by_id=by_id, metric=metric)
    each[np.isnan(each).any(axis=1)] = np.nan
    column = {place: number for number, place in enumerate(places)}
    sides = []
    for side in members:
        models: dict[str, list[int]] = {}
        for place in side:
            models.setdefault(model_of(reading.runs[place].run), []).append(column[place])
        means = [each[:, columns].mean(axis=1) for columns in models.values()]
        sides.append(np.stack(means, axis=1).mean(axis=1))
    return np.stack(sides, axis=1)


def model_of(run: Run) -> str:
    """The name of a run's model: plugin and id."""
    return f"{run.manifest['plugin']['name']} {run.manifest['model']['id']}"


def _side(label: str, runs: Sequence[Outcomes]) -> Side:
    manifests = [run.run.manifest for run in runs]
    errors = sum(run.errors for run in runs)
    return Side(
        label=label,
        runs=tuple(str(run.run.dir) for run in runs),
        models=tuple(str(manifest["model"]["id"]) for manifest in manifests),
        facts=dict(manifests[0]["model"].get("facts") or {}) if len(runs) == 1 else {},
        n=sum(len(run.right) for run in runs) - errors,
        n_errors=errors,
        unanswered=sum(run.unanswered for run in runs),
        contradictions=sum(run.contradictions for run in runs),
        planned=sum(run.planned for run in runs),
        finished=all(run.finished for run in runs),
    )


def pairs_of(
    sides: Sequence[Side], reading: Reading, pairs: Pairs, group: str | None
) -> list[tuple[int, int]]:
    if pairs == "all":
        return list(combinations(range(len(sides)), 2))
    if pairs == "first":
        return [(0, place) for place in range(1, len(sides))]
    if group is not None:
        raise SettingError("--base-pairs compares runs, not groups of models: leave --group out.")
    found = [
        (tuned, base)
        for tuned, side in enumerate(sides)
        for base, other in enumerate(sides)
        if tuned != base and _is_base(side.facts.get("base", ""), other.models[0])
    ]
    if not found:
        told = "; ".join(f"{s.label}: {s.facts.get('base', ABSENT)}" for s in sides)
        raise SettingError(
            f"None of the models is based on another of them, as their plugins say: {told}."
        )
    return found


def _is_base(stated: str, model: str) -> bool:
    """Whether the base that the plugin states is that model."""
    return bool(stated) and model.lower() in stated.lower()
