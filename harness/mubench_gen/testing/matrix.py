"""Files that `plugins check --out` wrote → tables of plugins by checks, a table a kind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from mubench_gen.console.formats import TextTable
from mubench_gen.console.formats import to_markdown as table_to_markdown
from mubench_gen.errors import SettingError

_SIGNS = {
    "passed": "✓",
    "failed": "✗",
    "unexpected pass": "✗",
    "expected failure": "known",
    "skipped": "–",
    "": "",
}
_LEGEND = "✓ it holds, ✗ it does not, known: as its author says, –: it does not concern it."
_TITLES = {
    "plugin": "The plugins themselves",
    "generative": "Models that write",
    "contrastive": "Models that embed",
    "dataset": "Data sets",
    "metric": "Metrics",
    "export": "Export formats",
    "transform": "Image transforms",
    "judge": "Judges",
    "scorer": "Scorers",
    "section": "Sections of the report",
}
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #8888;padding:.2rem .5rem;"
    "text-align:left}td{white-space:nowrap}:root{color-scheme:light dark}"
)


@dataclass(frozen=True, slots=True)
class Report:
    """What `plugins check --out` found of a plugin: `checks` are its results, in their order."""

    plugin: str
    origin: str
    checks: Sequence[Mapping[str, Any]]
    quick: bool

    def results(self, kind: str) -> Iterator[tuple[str, str, str]]:
        """What was checked, the check, and its state, of a kind; nothing of what was not."""
        left = {one["of"] for one in self.checks if one["state"] == "not checked"}
        for one in self.checks:
            if one["kind"] == kind and one["of"] not in left:
                yield self.named(one), one["name"], one["state"]

    def named(self, check: Mapping[str, Any]) -> str:
        """What was checked: PLUGIN/MODEL, or the plugin alone."""
        name = check["of"].removeprefix(f"{check['kind']} ")
        return self.plugin if name in ("", self.plugin) else f"{self.plugin}/{name}"


def read_reports(files: Iterable[Path]) -> list[Report]:
    """The reports in these files, by plugin. SettingError names a file that is none."""
    return sorted(map(_read, files), key=lambda one: (one.plugin, one.origin))


def _read(file: Path) -> Report:
    try:
        found = json.loads(file.read_text("utf-8"))
        checks = [
            {"of": one["of"], "kind": one["kind"], "name": one["name"], "state": one["state"],
             "found": one["found"]}
            for one in found["checks"]
        ]  # fmt: skip
        plugin = str(found["plugin"])
    except OSError as error:
        raise SettingError(f"{file}: it cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise SettingError(
            f"{file}: it is no file of `mubench-gen plugins check NAME --out FILE` of this version."
        ) from None
    distribution, version = found.get("distribution"), found.get("version")
    origin = f"{distribution} {version}" if distribution else "a file"
    name = Path(plugin).name if "/" in plugin else plugin
    return Report(name, origin, checks, bool(found.get("quick")))


def to_json(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """The state of each check of each thing, by plugin."""
    return [
        {"plugin": one.plugin, "origin": one.origin, "quick": one.quick, "checks": list(one.checks)}
        for one in reports
    ]


def tables(reports: Sequence[Report]) -> Iterator[TextTable]:
    """A table of the plugins, then of each kind one: a row a check, a column a thing."""
    yield TextTable(
        "What was checked", ["plugin", "from", "hold", "fail", "not checked"], [_sums(reports)]
    )
    for kind, title in _TITLES.items():
        found: dict[str, dict[str, str]] = {}
        for report in reports:
            for thing, check, state in report.results(kind):
                found.setdefault(check, {})[thing] = state
        things = list(dict.fromkeys(thing for states in found.values() for thing in states))
        rows = [
            [name, *(_SIGNS.get(states.get(thing, ""), "?") for thing in things)]
            for name, states in found.items()
        ]
        if rows:
            yield TextTable(title, ["", *things], [rows])


def _sums(reports: Sequence[Report]) -> list[list[str]]:
    rows = []
    for one in reports:
        states = [check["state"] for check in one.checks]
        fail = sum(states.count(state) for state in ("failed", "unexpected pass"))
        left = states.count("not checked")
        quick = " (quick)" if one.quick else ""
        held = str(len(states) - fail - left)
        rows.append([one.plugin, one.origin + quick, held, str(fail), str(left)])
    return rows


def remarks(reports: Sequence[Report]) -> Iterator[str]:
    """A line for each check that does not hold, and for each thing that is not checked."""
    for one in reports:
        for check in one.checks:
            if check["state"] in ("failed", "unexpected pass", "expected failure", "not checked"):
                thing = one.named(check)
                what = check["state"] if check["state"] == "not checked" else check["name"]
                yield f"{thing}, {what}: {' '.join(check['found'].split())}"


def to_markdown(reports: Sequence[Report]) -> str:
    """The tables and the remarks in Markdown."""
    parts = []
    for table in tables(reports):
        parts.append(table_to_markdown(table))
    told = [f"- {line}" for line in remarks(reports)]
    notes = ["**What does not hold, or is not checked**", "", *told] if told else []
    return "\n".join([*parts, _LEGEND, "", *notes]).rstrip() + "\n"


def to_html(reports: Sequence[Report]) -> str:
    """The same as a page that stands for itself."""
    parts = ["<!doctype html><meta charset=utf-8><title>Plugins by checks</title>"]
    parts.append(f"<style>{_STYLE}</style><h1>Plugins by checks</h1>")
    for table in tables(reports):
        parts.append(f"<h2>{escape(table.title)}</h2><table>")
        parts.append(_row("th", table.columns))
        parts += [_row("td", row) for section in table.sections for row in section]
        parts.append("</table>")
    parts.append(f"<p>{_LEGEND}</p><ul>")
    parts += [f"<li>{escape(line)}</li>" for line in remarks(reports)]
    return "\n".join([*parts, "</ul>"]) + "\n"


def _row(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
