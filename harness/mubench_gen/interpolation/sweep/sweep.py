"""A sweep: its folder, its runs, its frontier.

SWEEP/alpha-A is a run folder like any other; SWEEP/sweep.json holds the settings and results.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from mubench_gen.ablation.grid import variants
from mubench_gen.console.notes import note
from mubench_gen.console.progress import log
from mubench_gen.interpolation.merge.alphas import parts_of, spelled
from mubench_gen.interpolation.merge.checkpoint import is_adapter
from mubench_gen.interpolation.merge.inputs import MergeSettings, open_inputs
from mubench_gen.interpolation.merge.recipe import Recipe
from mubench_gen.interpolation.sweep.budget.budget import Spent, check_budget, is_bounded, spend
from mubench_gen.interpolation.sweep.conditions.conditions import make_axes, open_conditions
from mubench_gen.interpolation.sweep.conditions.frontiers import by_condition
from mubench_gen.interpolation.sweep.conditions.sample import sheet_under
from mubench_gen.interpolation.sweep.domain import domain_of
from mubench_gen.interpolation.sweep.frontier import frontier_of
from mubench_gen.interpolation.sweep.opened import Sweep, SweepResult
from mubench_gen.interpolation.sweep.refusals import checkpoint_of, refuse_elsewhere, refuse_globs
from mubench_gen.interpolation.sweep.stops import Stop, left_out, patterns_of, stops_of
from mubench_gen.interpolation.sweep.study import SweepStudy
from mubench_gen.interpolation.sweep.weights.ends import digest_of, name_of
from mubench_gen.model import ModelSpec
from mubench_gen.plan.opening import host_of, known_card
from mubench_gen.plan.plan import Plan
from mubench_gen.plan.settings import Settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.run import run_plan
from mubench_gen.runs.documents import A_SWEEP, locked_document
from mubench_gen.runs.results import Run
from mubench_gen.scores.item_clusters import check_of_items
from mubench_gen.scores.joint import Adjust
from mubench_gen.storage.json_files import write_json
from mubench_gen.storage.run_folder import SWEEP, folder_of, run_name

_SCRATCH = ".scratch"


def open_sweep(
    settings: Settings,
    *,
    base: str | None,
    finetuned: Sequence[str],
    recipes: Sequence[Recipe],
    in_domain: Sequence[str],
    plugins: Plugins,
    accept_vocabulary: bool = False,
    study: SweepStudy | None = None,
    axis: Mapping[str, Any] | None = None,
    budget: int | None = None,
) -> Sweep:
    """Open and check all that a sweep needs. Raises UsageError if something is wrong.

    `settings`: those of `eval`, the same for every α; `base` and each of `finetuned` are models of
    its plugin. `recipes`: one for each method. `in_domain`: tasks as `--tasks` names them. The
    base and the fine-tunes are always asked. `study`: what parts of the items the result tells
    besides, and published points. `axis`: values by setting, as in `axes.table_of`: all is asked
    under each combination, and each prompt. `budget`: how many answers are asked at most.
    """
    refuse_elsewhere(settings)
    check_of_items(settings.cluster)
    refuse_globs(recipes)
    of_base = settings.model_copy(update={"model": base, "run_dir": None})
    conditions = open_conditions(make_axes(settings, axis or {}), of_base, plugins)
    plan = conditions.plans[0]
    try:
        start = checkpoint_of(plan, plan.spec)
        others = [plan.model.spec(name) for name in finetuned]
        ends = tuple(checkpoint_of(plan, other) for other in others)
    finally:
        plan.model.close()  # `_plans` opens the one that interpolates
    inside = domain_of(plan, in_domain)
    names = [short_name(other.name) for other in others]
    stops = stops_of(recipes, names)
    sweep = Sweep(
        folder=Path(),
        base=start,
        finetuned=ends,
        digests=(plan.weights.weights, *map(digest_of, ends)),
        recipes=tuple(recipes),
        in_domain=inside,
        accept_vocabulary=accept_vocabulary,
        plans=dict.fromkeys(stops, plan),
        conditions=conditions,
        budget=budget,
        parts=() if study is None else study.parts(plan),
        published=None if study is None else study.beside(settings, in_domain),
    )
    named = {**sweep.fixed_settings(), "alphas": sweep.alphas}
    name = run_name(plan.plugin.name, others[0].name if len(names) == 1 else "+".join(names))
    folder = folder_of(settings.run_dir, "sweeps", name, named, fresh=settings.fresh)
    sweep = replace(sweep, folder=folder)
    check_budget(sweep)
    _check_fit(sweep)
    _note_stops(sweep)
    return replace(sweep, plans=_plans(sweep, plan, others, plugins))


def short_name(model: str) -> str:
    """A model's name without the folders or the owner before it."""
    return model.rstrip("/").rpartition("/")[2]


def _note_stops(sweep: Sweep) -> None:
    """Say which of the ends nobody asked for, and what that was asked for is left out."""
    for why in (why for recipe in sweep.recipes for why in left_out(recipe)):
        note(f"Left out {why}.")
    given = {alpha for recipe in sweep.recipes for alpha in recipe.alphas}
    added = [stop for stop in sweep.plans if stop.end and not (stop.line and stop.alpha in given)]
    plain = [stop.name for stop in added if stop.line]
    names = [*(f"α {name}" for name in plain[:1]), *plain[1:]]
    names += [stop.name for stop in added if not stop.line]
    if names:
        told = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        note(f"Added {told}: all are compared with the base and with each fine-tune.")


def run_sweep(
    sweep: Sweep, command: Sequence[str], *, adjust: Adjust = "maxt", progress: bool
) -> SweepResult:
    """Ask what is not answered yet, stop by stop, and compute the frontier.

    `adjust`: how its bands are made. Raises RunFolderError if the folder holds another sweep,
    which is left unchanged.
    """
    told = {
        "in_domain": list(sweep.in_domain),
        "alphas": sweep.alphas,
        "folders": [stop.folder for stop in sweep.plans],
    }
    with locked_document(A_SWEEP, sweep.folder, sweep.fixed_settings(), told, command) as document:
        model = sweep.plan.model

        def run_stop(stop: Stop, plans: Sequence[Plan]) -> list[Run]:
            model.move(stop, stop.watched)
            return [run_plan(plan, command, progress=progress) for plan in plans]

        try:
            if not is_bounded(sweep):
                spent = None
                runs: Mapping[Stop, Sequence[Run]] = {
                    stop: run_stop(stop, sweep.conditions.of(plan))
                    for stop, plan in sweep.plans.items()
                }
            else:
                spent = spend(sweep, run_stop)
                runs = spent.runs
        finally:
            model.close()
            shutil.rmtree(sweep.folder / _SCRATCH, ignore_errors=True)
        result = _result(sweep, runs, spent, adjust)
        write_json(sweep.folder / SWEEP, {**document, "results": result.as_dict()})
    return result


def _result(
    sweep: Sweep, runs: Mapping[Stop, Sequence[Run]], spent: Spent | None, adjust: Adjust
) -> SweepResult:
    """The frontier, over all conditions, and that of each condition where there are several; with
    a budget of the α that it chose and the ends."""
    seed, grid, by = sweep.settings.seed, sweep.conditions.varied_grid, None
    if spent is None:
        sheet, cube = sheet_under(runs, grid)
    else:
        sheet, cube = sheet_under(spent.finals, grid, only=spent.confirming)
    if grid is not None and cube is not None:
        by = by_condition(sheet, cube, grid, sweep.in_domain, adjust=adjust, seed=seed)
    found = frontier_of(
        sheet,
        sweep.in_domain,
        adjust=adjust,
        seed=seed,
        parts=sweep.parts,
        published=sweep.published,
    )
    return SweepResult(sweep, runs, found, by, None if spent is None else spent.search)


def _plans(
    sweep: Sweep, plan: Plan, finetuned: Sequence[ModelSpec], plugins: Plugins
) -> dict[Stop, Plan]:
    """A plan per stop, all with the same interpolating model."""
    model = host_of(
        plan.settings,
        plugins,
        variants(sweep.conditions.axes),
        opener="mubench_gen.interpolation.sweep.weights.opening:open_hosted",
        finetuned=sweep.finetuned,
        digests=sweep.digests,
        adapter=_scaled_adapter(sweep),
        scratch=None if plan.cluster is not None else (sweep.folder / _SCRATCH).absolute(),
    )
    try:
        known_card(model, plan.settings)
    except BaseException:
        model.close()
        raise
    plans: dict[Stop, Plan] = {}
    for stop in sweep.plans:
        others = [finetuned[side] for side in stop.sides]
        name = "+".join(short_name(other.name) for other in others)
        facts = {**others[0].facts, "base": plan.spec.name}
        if not stop.end:
            facts |= {"method": stop.recipe.method, "alpha": spelled(stop.alpha)}
        plans[stop] = replace(
            plan,
            spec=replace(
                plan.spec, name=name if _is_itself(stop) else f"{name}@{stop.name}", facts=facts
            ),
            model=model,
            weights=replace(plan.weights, weights=stop.digest(sweep.digests)),
            settings=plan.settings.model_copy(
                update={"run_dir": sweep.folder / stop.folder, "fresh": False}
            ),
        )
    return plans


def _is_itself(stop: Stop) -> bool:
    """Whether it is a fine-tune that no α gives."""
    return stop.end == "finetuned" and not stop.line


def _scaled_adapter(sweep: Sweep) -> str | None:
    """The fine-tune's folder, where it is an adapter that is scaled as a whole at all stops."""
    path = name_of(sweep.finetuned[0])
    as_a_whole = all(
        recipe.method in ("linear", "task-arithmetic")
        and not (patterns_of(recipe) or recipe.each or any(map(parts_of, recipe.alphas)))
        for recipe in sweep.recipes
    )
    return path if as_a_whole and len(sweep.finetuned) == 1 and is_adapter(path) else None


def _check_fit(sweep: Sweep) -> None:
    """Check that the models can be merged as each stop asks. Raises MergeError if they can't."""
    told: dict[str, None] = {}
    checked = {(stop.sides, replace(stop.recipe, alphas=())): stop for stop in sweep.plans}
    for stop in checked.values():
        wanted = MergeSettings(
            name_of(sweep.base, sweep.settings.revision),
            tuple(name_of(sweep.finetuned[side]) for side in stop.sides),
            stop.recipe,
            sweep.folder / _SCRATCH,
            accept_vocabulary=sweep.accept_vocabulary,
        )
        with ExitStack() as files:
            told |= dict.fromkeys(open_inputs(wanted, files).warnings)
    for text in told:
        log(f"Warning: {text}.")
