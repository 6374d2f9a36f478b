"""studies → what the template shows: warnings, tables, plots, provenance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markupsafe import Markup

from mubench_gen.compare.board import group_order
from mubench_gen.compare.boards import boards_and_doubtful
from mubench_gen.compare.model_groups import group_runs
from mubench_gen.console.outlet import printable, printable_lines
from mubench_gen.plugins.extension import Section
from mubench_gen.report.figures.drawing import COLUMN, styled
from mubench_gen.report.figures.intervals import DotRow, interval_dots
from mubench_gen.report.group_tables import difference_table, group_notes, model_table, score_table
from mubench_gen.report.html.boards import board_shown
from mubench_gen.report.html.doubtful import doubtful_shown
from mubench_gen.report.html.marks import (
    counted,
    mark,
    of_prompt,
    shortened,
    shown_table,
    spread_of,
)
from mubench_gen.report.html.plots import calibration_plots, position_plots
from mubench_gen.report.html.replies import shown_reply
from mubench_gen.report.html.runs import run_shown
from mubench_gen.report.html.study import RunStatistics
from mubench_gen.report.html.study_sections import study_sections
from mubench_gen.report.metric_table import beside_tables
from mubench_gen.report.text import BOX_COLUMNS, constant_note
from mubench_gen.runs.studies import studies_around
from mubench_gen.scores.joint import Adjust
from mubench_gen.scores.metadata import ABSENT
from mubench_gen.scores.tally import Score

_PLOT = 1.2 * COLUMN  # inches
_IN_A_PLOT = 24  # groups
_MOST_TOLD = 100_000  # characters shown of a plugin's section


@dataclass(frozen=True)
class Sections:
    """The page's sections of some runs; `group`: the fact that groups models, None for scope
    where it makes two groups; `told`: sections of plugins, by the plugin's name; `picture`: the
    address of an image, by its digest.
    """

    studies: Sequence[RunStatistics]
    group: str | None
    told: Mapping[str, Section]
    picture: Callable[[str], str | None]
    adjust: Adjust = "maxt"

    def context(self) -> dict[str, Any]:
        """The variables of the template."""
        calibrations, prompts = list(calibration_plots(self.studies)), list(self._prompts())
        breakdowns = [{"name": name, "groups": list(self._by(name))} for name in self.studies[0].by]
        tasks, placed = list(self._tasks()), list(position_plots(self.studies))
        confused = any(study.confusions for study in self.studies)
        sections = [("scores", "Scores")]
        if tasks:
            sections.append(("tasks", "Tasks"))
        several = list(study_sections(studies_around([study.run for study in self.studies])))
        sections += [
            (f"study-{i}", shortened(one["title"])) for i, one in enumerate(several, start=1)
        ]
        sections += [(f"by-{i}", f"By {one['name']}") for i, one in enumerate(breakdowns, start=1)]
        measured = self._metrics()
        if measured:
            sections.append(("metrics", "Metrics"))
        groups = self._groups()
        if groups:
            sections.append(("groups", "Groups"))
        shown, doubtful = self._compared()
        if doubtful:
            sections.append(("doubtful", "Items to check"))
        if confused:
            sections.append(("confusion", "Confusion"))
        if calibrations:
            sections.append(("calibration", "Calibration"))
        if prompts:
            sections.append(("prompts", "Prompts"))
        if placed:
            sections.append(("positions", "Positions"))
        told = list(self._told())
        sections += [(f"told-{i}", shortened(one["title"])) for i, one in enumerate(told, start=1)]
        sections += [("gallery", "Gallery"), ("provenance", "Provenance")]
        return {
            "title": self._title(),
            "lead": self._lead(),
            "sections": [{"id": name, "name": words} for name, words in sections],
            "warnings": list(self._warnings()),
            "runs": [run_shown(study) for study in self.studies],
            "box_columns": BOX_COLUMNS,
            "boards": shown,
            "tasks": tasks,
            "confused": confused,
            "several": several,
            "breakdowns": breakdowns,
            "metrics": measured,
            "groups": groups,
            "doubtful": doubtful,
            "calibrations": calibrations,
            "prompts": prompts,
            "positions": placed,
            "told": told,
        }

    def _title(self) -> str:
        labels = [study.label for study in self.studies]
        if len(labels) == 1:
            return f"What {labels[0]} sees"
        if len(labels) <= 4:
            return f"What {', '.join(labels[:-1])} and {labels[-1]} see"
        return f"What {len(labels)} runs see"

    def _lead(self) -> str:
        data = dict.fromkeys(str(study.manifest["data"]["name"]) for study in self.studies)
        tasks = {*self._names("tasks"), *self._names("boxes"), *self._open_tasks()} - {"pooled"}
        items = len(frozenset().union(*(study.items for study in self.studies)))
        sizes = f"{counted(items, 'item')}, {counted(len(tasks), 'task')}"
        return f"{printable(', '.join(data))}: {sizes}."

    def _open_tasks(self) -> Iterator[str]:
        for study in self.studies:
            for groups in study.scores.open.values():
                yield from groups

    def _warnings(self) -> Iterator[str]:
        for study in self.studies:
            if not study.finished:
                yield (
                    f"{study.label} is unfinished: {study.recorded:,} of {study.planned:,} items. "
                    "Its numbers cover only those, and no mean with other runs includes it."
                )
            if study.scores.n_errors:
                yield (
                    f"{study.label}: {study.scores.n_errors:,} items failed and are in no score; "
                    "the same command tries them again."
                )
            if study.scores.nearly_constant:
                yield f"{study.label}: {constant_note(study.scores)}"
        if len(self.studies) > 1:
            several = self._shared
            if not several:
                yield "These runs share no item: their numbers come from different questions."

    @cached_property
    def _shared(self) -> bool:
        seen: set[int] = set()
        for study in self.studies:
            if not seen.isdisjoint(study.items):
                return True
            seen |= study.items
        return False

    def _names(self, part: str) -> list[str]:
        found = dict.fromkeys(
            name for study in self.studies for name in getattr(study.scores, part)
        )
        return sorted(found)

    def _compared(self) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """Models by tasks, runs that share no item on boards of their own; and doubtful items."""
        if not any(study.recorded for study in self.studies):
            return [], None
        by = self.studies[0].by
        runs = [study.run for study in self.studies]
        found, doubtful = boards_and_doubtful(
            runs, by=tuple(by) if by else None, adjust=self.adjust
        )
        numbers = {str(study.run.dir): study.number for study in self.studies}
        shown = [board_shown(board, numbers) for board in found]
        return shown, doubtful_shown(doubtful, self.picture)

    def _tasks(self) -> Iterator[dict[str, Any]]:
        """A plot for each group of tasks; all items stand in the first."""
        several = [study.manifest.get("tasks") or {} for study in self.studies]
        groups = {name: str(t.get("group") or "") for tasks in several for name, t in tasks.items()}
        rows: dict[str, list[Score | None]] = {}
        rows["pooled"] = [study.scores.pooled for study in self.studies]
        for name in self._names("tasks"):
            rows[name] = [study.scores.tasks.get(name) for study in self.studies]
        of_tasks = dict.fromkeys(groups.get(name, "") for name in self._names("tasks"))
        for group in sorted(of_tasks, key=group_order):
            members = [n for n in rows if n == "pooled" or groups.get(n, "") == group]
            found = [self._group(name, rows.pop(name)) for name in members if name in rows]
            yield from self._plots(found, group or "tasks")

    def _by(self, field: str) -> Iterator[dict[str, Any]]:
        values = dict.fromkeys(value for study in self.studies for value in study.by[field])
        found = []
        for value in values:
            scores = [study.by[field].get(value) for study in self.studies]
            n = max(one.n for one in scores if one is not None)
            found.append(self._group(f"{value} · {n:,} items", scores))
        yield from self._plots(found, f"By {field}")

    def _group(self, name: str, scores: Sequence[Score | None]) -> DotRow:
        """A row of a plot: each run's score on these items."""
        known = [one for one in scores if one is not None]
        controls = [study.scores.controls.get(name) for study in self.studies]
        return DotRow(
            printable("all items" if name == "pooled" else name),
            [
                mark(study, one)
                for study, one in zip(self.studies, scores, strict=True)
                if one is not None and one.accuracy is not None
            ],
            strong=name == "pooled",
            chance=next((one.chance for one in known if one.chance is not None), None),
            majority=next((one.majority for one in controls if one is not None), None),
        )

    def _plots(self, groups: Sequence[DotRow], name: str) -> Iterator[dict[str, Any]]:
        """The groups that have a score, at most so many in a plot."""
        shown = [group for group in groups if group.marks]
        for first in range(0, len(shown), _IN_A_PLOT):
            part = shown[first : first + _IN_A_PLOT]
            yield {"name": printable(name) if not first else "", "title": "",
                   "plot": self._dots(part, printable(name))}  # fmt: skip

    def _dots(self, groups: Sequence[DotRow], title: str) -> Markup:
        series = [study.shown for study in self.studies]
        with styled():
            return Markup(interval_dots(groups, title, series=series, width=_PLOT).inline())

    def _prompts(self) -> Iterator[dict[str, Any]]:
        models: dict[tuple[str, str], list[RunStatistics]] = {}
        for study in self.studies:
            identity = study.manifest["plugin"]["name"], study.manifest["model"]["id"]
            if study.control == "none":
                models.setdefault((str(identity[0]), str(identity[1])), []).append(study)
        for (plugin, model), studies in models.items():
            found: dict[str, list[tuple[RunStatistics, Score]]] = {}
            for study in studies:
                for name, one in study.scores.prompts.items():
                    found.setdefault(name, []).append((study, one))
            if len(found) < 2:
                continue
            yield {
                "name": printable(f"{plugin} · {model}"),
                "words": spread_of(studies, len(found)),
                "groups": list(
                    self._plots(
                        [of_prompt(n, o) for n, o in sorted(found.items())],
                        f"Effect of the prompt on {plugin} · {model}",
                    )
                ),
            }

    def _metrics(self) -> list[dict[str, Any]]:
        """A table per metric, the runs side by side."""
        several = [(study.label, study.measured) for study in self.studies]
        return [shown_table(table) for table in beside_tables(several)]

    def _groups(self) -> dict[str, Any] | None:
        """Groups of models; without `group`, only generalists against specialists."""
        fact = self.group or "scope"
        if self.group is None and len(self._scopes()) < 2:
            return None
        runs, labels = [s.run for s in self.studies], [s.label for s in self.studies]
        found = group_runs(runs, labels, fact=fact, adjust=self.adjust)
        tables = (model_table(found, runs, labels), score_table(found), difference_table(found))
        return {
            "heading": "Generalists and specialists" if found.fact == "scope" else
            f"By {printable(found.fact)} of the models",
            "tables": [shown_table(table) for table in tables if table is not None],
            "notes": [printable(note) for note in group_notes(found)],
        }  # fmt: skip

    def _told(self) -> Iterator[dict[str, Any]]:
        """The sections of plugins, as plain text that the template escapes."""
        for plugin, section in self.told.items():
            shown = shown_reply(section.text.rstrip(), None, _MOST_TOLD)
            yield {
                "title": printable(section.title),
                "plugin": printable(plugin),
                "text": "\n".join(printable_lines(shown.text)),
                "left_out": shown.left_out,
            }

    def _scopes(self) -> set[str]:
        fair = [study for study in self.studies if study.finished and study.control == "none"]
        return {study.facts["scope"] for study in fair} - {ABSENT}
