"""A study, opened and checked before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from mubench_gen.ablation.design import Design, make_design
from mubench_gen.ablation.grid import Grid, StudySettings, check_size, run_axes
from mubench_gen.ablation.parts import Part, designed, open_parts, within
from mubench_gen.errors import SettingError
from mubench_gen.plan.plan import Plan
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.runs.studies import runs_of
from mubench_gen.storage.run_folder import folder_of

_OWN = ("prompt", "readout", "orders", "plugin", "model", "run_dir", "fresh", "reuse")


@dataclass(frozen=True, slots=True)
class Study:
    """A study that is opened and checked, before anything is asked.

    `parts` are ordered by model, then by condition.
    """

    folder: Path
    grid: Grid
    parts: tuple[Part, ...]
    settings: Mapping[str, Any]
    budget: int | None
    reuse: tuple[Path, ...]
    has_pair: bool = False  # the first model is the base, the second its fine-tune
    design: Design | None = None

    @property
    def seed(self) -> int:
        return self.parts[0].plan.settings.seed

    @property
    def models(self) -> list[list[Part]]:
        """The parts of each model."""
        return [list(parts) for _, parts in groupby(self.parts, lambda part: part.plan.name)]

    def fixed_settings(self) -> dict[str, Any]:
        """The settings that must be equal for the study to be resumed."""
        chosen = {} if self.design is None else {"design": self.design.spec}
        return {
            "settings": {**self.settings, **chosen},
            "grid": self.grid.as_dict(),
            "models": [[p[0].plan.plugin.name, p[0].plan.spec.name] for p in self.models],
            "budget": self.budget,
        }


def open_study(
    axes: StudySettings,
    given: Mapping[str, Any],
    plugins: Plugins,
    *,
    folder: Path | None = None,
    fresh: bool = False,
    reuse: Sequence[Path] = (),
    has_pair: bool = False,
) -> Study:
    """Open and check all that a study needs. `given`: settings of `eval`, for all models;
    `has_pair`: the first model is the base, the second its fine-tune.
    """
    check_size(axes)
    if given.get("shard") is not None:
        raise SettingError("A study cannot be split into shards: --shard is for `eval`.")
    design = None
    if axes.design is not None:
        seed = make_settings({"plugin": "", "seed": given.get("seed")}).seed
        design = make_design(axes, axes.design, seed)
    grid, parts = open_parts(axes, given, plugins, design)
    study = Study(
        folder=Path(),
        grid=grid,
        parts=tuple(parts),
        settings=_shared(axes, parts[0].plan),
        budget=axes.budget,
        reuse=tuple(run for path in reuse for run in runs_of(path)),
        has_pair=has_pair,
    )
    if axes.budget is not None:
        drawn = [within(axes.budget, model, study.grid) for model in study.models]
        study = replace(study, parts=tuple(part for model in drawn for part in model))
    if design is not None:
        drawn = [designed(design, model, study.grid) for model in study.models]
        parts = [part for model in drawn for part in model]
        study = replace(study, parts=tuple(parts), design=design)
    folder = folder_of(folder, "studies", "ablate", study.fixed_settings(), fresh=fresh)
    return replace(study, folder=folder)


def _shared(axes: StudySettings, plan: Plan) -> dict[str, Any]:
    """The settings that all runs of the study have."""
    found = plan.settings.identity(plan.secret)
    for axis in run_axes(axes):
        for setting, key in axis.varied:
            if key:
                found[setting] = {k: v for k, v in found[setting].items() if k != key}
            else:
                found.pop(setting, None)  # some settings are there only if they were given
    return {name: found[name] for name in found if name not in _OWN}
