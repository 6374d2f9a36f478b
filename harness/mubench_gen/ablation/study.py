"""A study: its folder, its runs, its findings.

STUDY/study.json holds the grid, the seed, what was surveyed and found; STUDY/runs/PLUGIN-MODEL
is a run folder like any other, with all cells of that model, so that everything about one
image stands together and a reply serves every cell that asks the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mubench_gen.ablation.answers import Answers, read_answers
from mubench_gen.ablation.budget import by_item, draw
from mubench_gen.ablation.findings import Findings, find, find_estimated
from mubench_gen.ablation.grid import (
    Grid,
    StudySettings,
    check_size,
    make_grid,
    variants,
)
from mubench_gen.ablation.metrics import MetricFindings, as_document, metric_findings
from mubench_gen.ablation.studyfolder import STUDY, held, runs_of
from mubench_gen.ablation.survey import Survey, survey
from mubench_gen.console.progress import log
from mubench_gen.console.secrets import redact_command
from mubench_gen.console.stdout import results_only
from mubench_gen.data.recast import BOXES
from mubench_gen.errors import SettingError
from mubench_gen.plan.items import samples_of
from mubench_gen.plan.plan import Plan, Selection, close_model, make_plan
from mubench_gen.plan.settings import Settings, make_settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.run import run_plan
from mubench_gen.runs.results import Run
from mubench_gen.storage.records import AnsweredKeys
from mubench_gen.storage.run_folder import RECORDS, choose_folder, settings_hash, write_json

_OWN = ("prompt", "readout", "orders", "plugin", "model", "run_dir", "fresh", "reuse")
_OF_CHATS = ("labels", "system", "image", "shots")


@dataclass(frozen=True, slots=True)
class Study:
    """A study with everything found, opened and checked, and nothing asked yet."""

    folder: Path
    grid: Grid
    plans: tuple[Plan, ...]
    settings: Mapping[str, Any]
    budget: int | None
    reuse: tuple[Path, ...]

    @property
    def seed(self) -> int:
        return self.plans[0].settings.seed

    def run_folder(self, plan: Plan) -> Path:
        return self.folder / "runs" / plan.name

    def settled(self) -> dict[str, Any]:
        """What must be the same for the study to be resumed."""
        return {
            "settings": dict(self.settings),
            "grid": self.grid.as_dict(),
            "models": [[plan.plugin.name, plan.spec.name] for plan in self.plans],
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
) -> Study:
    """Find, open and check all that a study needs. `given`: settings of `eval`, for all models."""
    check_size(axes)
    _check_constant(axes, given)
    if given.get("shard") is not None:
        raise SettingError("A study is asked in one piece: shards are of `eval`.")
    asked = {**given, "prompt": axes.prompt, "readout": axes.readout}
    settings = [
        make_settings({**asked, "plugin": plugin, "model": model})
        for plugin, model in _models(axes)
    ]
    plans: list[Plan] = []
    for one in settings:
        _check_kind(axes, one, plugins)
        plans.append(make_plan(one, plugins, variants=variants(axes)))
    grids = [make_grid(axes, plan.prompts, plan.readouts) for plan in plans]
    _check_plans(plans, grids)
    if axes.budget is not None:
        plans = [_within(axes.budget, plan, grids[0]) for plan in plans]
    shared = plans[0].settings.identity(plans[0].secret)
    study = Study(
        folder=folder or Path(),
        grid=grids[0],
        plans=tuple(plans),
        settings={name: shared[name] for name in shared if name not in _OWN},
        budget=axes.budget,
        reuse=tuple(run for path in reuse for run in runs_of(path)),
    )
    if folder is None:
        folder = Path("studies", f"ablate-{settings_hash(study.settled())}")
    return replace(study, folder=choose_folder(folder, fresh=fresh))


def surveys(study: Study) -> list[Survey]:
    """What each model is to be asked, counted before anything is."""
    others = [AnsweredKeys.of(path / RECORDS) for path in study.reuse]
    cells = len(study.grid.cells)
    return [
        survey(
            plan,
            cells=cells,
            answered=[AnsweredKeys.of(study.run_folder(plan) / RECORDS), *others],
        )
        for plan in study.plans
    ]


def run_study(
    study: Study, found: Sequence[Survey], command: Sequence[str], *, progress: bool
) -> StudyResult:
    """Ask what is not answered yet, model by model, and say what was found.

    RunFolderError where the folder holds another study; it is left as it is.
    """
    facts = {
        "seed": study.seed,
        "cells": len(study.grid.cells),
        "runs": [str(Path("runs", plan.name)) for plan in study.plans],
        "reuse": [str(run) for run in study.reuse],
        "surveys": [asdict(one) for one in found],
    }
    secret = frozenset[str]().union(*(plan.secret for plan in study.plans))
    with held(study.folder, study.settled(), facts, redact_command(command, secret)) as document:
        runs = []
        for plan in study.plans:
            settings = {"run_dir": study.run_folder(plan), "reuse": study.reuse}
            own = replace(plan, settings=plan.settings.model_copy(update=settings))
            try:
                runs.append(run_plan(own, command, progress=progress))
            finally:
                close_model(plan)
        result = StudyResult(
            study, tuple(found), tuple(runs), findings(study, runs), measured(study, runs)
        )
        write_json(study.folder / STUDY, {**document, **result.as_dict()})
    return result


@dataclass(frozen=True, slots=True)
class StudyResult:
    """A study that was run."""

    study: Study
    surveys: tuple[Survey, ...]
    runs: tuple[Run, ...]
    findings: Findings
    metrics: Mapping[str, Mapping[str, MetricFindings]]  # by model and key

    @property
    def n_errors(self) -> int:
        return sum(cell.tally.errors for one in self.findings.models for cell in one.cells)

    def as_dict(self) -> dict[str, Any]:
        return {
            "surveys": [asdict(one) for one in self.surveys],
            "results": self.findings.as_dict(),
            **({"metrics": as_document(self.metrics)} if any(self.metrics.values()) else {}),
        }


def findings(study: Study, runs: Sequence[Run]) -> Findings:
    """What the runs' records say."""
    found = [answers(study.grid, run) for run in runs]
    names = [plan.name for plan in study.plans]
    folders = [str(run.dir.relative_to(study.folder)) for run in runs]
    if any(plan.selection is not None for plan in study.plans):
        items = [{one.id: one.task.name for one in samples_of(plan)} for plan in study.plans]
        return find_estimated(study.grid, found, names, folders, items=items, seed=study.seed)
    return find(study.grid, found, names, folders, seed=study.seed)


def measured(study: Study, runs: Sequence[Run]) -> dict[str, dict[str, MetricFindings]]:
    """What the runs' records say of further metrics, by model."""
    with results_only():
        return {
            plan.name: metric_findings(study.grid, run, plan.metrics, seed=study.seed)
            for plan, run in zip(study.plans, runs, strict=True)
        }


def answers(grid: Grid, run: Run) -> Answers:
    """One run's answers on the grid."""
    places: dict[tuple[str, str], int] = {
        (cell.prompt, cell.readout): place for place, cell in enumerate(grid.cells)
    }
    return read_answers(run.outcomes(), places)


def _within(budget: int, plan: Plan, grid: Grid) -> Plan:
    """The plan with a part of the grid, drawn by the plan's seed."""
    items = [sample.id for sample in samples_of(plan)]
    cells = [(cell.prompt, cell.readout) for cell in grid.cells]
    if budget >= len(items) * len(cells):
        log(f"The budget is enough for all {len(items) * len(cells):,} pairs of the grid.")
        return plan
    chosen = draw(len(items), len(cells), budget, seed=plan.settings.seed)
    return replace(plan, selection=Selection(budget, by_item(items, cells, chosen)))


def _models(axes: StudySettings) -> list[tuple[str, str | None]]:
    """Pairs of plugin and model; None: the plugin's first."""
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
    """A setting of the prompts is an axis or the same everywhere, not both."""
    constant = make_settings({"plugin": "", "prompt_set": given.get("prompt_set")}).prompt_set
    for variant in variants(axes)[:1]:
        for name in variant.keys() & constant.keys():
            axis = "orders" if name == "order" else name
            raise SettingError(
                f"--prompt-set {name}=… and the axis {axis!r} of the grid are one thing: give one."
            )


def _check_kind(axes: StudySettings, settings: Settings, plugins: Plugins) -> None:
    plugin = plugins.load(settings.plugin)
    spec = plugin.spec(settings.model)
    varied = [axis for axis in _OF_CHATS if getattr(axes, axis)]
    if spec.kind == "contrastive" and varied:
        raise SettingError(
            f"The axes {', '.join(varied)} are of chat prompts; the model {spec.name!r} of the "
            f"plugin {plugin.name!r} is contrastive and compares an image with captions. Vary "
            "--prompt (caption prompts) for it, in a study of its own."
        )


def _check_plans(plans: Sequence[Plan], grids: Sequence[Grid]) -> None:
    if any(task.question.split("/")[0] == BOXES for plan in plans for task in plan.tasks):
        raise SettingError(
            "A study is of questions with options: leave the tasks that ask for boxes out."
        )
    names = [plan.name for plan in plans]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingError(f"Two of the models are named {twice[0]!r}: each is asked once.")
    for plan, grid in zip(plans, grids, strict=True):
        if grid.as_dict() != grids[0].as_dict():
            raise SettingError(
                f"{plans[0].name} and {plan.name} have grids of their own: "
                f"{grids[0].as_dict()} and {grid.as_dict()}. Give --prompt and --readout that "
                "both take, or make a study of each."
            )
