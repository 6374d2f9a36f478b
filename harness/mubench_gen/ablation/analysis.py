"""A study on the disk, analysed again from its records: no model is asked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from mubench_gen.ablation.axes import NAMED
from mubench_gen.ablation.grid import Cell, Factor, Grid
from mubench_gen.ablation.statistics.answers import Answers, PlacedRecords, read_answers
from mubench_gen.ablation.statistics.corruption import Corruption, corruption
from mubench_gen.ablation.statistics.findings import Findings, find
from mubench_gen.ablation.statistics.items import ItemFindings, item_findings
from mubench_gen.ablation.statistics.metrics import MetricFindings, metric_findings
from mubench_gen.ablation.statistics.thinking_costs import ThinkingCost, thinking_costs
from mubench_gen.ablation.statistics.verdict import PairVerdict, verdict_of
from mubench_gen.console.formats import TextTable
from mubench_gen.errors import RunFolderError, SettingError
from mubench_gen.runs.results import Run
from mubench_gen.runs.studies import StoredStudy
from mubench_gen.scores.debias import Debiasing, debias
from mubench_gen.scores.joint import Adjust
from mubench_gen.scores.label_probabilities import Readouts
from mubench_gen.scores.measured import choose_recorded
from mubench_gen.scores.metrics import needs_of

if TYPE_CHECKING:
    import pandas

    from mubench_gen.report.figures import Drawing

BLIND = "blind"
IMAGES = ("none",)  # controls under which a model sees the item's own image


@dataclass(frozen=True)
class Analysis(StoredStudy):
    """All that a finished study of `ablate` found, each part as a type of its own.

    All of it is computed from the stored records when it is first asked for. adjust: how p are
    adjusted for several tests; cluster: one field or two that items are clustered by; baseline:
    the model that corruption errors are over, the first by default.
    """

    adjust: Adjust = "maxt"
    cluster: tuple[str, ...] = ()
    baseline: str | None = None

    @cached_property
    def grid(self) -> Grid:
        """The factors with their levels, and the cells."""
        return stored_grid(self.document, self.dir)

    @property
    def models(self) -> list[str]:
        """The names of the models, as in tables."""
        return [str(one["model"]) for one in self.results["models"]]

    @property
    def seed(self) -> int:
        """The seed of the items that were drawn, and of the statistics."""
        return int(self.document["seed"])

    @property
    def budget(self) -> int | None:
        """How many (item, cell) pairs were asked of each model; None: all of them."""
        found: int | None = self.document["budget"]
        return found

    @property
    def is_estimated(self) -> bool:
        """Whether a part of the grid was asked, and the whole of it estimated."""
        return any(one.get("estimated") is not None for one in self.results["models"])

    @cached_property
    def runs_by_model(self) -> list[list[tuple[int, Run]]]:
        """The runs of each model, each with the number of its condition."""
        runs = [Run(self.dir / path, self.cluster) for path in self.document["runs"]]
        each = len(runs) // len(self.models)
        numbers = self.document.get("conditions") or [*range(each)] * len(self.models)
        numbered = list(zip(numbers, runs, strict=True))
        return [numbered[at * each : (at + 1) * each] for at in range(len(self.models))]

    @cached_property
    def answers(self) -> list[Answers]:
        """Each model's answers, (items, cells)."""
        return [
            read_answers(*placed_runs(self.grid, runs), clustering=runs[0][1].clustering)
            for runs in self.runs_by_model
        ]

    @cached_property
    def findings(self) -> Findings:
        """Cells, levels, effects, and the order of the models.

        Of a study with a budget they are as stored: SettingError for another adjustment or
        clustering.
        """
        if self.is_estimated:
            if self.cluster or self.adjust != "maxt":
                raise SettingError(
                    "The estimates of a study with a budget are as they were computed: leave "
                    "--cluster and --adjust out."
                )
            return TypeAdapter(Findings).validate_python(self.results)
        folders = [str(one["run"]) for one in self.results["models"]]
        return find(
            self.grid, self.answers, self.models, folders, adjust=self.adjust, seed=self.seed
        )

    @cached_property
    def items(self) -> list[ItemFindings]:
        """Each model's items: flips between levels, agreement, sensitivity, calibration shift."""
        return [
            item_findings(self.grid, one, name, how=self.adjust, seed=self.seed)
            for one, name in zip(self.answers, self.models, strict=True)
        ]

    @cached_property
    def corruption(self) -> Corruption | None:
        """Corruption errors of several models under transforms; None where there are none."""
        whole = not self.is_estimated
        return corruption(self.grid, self.answers, self.models, self.baseline, whole=whole)

    @cached_property
    def debiased(self) -> dict[str, Debiasing]:
        """By model, what debiased read-outs would change; without models that have none."""
        found = {}
        for name, runs in zip(self.models, self.runs_by_model, strict=True):
            seen, blind = (Readouts(runs[0][1].clustering) for _ in range(2))
            for number, run in runs:
                control = str(run.manifest["settings"]["control"])
                if control in (*IMAGES, BLIND):
                    to = blind if control == BLIND else seen
                    to.add(run.outcomes(), str(number))
            if seen.groups:
                others = blind if blind.groups else None
                found[name] = debias(seen, others, how=self.adjust, seed=self.seed)
        return found

    @cached_property
    def thinking(self) -> dict[str, tuple[ThinkingCost, ...]]:
        """By model, accuracy against tokens at each level of thinking, if that is an axis."""
        found = {}
        for name, runs in zip(self.models, self.runs_by_model, strict=True):
            costs = thinking_costs(self.grid, placed_runs(self.grid, runs), runs[0][1].clustering)
            if costs:
                found[name] = costs
        return found

    @cached_property
    def metrics(self) -> dict[str, dict[str, MetricFindings]]:
        """By model, the further metrics that the study was scored with."""
        found = {}
        for name, runs in zip(self.models, self.runs_by_model, strict=True):
            chosen, _ = choose_recorded(runs[0][1].recorded_metrics())
            parts = placed_runs(self.grid, runs, needs_of(chosen))
            clustering = runs[0][1].clustering
            found[name] = metric_findings(
                self.grid, parts, chosen, seed=self.seed, clustering=clustering
            )
        return found

    def frame(self, table: str = "cells") -> pandas.DataFrame:
        """A table of FRAMES (cells, effects, flips, stability, corruption, thinking, debiased,
        gains), shares between 0 and 1. SettingError for another name."""
        import pandas

        from mubench_gen.ablation.report.frames import rows_of

        return pandas.DataFrame(rows_of(self, table))

    @property
    def methods(self) -> str:
        """A paragraph of methods that can stand in a paper."""
        from mubench_gen.ablation.report.methods import methods_of

        return methods_of(self)

    def tables(self) -> list[TextTable]:
        """All tables, as `report` prints them."""
        from mubench_gen.ablation.report.item_tables import all_tables

        return all_tables(self)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: what stands beside the results: measures of items, debiasing, the verdict."""
        return {
            "items": [asdict(one) for one in self.items],
            "corruption": None if self.corruption is None else asdict(self.corruption),
            "thinking": {n: [asdict(one) for one in own] for n, own in self.thinking.items()},
            "debiased": {name: asdict(one) for name, one in self.debiased.items()},
            **({} if self.verdict is None else {"verdict": asdict(self.verdict)}),
            "methods": self.methods,
        }

    @cached_property
    def verdict(self) -> PairVerdict | None:
        """Of a base and its fine-tune: where the gain is real, lost, reversed; None of others."""
        return verdict_of(self)

    def write_page(
        self, path: str | os.PathLike[str], *, images: bool = True, pictures: int = 8
    ) -> None:
        """Write the study's page, one HTML file; `images`: with a contact sheet of transforms,
        of that many `pictures`."""
        from mubench_gen.ablation.report.page import page
        from mubench_gen.report.html.write_page import write_text

        write_text(Path(path), page(self, pictures=pictures if images else 0))

    def plot(self, kind: str = "", **options: Any) -> Drawing:
        """A figure: effects, grid, flips or gains, or as `Run.plot`; `width` in inches."""
        from mubench_gen.ablation.report.figures import OWN_KINDS, draw_own

        if kind in OWN_KINDS:
            return draw_own(self, kind, **options)
        return super().plot(kind, **options)


def stored_grid(document: Mapping[str, Any], folder: Path) -> Grid:
    """The grid of a study's document. RunFolderError if its results do not have the cells."""
    try:
        factors = tuple(Factor(name, tuple(own)) for name, own in document["grid"].items())
        stored = document["results"]["models"][0]["cells"]
        numbers: dict[tuple[str, ...], int] = {}  # of results from before they had them
        apart = [f.name for f in factors if f.name not in NAMED and "prompt." not in f.name]
        cells = [
            Cell(
                one["prompt"],
                one["readout"],
                tuple(one["levels"][factor.name] for factor in factors),
                one.get(
                    "condition",
                    numbers.setdefault(tuple(one["levels"][n] for n in apart), len(numbers)),
                ),
            )
            for one in stored
        ]
    except (KeyError, TypeError, IndexError):
        raise RunFolderError(
            f"{folder}: its study.json is damaged: type its command again."
        ) from None
    return Grid(factors, tuple(cells))


def placed_runs(
    grid: Grid, runs: Sequence[tuple[int, Run]], needs: Sequence[str] = ()
) -> list[PlacedRecords]:
    """The records of each run, with the indices of its cells by prompt and read-out."""
    places: dict[int, dict[tuple[str, str], int]] = {number: {} for number, _ in runs}
    for place, cell in enumerate(grid.cells):
        if cell.condition in places:  # of a fraction of a grid not all are asked
            places[cell.condition][cell.prompt, cell.readout] = place
    return [(run.outcomes(needs), places[number]) for number, run in runs]
