"""`score RUN --scorer NAME`: a plugin's own score of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mubench_gen.runs.results import Run

_OURS = ("ours", "paper-compat")


def show(run: Run, name: str, *, as_json: bool) -> None:
    """Score the run with the plugin's scorer and print the result."""
    from mubench_gen.cli.views.tables import print_json, print_table
    from mubench_gen.console.stdout import results_only
    from mubench_gen.errors import PluginError, did_you_mean
    from mubench_gen.plugins.registry import Plugins
    from mubench_gen.scores.protocols.files import protocol_names

    plugins = Plugins()
    offering = [plugin.name for plugin in plugins.list() if "scorer" in plugin.kind]
    with results_only():
        if name not in {p.name for p in plugins.list()} and not _is_path(name):
            near = did_you_mean(name, [*_OURS, *offering])
            if name in protocol_names():
                near = f"It is a protocol: --protocol {name}."
            raise PluginError(f"There is no scorer {name!r}. {near}")
        plugin = plugins.load(name)
        if plugin.offers.score is None:
            raise PluginError(
                f"The plugin {name!r} has no scorer: it has no hook mubench_gen_score "
                f"(docs/extending.md). {did_you_mean(name, [*_OURS, *offering])}"
            )
        groups = plugin.offers.score(run.records(), run.manifest)
    if as_json:
        print_json(
            {
                "run_dir": str(run.dir),
                "scorer": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "digest": plugin.digest,
                "scores": groups,
            }
        )
        return
    measures = list(dict.fromkeys(name for group in groups.values() for name in group))
    print_table(
        ["", *measures],
        [[group, *(_cell(found.get(m)) for m in measures)] for group, found in groups.items()],
        title=f"{run.manifest['plugin']['name']} · {run.manifest['model']['id']}: {plugin.name}",
        right=range(1, len(measures) + 1),
    )


def _is_path(name: str) -> bool:
    return name.endswith(".py") or "/" in name


def _cell(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
