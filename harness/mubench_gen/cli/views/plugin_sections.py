"""`report RUN… --section NAME`: sections of a report that plugins write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import printable, printable_lines, say

if TYPE_CHECKING:
    from mubench_gen.plugins.extension import Section
    from mubench_gen.runs.results import Run


def ask(runs: Sequence[Run], names: Sequence[str]) -> Mapping[str, Section]:
    """The section of each of these plugins (lists with commas), by the plugin's name."""
    from mubench_gen.console.stdout import results_only
    from mubench_gen.errors import PluginError, did_you_mean
    from mubench_gen.plugins.registry import Plugins

    sections: dict[str, Section] = {}
    plugins = Plugins()
    for name in dict.fromkeys(n.strip() for text in names for n in text.split(",") if n.strip()):
        with results_only():
            plugin = plugins.load(name)
            if plugin.offers.section is None:
                offering = [p.name for p in plugins.list() if "section" in p.kind]
                raise PluginError(
                    f"The plugin {name!r} has no section: it has no hook mubench_gen_section "
                    f"(docs/extending.md). {did_you_mean(name, offering)}"
                )
            sections[plugin.name] = plugin.offers.section(runs)
    return sections


def document(sections: Mapping[str, Section]) -> dict[str, Any]:
    """The sections as part of the report's JSON document."""
    if not sections:
        return {}
    return {"sections": {name: asdict(section) for name, section in sections.items()}}


def show(sections: Mapping[str, Section]) -> None:
    """Print them below the tables."""
    for section in sections.values():
        say(mark=f"\n{printable(section.title)}", bold=True)
        for line in printable_lines(section.text.rstrip()):
            say(line)
