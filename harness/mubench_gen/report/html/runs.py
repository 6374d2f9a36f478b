"""The template's variables of a run: its card, its table, its provenance."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mubench_gen.console.numbers import interval, percent
from mubench_gen.console.outlet import printable
from mubench_gen.report.html.study import RunStatistics
from mubench_gen.report.open_tables import OPEN_COLUMNS, OPEN_TITLES, open_cells
from mubench_gen.report.text import (
    CONTRADICTION,
    box_cells,
    cells,
    columns_of,
    notes,
    table_rows,
    title,
)

_MINUS = re.compile(r"(?<![\w.)])-(?=\d)")
HEADINGS = {"tasks": "tasks", "datasets": "data sets", "prompts": "prompts",
            "readouts": "read-outs"}  # fmt: skip


def run_shown(study: RunStatistics) -> dict[str, Any]:
    """What the template shows of a run."""
    scores = study.scores
    pooled = scores.pooled
    boxes = scores.boxes.get("pooled") if not pooled.n else None
    contradictory = pooled.statuses.get(CONTRADICTION, 0.0) if pooled.n else 0.0
    told = [*notes(study.manifest, scores), *study.measured.notes]
    return {
        "label": study.label,
        "colour": study.colour,
        "control": study.control,
        "finished": study.finished,
        "title": printable(title(study.manifest)),
        "folder": printable(study.run.place),
        "count": f"{scores.n:,}",
        "errors": f"{scores.n_errors:,}" if scores.n_errors else "–",
        "left": f"{study.recorded:,} of {study.planned:,} items",
        "scored": (boxes or pooled).n > 0,
        "accuracy": percent(boxes.grit if boxes else pooled.accuracy),
        "interval": interval(boxes.ci95 if boxes else pooled.ci95),
        "clustered": printable(scores.clustered_by),
        "measure": "GRIT score of boxes" if boxes else "",
        "chance": percent(pooled.chance) if pooled.n else "",
        "above": number(percent(pooled.chance_corrected)) if pooled.n else "",
        "contradictions": percent(contradictory) if contradictory else "",
        "answered": percent(pooled.statuses.get("answered", 0.0)) if pooled.n else "",
        "columns": columns_of(scores),
        "parts": list(_parts(study)),
        "boxes": [
            [printable(c) for c in box_cells(name, one)] for name, one in scores.boxes.items()
        ],
        "open": [
            {
                "title": OPEN_TITLES[form][:1].upper() + OPEN_TITLES[form][1:],
                "columns": OPEN_COLUMNS[form],
                "rows": [[printable(c) for c in open_cells(k, one)] for k, one in groups.items()],
            }
            for form, groups in scores.open.items()
        ],
        "notes": [number(note) for note in told],
        "provenance": list(_provenance(study.manifest)),
        "manifest": json.dumps(study.manifest, indent=1, ensure_ascii=False, default=str),
    }


def _parts(study: RunStatistics) -> Iterator[dict[str, Any]]:
    rows, columns = table_rows(study.scores, study.by), columns_of(study.scores)
    for part in dict.fromkeys(row.part for row in rows):
        found = [cells(row, columns) for row in rows if row.part == part]
        shown = [[printable(name), *map(number, others)] for name, *others in found]
        if part == "datasets":
            mean = ["mean of the data sets", "", percent(study.scores.macro)]
            shown.append(mean + [""] * (len(columns) - len(mean)))
        heading = "" if part == "pooled" else HEADINGS.get(part, f"by {part}")
        yield {"name": part, "heading": printable(heading), "rows": shown}


def number(cell: str) -> str:
    """A printable table cell, with a minus sign instead of a hyphen."""
    return _MINUS.sub("−", printable(cell))


def _provenance(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The facts that readers look for first; the page has the whole manifest below."""
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
        "quantisation": (model.get("facts") or {}).get("quantisation"),
        "engine": engine.get("name"),
        "data": f"{data['name']}, {data.get('rows', '?')} rows, digest {data.get('digest')}",
        "data revision": data.get("revision"),
        "prompts": ", ".join(
            f"{name} ({str(digest)[:12]})"
            for name, digest in (manifest["content"].get("prompts") or {}).items()
        ),
        "read-out": ", ".join(manifest["settings"].get("readout") or ()),
        "sampling": ", ".join(f"{k} {v}" for k, v in sampling.items() if v is not None),
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
