"""A study: its folder, its runs, its findings.

STUDY/study.json holds the grid, the seed, the survey and the findings. STUDY/runs/PLUGIN-MODEL
is a run folder like any other, with all cells of that model, so that requests about one image
are adjacent and a reply serves every cell with the same request. If axes are not of prompts, it
holds a run folder for each combination, such as temperature=0.7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.ablation.analysis import Analysis, placed_runs
from mubench_gen.ablation.grid import Grid
from mubench_gen.ablation.opening import Study
from mubench_gen.ablation.statistics.answers import Answers, read_answers
from mubench_gen.ablation.statistics.design_effects import DesignEffect, design_effects
from mubench_gen.ablation.statistics.findings import Findings, find, find_estimated
from mubench_gen.ablation.statistics.metrics import MetricFindings, as_document, metric_findings
from mubench_gen.ablation.statistics.verdict import PAIR
from mubench_gen.ablation.survey import Survey, survey
from mubench_gen.console.notes import note
from mubench_gen.console.stdout import results_only
from mubench_gen.plan.bases import shares_base
from mubench_gen.plan.identity import model_identity
from mubench_gen.plan.items import samples_of
from mubench_gen.run import run_plan
from mubench_gen.runs.documents import A_STUDY, locked_document
from mubench_gen.runs.results import Run
from mubench_gen.scores.joint import Adjust
from mubench_gen.scores.metrics import needs_of
from mubench_gen.storage.json_files import write_json
from mubench_gen.storage.record_file import AnsweredKeys
from mubench_gen.storage.run_folder import RECORDS, STUDY

if TYPE_CHECKING:
    from mubench_gen.report.figures import Drawing


def surveys(study: Study) -> list[Survey]:
    """Count what each model will be asked."""
    others = [AnsweredKeys.from_file(path / RECORDS) for path in study.reuse]
    return [
        survey(
            {part.number: part.plan for part in model},
            study.grid,
            answered=[
                *(AnsweredKeys.from_file(study.folder / part.folder / RECORDS) for part in model),
                *others,
            ],
        )
        for model in study.models
    ]


def run_study(
    study: Study,
    found: Sequence[Survey],
    command: Sequence[str],
    *,
    adjust: Adjust = "maxt",
    progress: bool,
) -> StudyResult:
    """Ask what is not answered yet, model by model, and analyse the answers.

    `adjust`: how the p of effects are adjusted. Raises RunFolderError if the folder holds another
    study, which is left unchanged.
    """
    facts = {
        "seed": study.seed,
        "cells": len(study.grid.cells),
        "runs": [str(part.folder) for part in study.parts],
        "conditions": [part.number for part in study.parts],
        "reuse": [str(run) for run in study.reuse],
        "surveys": [asdict(one) for one in found],
        **({PAIR: [model[0].plan.name for model in study.models]} if study.has_pair else {}),
    }
    secret = frozenset[str]().union(*(part.plan.secret for part in study.parts))
    fixed = study.fixed_settings()
    with locked_document(A_STUDY, study.folder, fixed, facts, command, secret=secret) as document:
        runs: list[Run] = []
        identities = [model_identity(part.plan) for part in study.parts]
        for number, part in enumerate(study.parts):
            plan = part.plan
            later = [one.plan for one in study.parts[number + 1 :]]
            if part.condition.name:
                note(f"Run {number + 1} of {len(study.parts)}: {part.folder}")
            settings = {
                "run_dir": study.folder / part.folder,
                "reuse": (*study.reuse, *_alike(runs, identities)),
            }
            own = replace(plan, settings=plan.settings.model_copy(update=settings))
            try:
                runs.append(run_plan(own, command, progress=progress))
            except BaseException:
                plan.model.close()
                raise
            if any(one.model is plan.model for one in later):
                continue
            if later and shares_base(plan, later[0]):
                later[0].model.take_over(plan.model)
            else:
                plan.model.close()
        result = StudyResult(
            study,
            tuple(found),
            tuple(runs),
            findings(study, runs, adjust=adjust),
            measured(study, runs),
            _designed_effects(study, runs),
        )
        write_json(study.folder / STUDY, {**document, **result.as_dict()})
    return result


@dataclass(frozen=True, slots=True)
class StudyResult:
    """A finished study: surveys, runs, findings, and further metrics."""

    study: Study
    surveys: tuple[Survey, ...]
    runs: tuple[Run, ...]
    findings: Findings
    metrics: Mapping[str, Mapping[str, MetricFindings]]  # by model and key
    designed: Mapping[str, Sequence[DesignEffect]] = field(default_factory=dict)  # by model

    @property
    def n_errors(self) -> int:
        return sum(cell.tally.errors for one in self.findings.models for cell in one.cells)

    def analysis(self, adjust: Adjust = "maxt", baseline: str | None = None) -> Analysis:
        """The study's analysis, with these findings, whose p are adjusted so."""
        found = Analysis(self.study.folder, adjust, baseline=baseline)
        vars(found).update(findings=self.findings, metrics=self.metrics)  # not computed again
        return found

    def plot(self, kind: str = "effects", **options: Any) -> Drawing:
        """A figure of the study, of any kind that `AblationStudy.plot` has."""
        return self.analysis().plot(kind, **options)

    def _repr_html_(self) -> str:
        return self.analysis()._repr_html_()

    def _design(self) -> dict[str, Any]:
        if self.study.design is None:
            return {}
        effects = {name: [asdict(one) for one in found] for name, found in self.designed.items()}
        return {"design": {**self.study.design.as_dict(), "effects": effects}}

    def as_dict(self) -> dict[str, Any]:
        return {
            "surveys": [asdict(one) for one in self.surveys],
            "results": self.findings.as_dict(),
            **({"metrics": as_document(self.metrics)} if any(self.metrics.values()) else {}),
            **self._design(),
        }


def _designed_effects(study: Study, runs: Sequence[Run]) -> dict[str, list[DesignEffect]]:
    """The effects that a design estimates, by model."""
    design = study.design
    if design is None:
        return {}
    return {
        model[0].plan.name: design_effects(design, study.grid, answers(study.grid, own))
        for model, own in zip(study.models, _runs_of_models(study, runs), strict=True)
    }


def findings(study: Study, runs: Sequence[Run], *, adjust: Adjust = "maxt") -> Findings:
    """Analyse the runs' records. `adjust`: how the p of effects are adjusted."""
    found = [answers(study.grid, own) for own in _runs_of_models(study, runs)]
    plans = [model[0].plan for model in study.models]
    names = [plan.name for plan in plans]
    folders = [str(Path("runs", name)) for name in names]
    if any(plan.selection is not None for plan in plans):
        items = [{one.id: one.task.name for one in samples_of(plan)} for plan in plans]
        return find_estimated(study.grid, found, names, folders, items=items, seed=study.seed)
    return find(study.grid, found, names, folders, adjust=adjust, seed=study.seed)


def measured(study: Study, runs: Sequence[Run]) -> dict[str, dict[str, MetricFindings]]:
    """Analyse the runs' records by further metrics, by model."""
    found = {}
    with results_only():
        for model, own in zip(study.models, _runs_of_models(study, runs), strict=True):
            plan = model[0].plan
            parts = placed_runs(study.grid, own, needs_of(plan.metrics))
            found[plan.name] = metric_findings(
                study.grid,
                parts,
                plan.metrics,
                seed=study.seed,
                clustering=own[0][1].clustering,
            )
    return found


def _runs_of_models(study: Study, runs: Sequence[Run]) -> list[list[tuple[int, Run]]]:
    """The runs of each model, each with the number of its condition."""
    left = iter(runs)
    return [[(part.number, next(left)) for part in model] for model in study.models]


def answers(grid: Grid, runs: Sequence[tuple[int, Run]]) -> Answers:
    """One model's answers on the grid; `runs` are (number of the condition, run)."""
    clustering = runs[0][1].clustering if runs else None
    return read_answers(*placed_runs(grid, runs), clustering=clustering)


def _alike(runs: Sequence[Run], identities: Sequence[str]) -> list[Path]:
    """The finished runs that may hold a reply to a request of the next part."""
    wanted = identities[len(runs)]
    return [run.dir for run, one in zip(runs, identities, strict=False) if one == wanted]
