"""The conditions of a sweep: prompts and other settings, under each of which every α is asked.

Axes and cells are those of `ablate`. Prompts are asked within the run of an α; an axis of other
settings needs a run for each of its values: SWEEP/alpha-A/transform=blur. All runs of an α follow
one another, so that its weights are loaded once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, Field

from mubench_gen.ablation.axes import Condition, conditions_of
from mubench_gen.ablation.grid import (
    OF_CHATS,
    Grid,
    StudySettings,
    check_size,
    make_grid,
    make_study_settings,
    prompt_axes,
    run_axes,
    variants,
)
from mubench_gen.errors import SettingError
from mubench_gen.host.client import HostedModel
from mubench_gen.plan.items import planned
from mubench_gen.plan.opening import OF_THE_MODEL
from mubench_gen.plan.plan import OpenedData, Plan, make_plan
from mubench_gen.plan.settings import Settings, make_settings
from mubench_gen.plugins.registry import Plugins


class SweepKeys(BaseModel):
    """What the file of --config may have beside the settings of `eval`."""

    axis: dict[str, list[Any]] = Field({}, description="values by setting, as in --axis")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a sweep is asked under: the cells of the grid. `plans`: those of the base, one for each
    of `runs`, which are the conditions that need a run of their own."""

    axes: StudySettings
    grid: Grid
    runs: tuple[Condition, ...]
    plans: tuple[Plan, ...]

    @property
    def varied(self) -> bool:
        """Whether there are several conditions, by prompts that were named or by an axis."""
        named = len(self.axes.prompt) > 1 or len(self.axes.readout) > 1
        return named or bool(prompt_axes(self.axes) or self.axes.axis)

    @property
    def varied_grid(self) -> Grid | None:
        """The grid where there are several conditions."""
        return self.grid if self.varied else None

    def identity(self) -> dict[str, Any]:
        """What of them the settings of the first run do not say; empty without an axis."""
        own = {"prompt", "readout"}
        axes = {name: told for name, told in self.grid.as_dict().items() if name not in own}
        return {"axes": axes} if axes else {}

    def of(self, plan: Plan) -> list[Plan]:
        """The plans of an α, of which `plan` is the one without conditions."""
        folder, found = plan.settings.run_dir, []
        assert folder is not None
        for condition, own in zip(self.runs, self.plans, strict=True):
            where = {"run_dir": folder / condition.name, "fresh": False}
            settings = own.settings.model_copy(update=where)
            weights = replace(own.weights, weights=plan.weights.weights)
            found.append(
                replace(own, spec=plan.spec, model=plan.model, weights=weights, settings=settings)
            )
        return found

    def counts(self) -> dict[str, int]:
        """The number of items that each condition asks of an α, by its name in tables."""
        if not self.varied:
            return {"": planned(self.plans[0])}
        found = dict.fromkeys(map(self.grid.label, self.grid.cells), 0)
        for number, plan in enumerate(self.plans):
            own = [cell for cell in self.grid.cells if cell.condition == number]
            for cell in own:
                asked = [prompt for prompt in plan.prompts if prompt.name == cell.prompt]
                one = replace(plan, prompts=asked, readouts=[cell.readout])
                found[self.grid.label(cell)] += planned(one)
        return found


def make_axes(settings: Settings, axis: Mapping[str, Any]) -> StudySettings:
    """The axes of a sweep: its prompts and read-outs, and those of `--axis`."""
    given = {"prompt": list(settings.prompt) or None, "readout": list(settings.readout) or None}
    axes = make_study_settings({**given, "axis": dict(axis)})
    for one in run_axes(axes):
        name = one.field
        if name in OF_THE_MODEL:
            raise SettingError(
                f"--axis {one.name}: a sweep opens one model for all conditions, and this makes "
                "another: make a sweep of each value, and compare them."
            )
        for field, key in one.varied:
            if (key in getattr(settings, field)) if key else field in settings.model_fields_set:
                raise SettingError(
                    f"{one.flag} and the axis {one.name!r} are the same setting: give one of them."
                )
    for name, (key, _) in prompt_axes(axes).items():
        if key in settings.prompt_set or (name == "orders" and settings.orders):
            raise SettingError(
                f"The axis {name!r} is set to one value too, by --prompt-set {key}=… or --{name}: "
                "give one of them."
            )
    check_size(axes)
    return axes


def open_conditions(axes: StudySettings, settings: Settings, plugins: Plugins) -> Conditions:
    """A plan of the base for each condition; they share one model, which is not loaded."""
    given = settings.model_dump(exclude_unset=True)
    given |= {
        "prompt": settings.prompt or axes.prompt,
        "readout": settings.readout or axes.readout,
    }
    models: dict[str, HostedModel] = {}
    data: OpenedData = {}
    runs = conditions_of(run_axes(axes))
    plans: list[Plan] = []
    try:
        for condition in runs:
            own = make_settings(condition.settings(given))
            plans.append(
                make_plan(own, plugins, variants=variants(axes), models=models, opened=data)
            )
        first = plans[0]
        _check_kind(axes, first)
        grid = make_grid(axes, first.prompts, first.readouts)
    except BaseException:
        for model in models.values():
            model.close()
        raise
    return Conditions(axes, grid, tuple(runs), tuple(plans))


def _check_kind(axes: StudySettings, plan: Plan) -> None:
    varied = [axis for axis in OF_CHATS if getattr(axes, axis)]
    if plan.spec.kind == "contrastive" and varied:
        raise SettingError(
            f"--axis {varied[0]}=… is for chat prompts; {plan.model.card.label} is contrastive and "
            "compares an image with captions. Vary --prompt (caption prompts) for it."
        )
