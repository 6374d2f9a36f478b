"""A sweep that is opened, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.interpolation.merge.alphas import spelled
from mubench_gen.interpolation.merge.recipe import Recipe
from mubench_gen.interpolation.sweep.frontier import Frontier
from mubench_gen.interpolation.sweep.parts import Part, PublishedPoints
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
    `recipes`: one for each method. `plans`: by stop, in their order. `parts`: of the items, which a
    study names; `published`: points beside them.
    """

    folder: Path
    base: Checkpoint
    finetuned: tuple[Checkpoint, ...]
    digests: tuple[str | None, ...]
    recipes: tuple[Recipe, ...]
    in_domain: tuple[str, ...]
    accept_vocabulary: bool
    plans: Mapping[Stop, Plan]
    parts: tuple[Part, ...] = ()
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
            },
        }


@dataclass(frozen=True, slots=True)
class SweepResult:
    """A finished sweep: a run per stop, and their frontier."""

    sweep: Sweep
    runs: Mapping[Stop, Run]
    frontier: Frontier

    @property
    def n_errors(self) -> int:
        return sum(run.scores.pooled.n_errors for run in self.runs.values())

    def plot(self, kind: str = "frontier", **options: Any) -> Drawing:
        """A figure of the sweep, of any kind that `Run.plot` has."""
        return StoredStudy(self.sweep.folder).plot(kind, **options)

    def _repr_html_(self) -> str:
        return StoredStudy(self.sweep.folder)._repr_html_()

    def as_dict(self) -> dict[str, Any]:
        return {
            "sweep_dir": str(self.sweep.folder),
            "runs": {stop.name: str(run.dir) for stop, run in self.runs.items()},
            "frontier": self.frontier.as_dict(),
        }
