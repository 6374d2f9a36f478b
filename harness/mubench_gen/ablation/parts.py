"""The runs of a study: each model under each condition, opened and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mubench_gen.ablation.axes import Condition, conditions_of
from mubench_gen.ablation.budget import by_item, draw
from mubench_gen.ablation.design import Design, conditions_in
from mubench_gen.ablation.grid import (
    MOST_RUNS,
    OF_CHATS,
    Grid,
    StudySettings,
    make_grid,
    prompt_axes,
    run_axes,
    variants,
)
from mubench_gen.console.notes import note
from mubench_gen.errors import SettingError
from mubench_gen.host.card import ModelCard
from mubench_gen.host.client import HostedModel
from mubench_gen.plan.items import samples_of
from mubench_gen.plan.opening import shared_model
from mubench_gen.plan.plan import OpenedData, Plan, Selection, make_plan
from mubench_gen.plan.ray_options import split_cluster
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.entry_points import found_once
from mubench_gen.plugins.registry import Plugins
from mubench_gen.scores.item_clusters import check_of_items
from mubench_gen.tasks.forms import form_of
from mubench_gen.types import FORM_WORDS


@dataclass(frozen=True, slots=True)
class Part:
    """One run of a study: a model under one condition, the `number`th of the grid."""

    plan: Plan
    condition: Condition
    number: int

    @property
    def folder(self) -> Path:
        """The run's folder, relative to the study's."""
        return Path("runs", self.plan.name, self.condition.name)


@found_once()
def open_parts(
    axes: StudySettings, given: Mapping[str, Any], plugins: Plugins, design: Design | None = None
) -> tuple[Grid, list[Part]]:
    """The grid, and a part for each model and condition (of a design: those that it asks), ordered
    by model."""
    _check_constant(axes, given)
    wanted = None if design is None else _wanted(design, axes)
    asked = {**given, "prompt": axes.prompt, "readout": axes.readout}
    opened: dict[str, HostedModel] = {}  # a model that several runs ask is opened once
    data: OpenedData = {}  # and so are data
    parts = []
    try:
        for plugin, model in _models(axes):
            named = {**asked, "plugin": plugin, "model": model}
            for number, condition in enumerate(conditions_of(run_axes(axes))):
                if wanted is not None and number not in wanted:
                    continue
                settings = make_settings(condition.settings(named))
                check_of_items(settings.cluster)
                asks = shared_model(split_cluster(settings)[0], plugins, variants(axes), opened)
                _check_kind(axes, asks.card)
                plan = make_plan(
                    settings, plugins, variants=variants(axes), models=opened, opened=data
                )
                parts.append(Part(plan, condition, number))
    except BaseException:
        for one in opened.values():
            one.close()
        raise
    grids = [make_grid(axes, part.plan.prompts, part.plan.readouts) for part in parts]
    _check_parts(parts, grids)
    return grids[0], parts


def within(budget: int, parts: Sequence[Part], grid: Grid) -> Sequence[Part]:
    """A model's parts restricted to `budget` pairs of the grid, drawn by the study's seed."""
    plan = parts[0].plan
    items = [sample.id for sample in samples_of(plan)]
    cells = [(cell.prompt, cell.readout) for cell in grid.cells]
    if budget >= len(items) * len(cells):
        note(f"The budget covers all {len(items) * len(cells):,} pairs of the grid.")
        return parts
    chosen = draw(len(items), len(cells), budget, seed=plan.settings.seed)
    condition = np.array([cell.condition for cell in grid.cells])
    drawn = []
    for part in parts:
        here = [places[condition[places] == part.number] for places in chosen]
        selection = Selection(budget, by_item(items, cells, here))
        drawn.append(replace(part, plan=replace(part.plan, selection=selection)))
    return drawn


def _wanted(design: Design, axes: StudySettings) -> set[int]:
    wanted = conditions_in(design, axes)
    if len(wanted) > MOST_RUNS:
        raise SettingError(
            f"The design has {len(wanted):,} runs per model; at most {MOST_RUNS} are allowed. "
            "Leave levels out."
        )
    return wanted


def designed(design: Design, parts: Sequence[Part], grid: Grid) -> Sequence[Part]:
    """A model's parts restricted to the cells of a design, each asked about all items."""
    items = [sample.id for sample in samples_of(parts[0].plan)]
    found = []
    for part in parts:
        cells = [grid.cells[number] for number in design.cells]
        here = frozenset((c.prompt, c.readout) for c in cells if c.condition == part.number)
        selection = Selection(len(items) * len(cells), dict.fromkeys(items, here))
        found.append(replace(part, plan=replace(part.plan, selection=selection)))
    return found


def _models(axes: StudySettings) -> list[tuple[str, str | None]]:
    """Pairs of plugin and model; None stands for the plugin's first model."""
    if not axes.plugin:
        raise SettingError("Which model? Give --plugin NAME; `mubench-gen plugins` lists them.")
    if not axes.model:
        return [(plugin, None) for plugin in axes.plugin]
    pairs = []
    for model in axes.model:
        plugin, equals, name = model.partition("=")
        if not equals and len(axes.plugin) == 1:
            pairs.append((axes.plugin[0], model))
        elif equals and plugin in axes.plugin:
            pairs.append((plugin, name))
        else:
            raise SettingError(
                f"--model {model!r}: of which plugin? With several plugins give PLUGIN=MODEL, "
                f"PLUGIN one of {', '.join(axes.plugin)}."
            )
    named = {plugin for plugin, _ in pairs}
    return [*pairs, *((plugin, None) for plugin in axes.plugin if plugin not in named)]


def _check_constant(axes: StudySettings, given: Mapping[str, Any]) -> None:
    """Refuse a setting that is both an axis and given one value."""
    pairs = ("prompt_set", "image_set", "options")
    constant = make_settings({"plugin": "", **{name: given.get(name) for name in pairs}})
    varied = {name: f"--prompt-set {key}=…" for name, (key, _) in prompt_axes(axes).items()
              if key in constant.prompt_set}  # fmt: skip
    for axis in run_axes(axes):
        for field, key in axis.varied:
            if key in getattr(constant, field) if key else given.get(field) is not None:
                varied[axis.name] = axis.flag if field == axis.field else f"--{field}"
    for name, flag in varied.items():
        raise SettingError(
            f"{flag} and the axis {name!r} of the grid are the same setting: give one of them."
        )


def _check_kind(axes: StudySettings, card: ModelCard) -> None:
    varied = [axis for axis in OF_CHATS if getattr(axes, axis)]
    if card.spec.kind == "contrastive" and varied:
        raise SettingError(
            f"The axes {', '.join(varied)} are for chat prompts; {card.label} is "
            "contrastive and compares an image with captions. Vary --prompt (caption prompts) "
            "for it, in a separate study."
        )


def _check_parts(parts: Sequence[Part], grids: Sequence[Grid]) -> None:
    for part in parts:
        for task in part.plan.tasks:
            form = form_of(task, part.plan.dataset)
            if form != "option":
                raise SettingError(
                    "A study compares answers to questions with one right option: leave out the "
                    f"task {task.name!r}, which asks for {FORM_WORDS[form]} (--tasks)."
                )
    folders = [part.folder for part in parts]
    twice = sorted({part.plan.name for part in parts if folders.count(part.folder) > 1})
    if twice:
        raise SettingError(f"Two of the models are named {twice[0]!r}: give each once.")
    for part, grid in zip(parts, grids, strict=True):
        if grid.as_dict() != grids[0].as_dict():
            raise SettingError(
                f"{parts[0].folder.relative_to('runs')} and {part.folder.relative_to('runs')} have "
                f"different grids: {grids[0].as_dict()} and {grid.as_dict()}. Give --prompt and "
                "--readout that both accept, or make a study of each."
            )
