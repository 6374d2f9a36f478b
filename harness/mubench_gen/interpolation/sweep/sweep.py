"""A sweep: its folder, its runs, its frontier.

SWEEP/alpha-A is a run folder like any other; SWEEP/sweep.json holds the settings and results.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.ablation.grid import variants
from mubench_gen.console.notes import note
from mubench_gen.console.progress import log
from mubench_gen.errors import SettingError
from mubench_gen.interpolation.merge.alphas import (
    REST,
    Alpha,
    ByPart,
    folder_name,
    numbers_of,
    parts_of,
    spelled,
)
from mubench_gen.interpolation.merge.checkpoint import is_adapter
from mubench_gen.interpolation.merge.inputs import MergeSettings, open_inputs
from mubench_gen.interpolation.merge.methods import METHODS
from mubench_gen.interpolation.merge.parts import PARTS
from mubench_gen.interpolation.merge.recipe import Recipe, make_recipe
from mubench_gen.interpolation.sweep.conditions import Conditions, make_axes, open_conditions
from mubench_gen.interpolation.sweep.document import locked_document
from mubench_gen.interpolation.sweep.domain import domain_of
from mubench_gen.interpolation.sweep.ends import digest_of, name_of, one_of
from mubench_gen.interpolation.sweep.frontier import (
    BASE,
    Frontier,
    frontier_of,
    named,
    sheet_of,
)
from mubench_gen.interpolation.sweep.parts import Part, PublishedPoints
from mubench_gen.interpolation.sweep.sample import cube_of, pooled
from mubench_gen.interpolation.sweep.study import SweepStudy
from mubench_gen.interpolation.sweep.under import ByCondition, by_condition
from mubench_gen.model import Checkpoint, ModelSpec
from mubench_gen.plan.opening import host_of, known_card
from mubench_gen.plan.plan import Plan
from mubench_gen.plan.settings import Settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.run import run_plan
from mubench_gen.runs.results import Run
from mubench_gen.runs.studies import StoredStudy
from mubench_gen.scores.item_clusters import check_of_items
from mubench_gen.scores.joint import Adjust
from mubench_gen.storage.run_folder import (
    SWEEP,
    choose_folder,
    run_name,
    settings_hash,
    write_json,
)

if TYPE_CHECKING:
    from mubench_gen.report.figures import Drawing

_SCRATCH = ".scratch"


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep that is opened and checked, before anything is asked.

    `digests`: of the base's weights and of the fine-tune's. `plans`: by ascending α; if no α
    gives the base (lines), its plan is first, under None. `conditions`: under each of which every
    α is asked. `parts`: of the items, which a study names; `published`: points beside them.
    """

    folder: Path
    base: Checkpoint
    finetuned: Checkpoint
    digests: tuple[str | None, str | None]
    recipe: Recipe
    in_domain: tuple[str, ...]
    accept_vocabulary: bool
    plans: Mapping[Alpha | None, Plan]
    conditions: Conditions
    parts: tuple[Part, ...] = ()
    published: PublishedPoints | None = None

    @property
    def plan(self) -> Plan:
        return next(iter(self.plans.values()))

    @property
    def settings(self) -> Settings:
        return self.plan.settings

    def fixed_settings(self) -> dict[str, Any]:
        """The settings that must be equal for the sweep to be resumed; α may be added."""
        return {
            "settings": self.settings.identity(),
            "sweep": {
                "base": self.digests[0],
                "finetuned": self.digests[1],
                "method": self.recipe.method,
                **_patterns(self.recipe),
                **self.conditions.identity(),
            },
        }


@dataclass(frozen=True, slots=True)
class SweepResult:
    """A finished sweep: the runs of each α, one for each condition that needs its own, their
    frontier, and where there are several conditions the results of each."""

    sweep: Sweep
    runs: Mapping[Alpha | None, Sequence[Run]]
    frontier: Frontier
    by_condition: ByCondition | None

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
        for alpha, own in self.runs.items():
            folders = [str(run.dir) for run in own]
            runs[named(alpha)] = (
                dict(zip(names, folders, strict=True)) if any(names) else folders[0]
            )
        found = {} if self.by_condition is None else {"by_condition": self.by_condition.as_dict()}
        return {
            "sweep_dir": str(self.sweep.folder),
            "runs": runs,
            "frontier": self.frontier.as_dict(),
            **found,
        }


def open_sweep(
    settings: Settings,
    *,
    base: str | None,
    finetuned: str,
    alphas: Sequence[str],
    in_domain: Sequence[str],
    plugins: Plugins,
    method: str = "linear",
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    accept_vocabulary: bool = False,
    keep_base: bool = False,
    study: SweepStudy | None = None,
    axis: Mapping[str, Any] | None = None,
) -> Sweep:
    """Open and check all that a sweep needs. Raises UsageError if something is wrong.

    `settings`: those of `eval`, the same for every α; `base` and `finetuned` are models of its
    plugin. `in_domain`: tasks as `--tasks` names them. The ends, α 0 and 1, are always asked.
    `study`: what parts of the items the result tells besides, and published points. `axis`: values
    by setting, as in `axes.table_of`: every α is asked under each combination, and each prompt.
    """
    _refuse_elsewhere(settings)
    check_of_items(settings.cluster)
    given = make_recipe(
        alphas, method=method, include=include, exclude=exclude, keep_base=keep_base
    )
    _refuse_method(given.method)
    _refuse_globs(given)
    recipe = _with_ends(given)
    of_base = settings.model_copy(update={"model": base, "run_dir": None})
    conditions = open_conditions(make_axes(settings, axis or {}), of_base, plugins)
    plan = conditions.plans[0]
    try:
        start = _checkpoint(plan, plan.spec)
        other = plan.model.spec(finetuned)
        end = _checkpoint(plan, other)
    finally:
        plan.model.close()  # `_plans` opens the one that interpolates
    inside = domain_of(plan, in_domain)
    name = run_name(plan.plugin.name, other.name)
    sweep = Sweep(
        folder=settings.run_dir or Path(),
        base=start,
        finetuned=end,
        digests=(plan.weights.weights, digest_of(end)),
        recipe=recipe,
        in_domain=inside,
        accept_vocabulary=accept_vocabulary,
        plans={None: plan},
        conditions=conditions,
        parts=() if study is None else study.parts(plan),
        published=None if study is None else study.beside(settings, in_domain),
    )
    if settings.run_dir is None:
        named = {**sweep.fixed_settings(), "alphas": recipe.as_dict()["alphas"]}
        sweep = replace(sweep, folder=Path("sweeps", f"{name}-{settings_hash(named)}"))
    sweep = replace(sweep, folder=choose_folder(sweep.folder, fresh=settings.fresh))
    _check_fit(sweep)
    added = [spelled(alpha) for alpha in recipe.alphas if alpha not in given.alphas]
    if added:
        note(f"Added α {' and '.join(added)}; every α is compared with both ends.")
    return replace(sweep, plans=_plans(sweep, plan, other, plugins))


def run_sweep(
    sweep: Sweep, command: Sequence[str], *, adjust: Adjust = "maxt", progress: bool
) -> SweepResult:
    """Ask what is not answered yet, α by α, and compute the frontier.

    `adjust`: how its bands are made. Raises RunFolderError if the folder holds another sweep,
    which is left unchanged.
    """
    told = {"in_domain": list(sweep.in_domain), "alphas": sweep.recipe.as_dict()["alphas"]}
    with locked_document(sweep.folder, sweep.fixed_settings(), told, command) as document:
        model = sweep.plan.model
        runs: dict[Alpha | None, list[Run]] = {}
        try:
            for alpha, plan in sweep.plans.items():
                model.move(alpha)
                runs[alpha] = [
                    run_plan(one, command, progress=progress) for one in sweep.conditions.of(plan)
                ]
        finally:
            model.close()
            shutil.rmtree(sweep.folder / _SCRATCH, ignore_errors=True)
        result = _result(sweep, runs, adjust)
        write_json(sweep.folder / SWEEP, {**document, "results": result.as_dict()})
    return result


def _result(
    sweep: Sweep, runs: Mapping[Alpha | None, Sequence[Run]], adjust: Adjust
) -> SweepResult:
    """The frontier, over all conditions, and that of each condition where there are several."""
    seed, grid, by = sweep.settings.seed, sweep.conditions.grid, None
    sheet = sheet_of([own[0] for own in runs.values()], list(runs))
    if sweep.conditions.varied:
        cube = cube_of(list(runs.values()), grid, sheet)
        sheet = pooled(sheet, cube)
        by = by_condition(sheet, cube, grid, sweep.in_domain, adjust=adjust, seed=seed)
    found = frontier_of(
        sheet,
        sweep.in_domain,
        adjust=adjust,
        seed=seed,
        parts=sweep.parts,
        published=sweep.published,
    )
    return SweepResult(sweep, runs, found, by)


def _refuse_method(method: str) -> None:
    """Refuse a method that does not lead from the base to the fine-tune."""
    if not METHODS[method].swept:
        swept = [name for name, facts in METHODS.items() if facts.swept]
        raise SettingError(
            f"sweep goes by {', '.join(swept)}, not by {method}, which does not end at the "
            "fine-tune: make the folders with mubench-gen merge and evaluate them one by one."
        )


def _refuse_globs(recipe: Recipe) -> None:
    """Refuse α of tensors by name, since engines name them otherwise than files do."""
    parts = {part for alpha in recipe.alphas for part in parts_of(alpha)}
    named = sorted(parts - {*PARTS, REST})
    if named:
        raise SettingError(
            f"--alpha {named[0]}=…: a sweep moves {', '.join(PARTS)} and {REST}. For parts by name "
            "make the folders with mubench-gen merge and evaluate them one by one."
        )


def _refuse_elsewhere(settings: Settings) -> None:
    """Refuse a server, whose weights don't move: every α would ask the base."""
    if settings.base_url:
        raise SettingError(
            "sweep moves the weights of a model that it opens, and --base-url asks another: leave "
            "it out, or make the folders with mubench-gen merge, serve and evaluate them one by "
            "one."
        )


def _checkpoint(plan: Plan, spec: ModelSpec) -> Checkpoint:
    if not isinstance(spec.source, Checkpoint):
        raise SettingError(
            f"The model {spec.name!r} of the plugin {plan.plugin.name!r} is opened by the plugin's "
            "own code, into which a sweep cannot reach: make the folders with mubench-gen merge "
            "and evaluate them one by one."
        )
    return spec.source


def _with_ends(recipe: Recipe) -> Recipe:
    """Both ends too: α 0, the others, those by part, and α 1."""
    numbers = sorted({*recipe.numbers, Decimal(0), Decimal(1)})
    by_part = [
        alpha for alpha in recipe.alphas if isinstance(alpha, ByPart) and any(numbers_of(alpha))
    ]
    behind = [alpha for alpha in numbers if alpha >= 1] if by_part else []
    return replace(recipe, alphas=(*numbers[: len(numbers) - len(behind)], *by_part, *behind))


def _plans(
    sweep: Sweep, plan: Plan, finetuned: ModelSpec, plugins: Plugins
) -> dict[Alpha | None, Plan]:
    """A plan per α, all with the same interpolating model."""
    path, recipe = name_of(sweep.finetuned), sweep.recipe
    as_a_whole = recipe.method in ("linear", "task-arithmetic") and not (
        _patterns(recipe) or any(map(parts_of, recipe.alphas))
    )
    adapter = path if is_adapter(path) and as_a_whole else None
    model = host_of(
        plan.settings,
        plugins,
        variants(sweep.conditions.axes),
        opener="mubench_gen.interpolation.sweep.opening:open_hosted",
        finetuned=sweep.finetuned,
        recipe=recipe,
        digests=sweep.digests,
        adapter=adapter,
        scratch=None if plan.cluster is not None else (sweep.folder / _SCRATCH).absolute(),
    )
    try:
        known_card(model, plan.settings)
    except BaseException:
        model.close()
        raise
    plans: dict[Alpha | None, Plan] = {}
    for alpha in (*([None] if recipe.method == "lines" else []), *recipe.alphas):
        weights = replace(plan.weights, weights=_mixed_digest(sweep.digests, recipe, alpha))
        name = f"{finetuned.name.rstrip('/').rpartition('/')[2]}@{named(alpha)}"
        facts = {**finetuned.facts, "base": plan.spec.name}
        folder = BASE if alpha is None else folder_name(alpha)
        plans[alpha] = replace(
            plan,
            spec=replace(plan.spec, name=name, facts=facts),
            model=model,
            weights=weights,
            settings=plan.settings.model_copy(
                update={"run_dir": sweep.folder / folder, "fresh": False}
            ),
        )
    return plans


def _patterns(recipe: Recipe) -> dict[str, list[str]]:
    """The include and exclude patterns that were given."""
    told = {"include": list(recipe.include), "exclude": list(recipe.exclude)}
    return {name: globs for name, globs in told.items() if globs}


def _mixed_digest(ends: Sequence[str | None], recipe: Recipe, alpha: Alpha | None) -> str:
    """A digest of interpolated weights, which no file holds, from all that determines them."""
    one = one_of(recipe, alpha)
    parts: list[Any] = [*ends, one.method, spelled(one.alphas[0])]
    if _patterns(one):
        parts.append(_patterns(one))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _check_fit(sweep: Sweep) -> None:
    """Check that the two can be merged. Raises MergeError if they don't match."""
    wanted = MergeSettings(
        name_of(sweep.base, sweep.settings.revision),
        (name_of(sweep.finetuned),),
        sweep.recipe,
        sweep.folder / _SCRATCH,
        accept_vocabulary=sweep.accept_vocabulary,
    )
    with ExitStack() as files:
        for text in open_inputs(wanted, files).warnings:
            log(f"Warning: {text}.")
