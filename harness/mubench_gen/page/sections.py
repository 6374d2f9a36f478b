"""studies → what the template shows: warnings, tables, plots, provenance."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markupsafe import Markup

from mubench_gen.fields import ABSENT
from mubench_gen.group_tables import (
    GroupTable,
    difference_table,
    group_notes,
    model_table,
    score_table,
)
from mubench_gen.grouping import group_runs
from mubench_gen.page.plots import COLOURS, Bar, bars, places, reliability
from mubench_gen.page.study import Study
from mubench_gen.report import (
    BOX_COLUMNS,
    COLUMNS,
    box_cells,
    cells,
    interval,
    notes,
    percent,
    table_rows,
    title,
)
from mubench_gen.score import Score
from mubench_gen.tabular import printable

_HEADINGS = {"tasks": "tasks", "datasets": "data sets", "prompts": "prompts",
             "readouts": "read-outs"}  # fmt: skip


def colour(study: Study) -> int:
    """The number of the run's colour, 1 to COLOURS."""
    return study.number % COLOURS + 1


@dataclass(frozen=True)
class Sections:
    """The page's sections of some runs; `group`: the fact that groups models, None for scope
    where it makes two groups."""

    studies: Sequence[Study]
    group: str | None

    def context(self) -> dict[str, Any]:
        """The variables of the template."""
        calibrations, prompts = list(self._calibrations()), list(self._prompts())
        breakdowns = [{"name": name, "groups": list(self._by(name))} for name in self.studies[0].by]
        sections = [("scores", "Scores"), ("tasks", "Tasks")]
        sections += [(f"by-{i}", f"By {one['name']}") for i, one in enumerate(breakdowns, start=1)]
        groups = self._groups()
        if groups:
            sections.append(("groups", "Groups"))
        sections.append(("confusion", "Confusion"))
        if calibrations:
            sections.append(("calibration", "Calibration"))
        sections += [
            ("prompts", "Prompts"), ("positions", "Positions"), ("gallery", "Gallery"),
            ("provenance", "Provenance"),
        ]  # fmt: skip
        return {
            "title": self._title(),
            "lead": self._lead(),
            "sections": [{"id": name, "name": words} for name, words in sections],
            "warnings": list(self._warnings()),
            "runs": [_run(study) for study in self.studies],
            "columns": COLUMNS,
            "box_columns": BOX_COLUMNS,
            "side": list(self._side()),
            "tasks": list(self._tasks()),
            "breakdowns": breakdowns,
            "groups": groups,
            "calibrations": calibrations,
            "prompts": prompts,
            "positions": list(self._positions()),
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
        tasks = self._names("tasks")
        items = len(frozenset().union(*(study.items for study in self.studies)))
        return f"{printable(', '.join(data))}: {items:,} items, {len(tasks):,} tasks."

    def _warnings(self) -> Iterator[str]:
        for study in self.studies:
            if not study.finished:
                yield (
                    f"{study.label} is unfinished: {study.recorded:,} of {study.planned:,} items. "
                    "Its numbers are of those alone, and it is in no mean with others."
                )
            if study.scores.n_errors:
                yield (
                    f"{study.label}: {study.scores.n_errors:,} items failed and are in no score; "
                    "the same command tries them again."
                )
        if len(self.studies) > 1:
            several = self._shared
            if not several:
                yield "These runs share no item: their numbers are of different questions."

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

    def _side(self) -> Iterator[dict[str, Any]]:
        pooled = self._beside("pooled", [study.scores.pooled for study in self.studies])
        yield {"heading": "", "rows": [pooled]}
        for part in ("tasks", "datasets"):
            names = self._names(part)
            if part == "tasks" or len(names) > 1:
                rows = [
                    self._beside(name, [getattr(s.scores, part).get(name) for s in self.studies])
                    for name in names
                ]
                yield {"heading": _HEADINGS[part], "rows": rows}

    def _beside(self, name: str, scores: Sequence[Score | None]) -> dict[str, Any]:
        known = [one for one in scores if one is not None and one.n]
        fair = [
            one.accuracy
            for one, study in zip(scores, self.studies, strict=True)
            if one is not None and one.accuracy is not None
            and study.finished and study.control == "none"
        ]  # fmt: skip
        best = max(fair) if len(fair) > 1 else None
        controls = [study.scores.controls.get(name) for study in self.studies]
        majority = next((one.majority for one in controls if one is not None), None)
        return {
            "name": printable(name),
            "chance": _told({percent(one.chance) for one in known}),
            "majority": percent(majority) if majority is not None else "",
            "cells": [
                {
                    "accuracy": percent(one.accuracy if one is not None else None),
                    "interval": interval(one.ci95) if one is not None and one.n else "",
                    "best": best is not None
                    and one is not None
                    and one.accuracy == best
                    and study.finished
                    and study.control == "none",
                }
                for one, study in zip(scores, self.studies, strict=True)
            ],
        }

    def _tasks(self) -> Iterator[dict[str, Any]]:
        titles: dict[str, str] = {}
        for study in self.studies:
            for name, one in (study.manifest.get("tasks") or {}).items():
                titles.setdefault(name, printable(str(one["title"])))
        for name in ["pooled", *self._names("tasks")]:
            scores = {
                study.number: study.scores.pooled if name == "pooled" else one
                for study in self.studies
                if (one := study.scores.tasks.get(name)) is not None or name == "pooled"
            }
            controls = [study.scores.controls.get(name) for study in self.studies]
            majority = next((one.majority for one in controls if one is not None), None)
            yield self._bars(name, titles.get(name, ""), scores, majority)

    def _by(self, field: str) -> Iterator[dict[str, Any]]:
        values = dict.fromkeys(value for study in self.studies for value in study.by[field])
        for value in values:
            scores = {s.number: s.by[field][value] for s in self.studies if value in s.by[field]}
            n = max(one.n for one in scores.values())
            yield self._bars(value, f"{n:,} items", scores, None)

    def _bars(
        self, name: str, words: str, scores: Mapping[int, Score | None], majority: float | None
    ) -> dict[str, Any]:
        drawn = [
            Bar(self.studies[number].label, colour(self.studies[number]), one)
            for number, one in scores.items()
            if one is not None
        ]
        shown = printable(name)
        return {
            "name": shown,
            "title": words,
            "plot": Markup(bars(drawn, title=shown, majority=majority)),
        }

    def _calibrations(self) -> Iterator[dict[str, Any]]:
        for study in self.studies:
            found = study.scores.calibration.get("pooled")
            if found is None:
                continue
            plot = reliability(found, colour=colour(study), title=f"Calibration of {study.label}")
            words = (
                f"expected error {percent(found.ece)} points; sure by "
                f"{percent(found.confidence)} %, right in {percent(found.accuracy)} %"
            )
            yield {"plot": Markup(plot), "label": study.label, "colour": colour(study),
                   "words": words}  # fmt: skip

    def _positions(self) -> Iterator[dict[str, Any]]:
        for study in self.studies:
            controls = study.scores.controls["pooled"]
            if not controls.answered_at and not controls.gold_at:
                continue
            circular = study.scores.circular.get("pooled")
            words = "" if circular is None else (
                f"under every order right in {percent(circular.consistent)} % of "
                f"{circular.items:,} items; recalls by place spread by "
                f"{percent(circular.place_bias)} points, by chance alone about "
                f"{percent(circular.place_noise)}"
            )  # fmt: skip
            plot = places(
                controls.answered_at,
                controls.gold_at,
                colour=colour(study),
                title=f"Places of the answers of {study.label}",
            )
            yield {"plot": Markup(plot), "label": study.label, "colour": colour(study),
                   "words": words}  # fmt: skip

    def _prompts(self) -> Iterator[dict[str, Any]]:
        models: dict[tuple[str, str], list[Study]] = {}
        for study in self.studies:
            identity = study.manifest["plugin"]["name"], study.manifest["model"]["id"]
            if study.control == "none":
                models.setdefault((str(identity[0]), str(identity[1])), []).append(study)
        for (plugin, model), studies in models.items():
            found: dict[str, list[tuple[Study, Score]]] = {}
            for study in studies:
                for name, one in study.scores.prompts.items():
                    found.setdefault(name, []).append((study, one))
            if len(found) < 2:
                continue
            accuracies = [s.accuracy for one in found.values() for _, s in one
                          if s.accuracy is not None]  # fmt: skip
            spread = 100 * (max(accuracies) - min(accuracies)) if accuracies else 0.0
            yield {
                "name": printable(f"{plugin} · {model}"),
                "words": f"{len(found)} prompts, {spread:.1f} points between the best and the "
                "worst",
                "groups": [
                    {
                        "name": printable(name),
                        "words": "unanswered "
                        + _told({_unanswered(one) for _, one in several}) + " %",
                        "plot": Markup(
                            bars([Bar(s.label, colour(s), one) for s, one in several],
                                 title=f"Prompt {printable(name)}")
                        ),
                    }
                    for name, several in sorted(found.items())
                ],
            }  # fmt: skip

    def _groups(self) -> dict[str, Any] | None:
        """Groups of models; where not asked for, only generalists against specialists."""
        fact = self.group or "scope"
        if self.group is None and len(self._scopes()) < 2:
            return None
        runs, labels = [s.run for s in self.studies], [s.label for s in self.studies]
        found = group_runs(runs, labels, fact=fact)
        tables = (model_table(found, runs, labels), score_table(found), difference_table(found))
        return {
            "heading": "Generalists and specialists" if found.fact == "scope" else
            f"By {printable(found.fact)} of the models",
            "tables": [_shown_table(table) for table in tables if table is not None],
            "notes": [printable(note) for note in group_notes(found)],
        }  # fmt: skip

    def _scopes(self) -> set[str]:
        fair = [study for study in self.studies if study.finished and study.control == "none"]
        return {study.facts["scope"] for study in fair} - {ABSENT}


def _shown_table(table: GroupTable) -> dict[str, Any]:
    return {
        "title": printable(table.title),
        "columns": [printable(column) for column in table.columns],
        "sections": [
            [[printable(cell) for cell in row] for row in section] for section in table.sections
        ],
        "texts": table.texts,
    }


def _unanswered(score: Score) -> str:
    return percent(1 - score.statuses.get("answered", 0.0)) if score.n else "–"


def _told(values: set[str]) -> str:
    """Values of several runs as one: "16.7", or "16.7–20.0" where they differ."""
    known = sorted(values, key=lambda text: float(text) if text != "–" else -1.0)
    return "–" if not known else known[0] if len(known) == 1 else f"{known[0]}–{known[-1]}"


def _run(study: Study) -> dict[str, Any]:
    scores = study.scores
    pooled = scores.pooled
    done = f"{scores.n:,} items"
    if not study.finished:
        done = f"{study.recorded:,} of {study.planned:,} items"
    if scores.n_errors:
        done += f", {scores.n_errors:,} errors"
    return {
        "label": study.label,
        "colour": colour(study),
        "control": study.control,
        "finished": study.finished,
        "title": printable(title(study.manifest)),
        "folder": printable(str(study.run.dir)),
        "done": done,
        "accuracy": percent(pooled.accuracy),
        "interval": interval(pooled.ci95),
        "chance": percent(pooled.chance) if pooled.n else "",
        "parts": list(_parts(study)),
        "boxes": [
            [printable(c) for c in box_cells(name, one)] for name, one in scores.boxes.items()
        ],
        "notes": [printable(note) for note in notes(study.manifest, scores)],
        "provenance": list(_provenance(study.manifest)),
        "manifest": json.dumps(study.manifest, indent=1, ensure_ascii=False, default=str),
    }


def _parts(study: Study) -> Iterator[dict[str, Any]]:
    rows = table_rows(study.scores, study.by)
    for part in dict.fromkeys(row.part for row in rows):
        shown = [[printable(cell) for cell in cells(row)] for row in rows if row.part == part]
        heading = "" if part == "pooled" else _HEADINGS.get(part, f"by {part}")
        yield {"name": part, "heading": printable(heading), "rows": shown}


def _provenance(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a reader looks for first; the whole manifest stands below it."""
    plugin, model, data = manifest["plugin"], manifest["model"], manifest["data"]
    engine, sampling = manifest.get("engine") or {}, manifest.get("sampling") or {}
    first, last = manifest["sessions"][0], manifest["sessions"][-1]
    rows = {
        "run": manifest.get("id"),
        "command": " ".join(map(str, last.get("command", ()))),
        "plugin": f"{plugin['name']} ({plugin.get('distribution')} {plugin.get('version')})",
        "model": model["id"],
        "revision": model.get("revision"),
        "weights": model.get("weights_sha256"),
        "engine": engine.get("name"),
        "data": f"{data['name']}, {data.get('rows', '?')} rows, digest {data.get('digest')}",
        "data revision": data.get("revision"),
        "prompts": ", ".join(
            f"{name} ({str(digest)[:12]})"
            for name, digest in (manifest["content"].get("prompts") or {}).items()
        ),
        "read-out": ", ".join(manifest["settings"].get("readout") or ()),
        "sampling": ", ".join(f"{key} {value}" for key, value in sampling.items()),
        "seed": manifest.get("seed"),
        "control": manifest["settings"]["control"],
        "started": first.get("started"),
        "sessions": len(manifest["sessions"]),
        "versions": ", ".join(f"{k} {v}" for k, v in (last.get("versions") or {}).items()),
        "hardware": ", ".join(f"{k} {v}" for k, v in (last.get("hardware") or {}).items()),
    }
    for name, value in rows.items():
        if value not in (None, "", "none"):
            yield name, printable(str(value))
