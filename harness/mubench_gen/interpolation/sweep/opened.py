"""A sweep that is opened, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.interpolation.merge.alphas import spelled
from mubench_gen.interpolation.merge.recipe import Recipe
from mubench_gen.interpolation.sweep.budget.halving import Search
from mubench_gen.interpolation.sweep.conditions.conditions import Conditions
from mubench_gen.interpolation.sweep.conditions.frontiers import ByCondition
from mubench_gen.interpolation.sweep.frontier import Frontier
from mubench_gen.interpolation.sweep.parts import ItemPart, PublishedPoints
from mubench_gen.interpolation.sweep.stops import Stop, patterns_of, settings_of
from mubench_gen.model import Checkpoint
from mubench_gen.plan.plan import Plan
from mubench_gen.plan.settings import Settings
from mubench_gen.runs.results import Run
from mubench_gen.runs.studies import StoredStudy

if TYPE_CHECKING:
    from mubench_gen.report.figures import Drawing


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep that is opened and checked, before anything is asked.

    `finetuned`: a checkpoint or several. `digests`: of the base's weights and of each fine-tune's.
    `recipes`: one for each method. `plans`: by stop, in their order. `conditions`: under each of
    which every stop is asked. `budget`: how many answers are asked at most. `parts`: of the items,
    which a study names; `published`: points beside them.
    """

    folder: Path
    base: Checkpoint
    finetuned: tuple[Checkpoint, ...]
    digests: tuple[str | None, ...]
    recipes: tuple[Recipe, ...]
    in_domain: tuple[str, ...]
    accept_vocabulary: bool
    plans: Mapping[Stop, Plan]
    conditions: Conditions
    budget: int | None = None
    parts: tuple[ItemPart, ...] = ()
    published: PublishedPoints | None = None

    @property
    def plan(self) -> Plan:
        return next(iter(self.plans.values()))

    @property
    def settings(self) -> Settings:
        return self.plan.settings

    @property
    def alphas(self) -> list[str]:
        """The α that were asked for, ends included."""
        found = [stop for stop in self.plans if stop.line]
        return list(dict.fromkeys(spelled(stop.alpha) for stop in found))

    def fixed_settings(self) -> dict[str, Any]:
        """The settings that must be equal for the sweep to be resumed; α may be added."""
        methods, finetuned = [one.method for one in self.recipes], list(self.digests[1:])
        own = {one.method: told for one in self.recipes if (told := settings_of(one))}
        return {
            "settings": self.settings.identity(),
            "sweep": {
                "base": self.digests[0],
                "finetuned": finetuned[0] if len(finetuned) == 1 else finetuned,
                "method": methods[0] if len(methods) == 1 else methods,
                **own,
                **patterns_of(self.recipes[0]),
                **self.conditions.identity(),
                **({} if self.budget is None else {"budget": self.budget}),
            },
        }


@dataclass(frozen=True, slots=True)
class SweepResult:
    """A finished sweep: the runs of each stop, one for each condition that needs its own, their
    frontier, and where there are several conditions the results of each."""

    sweep: Sweep
    runs: Mapping[Stop, Sequence[Run]]
    frontier: Frontier
    by_condition: ByCondition | None
    search: Search | None = None  # with a budget: the frontier is of its finalists

    @property
    def n_errors(self) -> int:
        return sum(run.scores.pooled.n_errors for own in self.runs.values() for run in own)

    def plot(self, kind: str = "frontier", **options: Any) -> Drawing:
        """A figure of the sweep, of any kind that `Run.plot` has."""
        return StoredStudy(self.sweep.folder).plot(kind, **options)

    def _repr_html_(self) -> str:
        return StoredStudy(self.sweep.folder)._repr_html_()

    def as_dict(self) -> dict[str, Any]:
        names = [condition.name for condition in self.sweep.conditions.runs]
        runs: dict[str, Any] = {}
        for stop, own in self.runs.items():
            folders = [str(run.dir) for run in own]
            runs[stop.name] = dict(zip(names, folders, strict=True)) if any(names) else folders[0]
        found = {} if self.by_condition is None else {"by_condition": self.by_condition.as_dict()}
        if self.search is not None:
            found["search"] = asdict(self.search)
        return {
            "sweep_dir": str(self.sweep.folder),
            "runs": runs,
            "frontier": self.frontier.as_dict(),
            **found,
        }
