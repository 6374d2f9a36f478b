"""A sweep of outputs: two models are asked, or two finished runs are read, and their outputs mixed.

SWEEP/alpha-0 and SWEEP/alpha-1 are the runs of the two models; finished runs stay where they are,
and SWEEP/sweep.json names them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from mubench_gen.errors import SettingError
from mubench_gen.interpolation.merge.alphas import folder_name, parse_alphas, spelled
from mubench_gen.interpolation.sweep.domain import domain_of, domain_of_run
from mubench_gen.interpolation.sweep.frontier import Frontier
from mubench_gen.interpolation.sweep.outputs.frontier import output_frontier
from mubench_gen.interpolation.sweep.outputs.mixing import T3
from mubench_gen.interpolation.sweep.outputs.pairs import READOUTS
from mubench_gen.interpolation.sweep.parts import ItemPart
from mubench_gen.interpolation.sweep.study import SweepStudy
from mubench_gen.plan.items import planned
from mubench_gen.plan.plan import OpenedData, Plan, make_plan
from mubench_gen.plan.settings import Settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.run import run_plan
from mubench_gen.runs.documents import A_SWEEP, locked_document
from mubench_gen.runs.packs import SUFFIX
from mubench_gen.runs.results import Run, load_run
from mubench_gen.scores.item_clusters import check_of_items
from mubench_gen.scores.joint import Adjust
from mubench_gen.storage.json_files import write_json
from mubench_gen.storage.paths import user_path
from mubench_gen.storage.run_folder import MANIFEST, SWEEP, folder_of, run_name


@dataclass(frozen=True, slots=True)
class Mixing:
    """How outputs are mixed: at these α, ascending from 0 to 1, by this method, with T³ so."""

    alphas: tuple[str, ...]
    method: str
    t3: T3


@dataclass(frozen=True, slots=True)
class OutputSweep:
    """A sweep of outputs that is opened and checked. ends: base and fine-tune, each a plan or a
    finished run; fixed: what must be equal for it to be resumed."""

    folder: Path
    ends: tuple[Plan, Plan] | tuple[Run, Run]
    mixing: Mixing
    in_domain: tuple[str, ...]
    seed: int
    fixed: Mapping[str, Any]
    parts: tuple[ItemPart, ...] = ()

    def close(self) -> None:
        _close(self.ends)

    def planned(self) -> dict[str, int]:
        """How many items each end would be asked; none where it is a finished run."""
        return {
            alpha: planned(end) if isinstance(end, Plan) else 0
            for alpha, end in zip(("0", "1"), self.ends, strict=True)
        }

    @property
    def title(self) -> str:
        base, finetuned = (_model_of(one) for one in self.ends)
        return f"{base} → {finetuned}, {self.mixing.method}"


@dataclass(frozen=True, slots=True)
class OutputResult:
    """A finished sweep of outputs: the runs of both ends, and the frontier."""

    sweep: OutputSweep
    runs: tuple[Run, Run]
    frontier: Frontier

    @property
    def n_errors(self) -> int:
        return sum(run.scores.pooled.n_errors for run in self.runs)

    def as_dict(self) -> dict[str, Any]:
        return {
            "sweep_dir": str(self.sweep.folder),
            "runs": {end: str(run.dir) for end, run in zip(("0", "1"), self.runs, strict=True)},
            "frontier": self.frontier.as_dict(),
        }


def mixing_of(alphas: Sequence[str], method: str, t3: T3) -> Mixing:
    """How outputs are mixed, both ends added. SettingError for an α that is none of outputs."""
    found = parse_alphas(alphas)
    for alpha in found:
        if not isinstance(alpha, Decimal) or not 0 <= alpha <= 1:
            raise SettingError(
                f"α {spelled(alpha)}: outputs are mixed at one α from 0 to 1; parts of a model and "
                "α beyond the ends are of weights (--method linear, task-arithmetic)."
            )
    numbers = sorted({one for one in found if isinstance(one, Decimal)} | {Decimal(0), Decimal(1)})
    return Mixing(tuple(map(spelled, numbers)), method, t3)


def finished_run(name: str | None) -> Path | None:
    """The path of a finished run, a folder or a pack, if the name is one."""
    if name is None:
        return None
    path = user_path(name)
    is_pack = name.endswith(SUFFIX) and os.path.isfile(path)
    return path if is_pack or os.path.isfile(path / MANIFEST) else None


def open_models(
    settings: Settings,
    mixing: Mixing,
    *,
    base: str | None,
    finetuned: str,
    in_domain: Sequence[str],
    plugins: Plugins,
    study: SweepStudy | None = None,
) -> OutputSweep:
    """Open two models of the settings' plugin. Raises UsageError if something is wrong."""
    check_of_items(settings.cluster)
    plans, data = list[Plan](), OpenedData()
    try:
        for name in (base, finetuned):
            one = settings.model_copy(update={"model": name, "run_dir": None, "fresh": False})
            plans.append(make_plan(one, plugins, opened=data))
        for plan in plans:
            _check_readouts(plan)
        inside = domain_of(plans[0], in_domain)
        fixed = {"settings": plans[0].settings.identity(), "sweep": _fixed(mixing, plans)}
        name = f"{run_name(plans[1].plugin.name, plans[1].spec.name)}-{mixing.method}"
        named = {**fixed, "alphas": mixing.alphas}
        folder = folder_of(settings.run_dir, "sweeps", name, named, fresh=settings.fresh)
    except BaseException:
        _close(plans)
        raise
    ends = (
        plans[0].in_folder(folder / folder_name(Decimal(0))),
        plans[1].in_folder(folder / folder_name(Decimal(1))),
    )
    parts = () if study is None else study.parts(plans[0])
    return OutputSweep(folder, ends, mixing, inside, settings.seed, fixed, parts)


def open_runs(
    settings: Settings, mixing: Mixing, *, base: Path, finetuned: Path, in_domain: Sequence[str]
) -> OutputSweep:
    """Open two finished runs; `settings` have the seed, the fields of clusters and the folder."""
    check_of_items(settings.cluster)
    ends = (
        load_run(base, cluster=settings.cluster),
        load_run(finetuned, cluster=settings.cluster),
    )
    inside = domain_of_run(ends[0], in_domain)
    places = [str(run.dir.resolve()) for run in ends]
    fixed = {"settings": {"seed": settings.seed}, "sweep": {**_fixed(mixing), "runs": places}}
    name = run_name(mixing.method, _model_of(ends[1]))
    named = {**fixed, "alphas": mixing.alphas}
    folder = folder_of(settings.run_dir, "sweeps", name, named, fresh=settings.fresh)
    return OutputSweep(folder, ends, mixing, inside, settings.seed, fixed)


def run_outputs(
    sweep: OutputSweep, command: Sequence[str], *, adjust: Adjust = "maxt", progress: bool
) -> OutputResult:
    """Ask the two models what is not answered yet, mix their outputs, and store the frontier.

    Raises RunFolderError if the folder holds another sweep, which is left unchanged.
    """
    runs = [str(end.dir.resolve()) for end in sweep.ends if isinstance(end, Run)]
    told: dict[str, Any] = {"in_domain": sweep.in_domain, "alphas": sweep.mixing.alphas}
    told |= {"runs": runs} if runs else {}
    try:
        # Runs that cannot be mixed are refused before a folder is made.
        result = _mixed(sweep, command, adjust, progress) if runs else None
        with locked_document(A_SWEEP, sweep.folder, sweep.fixed, told, command) as document:
            result = result or _mixed(sweep, command, adjust, progress)
            write_json(sweep.folder / SWEEP, {**document, "results": result.as_dict()})
    finally:
        sweep.close()
    return result


def _mixed(
    sweep: OutputSweep, command: Sequence[str], adjust: Adjust, progress: bool
) -> OutputResult:
    base, finetuned = (_run_of(end, command, progress=progress) for end in sweep.ends)
    found = output_frontier(
        base,
        finetuned,
        sweep.mixing.alphas,
        sweep.in_domain,
        method=sweep.mixing.method,
        t3=sweep.mixing.t3,
        adjust=adjust,
        seed=sweep.seed,
        parts=sweep.parts,
    )
    return OutputResult(sweep, (base, finetuned), found)


def _run_of(end: Plan | Run, command: Sequence[str], *, progress: bool) -> Run:
    if isinstance(end, Run):
        return end
    try:
        return run_plan(end, command, progress=progress)
    finally:
        end.model.close()  # one model at a time in memory


def _close(ends: Sequence[Plan | Run]) -> None:
    for one in ends:
        if isinstance(one, Plan):
            one.model.close()


def _check_readouts(plan: Plan) -> None:
    """Refuse a read-out without probabilities before anything is asked."""
    lacking = [one for one in plan.readouts if one not in READOUTS]
    if lacking:
        raise SettingError(
            f"Outputs are mixed from the probabilities of the options, which {plan.spec.name} does "
            f"not give by the read-out {lacking[0]}: give --readout logprob, or mix weights "
            "(--method linear)."
        )


def _fixed(mixing: Mixing, plans: Sequence[Plan] = ()) -> dict[str, Any]:
    digests = [plan.weights.weights for plan in plans]
    ends = dict(zip(("base", "finetuned"), digests, strict=False))
    names = {"models": [plan.spec.name for plan in plans]} if plans else {}
    return {**ends, **names, "method": mixing.method}


def _model_of(end: Plan | Run) -> str:
    if isinstance(end, Plan):
        return end.spec.name
    return str(end.manifest["model"]["id"])
