"""`mubench-gen plugins`: what is installed, without importing it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mubench_gen.cli.help_texts import Subcommands, examples_of
from mubench_gen.cli.options import completion
from mubench_gen.cli.options.user_path import PATH
from mubench_gen.cli.plugin_checks import check, matrix
from mubench_gen.cli.views.plugins import document_of, show_gguf, show_options, show_plugin
from mubench_gen.console.notes import note
from mubench_gen.console.outlet import say

if TYPE_CHECKING:
    from mubench_gen.plugins.import_trial import TrialImport
    from mubench_gen.plugins.listing import Listed

_EXAMPLES = """
\b
Examples:
  mubench-gen plugins
  mubench-gen plugins --import
  mubench-gen plugins show tiny
  mubench-gen plugins show ./my_model.py --json
  mubench-gen plugins new my-model
  mubench-gen plugins check ./my_model.py
"""
_DEFINITIONS = "definitions"  # the kind of a package of tasks and prompts
_NEW_EXAMPLES = """
\b
Examples:
  mubench-gen plugins new my-model
  mubench-gen plugins new my-clip --kind contrastive --licence MIT --author "Ada Lovelace"
  mubench-gen plugins new my-service --kind endpoint --to ~/code/my-service
  mubench-gen plugins new my-cells --kind dataset
  mubench-gen plugins new my-number --kind metric
"""


@click.group("plugins", cls=Subcommands, invoke_without_command=True, epilog=_EXAMPLES)
@click.option(
    "--import",
    "tried",
    is_flag=True,
    help="Import each in its own process, and report what it registers and changes.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def command(ctx: click.Context, tried: bool, as_json: bool) -> None:
    """List the plugins, without importing any.

    Shows kind, distribution, version and state of each: ok, or what is wrong.
    """
    if ctx.invoked_subcommand is not None:
        return
    from mubench_gen.cli.views.tables import print_json, print_lines
    from mubench_gen.plugins.registry import Plugins

    listed = [*Plugins().list(), *_packages()]
    imported = _import_each(listed) if tried else {}
    rows = [_told(p, None if _is_shadowed(p) else imported.get(p.name)) for p in listed]
    if as_json:
        print_json([asdict(p) | ({"imported": asdict(one)} if one else {}) for p, one in rows])
        return
    cells = [(p.name, p.kind, p.distribution, p.version, _state(p, one)) for p, one in rows]
    # In lines on a terminal too: what is wrong with a plugin may take a sentence.
    print_lines(("plugin", "kind", "distribution", "version", "state"), cells)


def _told(plugin: Listed, one: TrialImport | None) -> tuple[Listed, TrialImport | None]:
    """A plugin with what its import showed: what it registered counts more than its source."""
    if one is None or one.error is not None:
        return plugin, one
    return replace(plugin, kind=one.kind), one


def _is_shadowed(plugin: Listed) -> bool:
    """Whether its name means another plugin, or none."""
    return plugin.state.startswith("shadowed")


def _state(plugin: Listed, imported: TrialImport | None) -> str:
    """The state in words, with what the import showed if the plugin was imported."""
    from mubench_gen.plugins.listing import UNREADABLE

    if imported is None:
        return f"{plugin.state}; it {' and '.join(plugin.notes)}" if plugin.notes else plugin.state
    if imported.error is not None:
        # The row names the plugin already.
        named = f"The plugin {plugin.name!r} ({plugin.distribution} {plugin.version})"
        error = imported.error.removeprefix(f"{named} is broken: ").removeprefix(f"{named}: ")
        return f"broken: {error}"
    told = [*imported.faults, *(note for note in plugin.notes if note == UNREADABLE)]
    return f"ok; it {' and '.join(told)}" if told else "ok"


def _packages() -> list[Listed]:
    """The packages of tasks and prompts, in the form of listed plugins."""
    from mubench_gen.plugins.listing import Listed
    from mubench_gen.plugins.task_packages import packages

    return [
        Listed(p.name, _DEFINITIONS, p.distribution, p.version, p.module, p.state)
        for p in packages()
    ]


def _import_each(listed: list[Listed]) -> dict[str, TrialImport]:
    """The result of importing, for each plugin that could be imported."""
    from mubench_gen.plugins.import_trial import import_each
    from mubench_gen.plugins.listing import ASKED_FOR, UNNAMED

    return import_each(
        [
            p.name
            for p in listed
            if p.state.startswith(("ok", "broken"))
            and p.kind != _DEFINITIONS
            and p.name != UNNAMED
            and ASKED_FOR.fullmatch(p.name)
        ]
    )


@command.command("show", epilog=examples_of(_EXAMPLES, "plugins show"))
@click.argument("name", shell_complete=completion.plugins)
@click.option(
    "--engine",
    shell_complete=completion.engines,
    help="Print the options of this engine too (-o engine.K=V).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def show(name: str, engine: str | None, as_json: bool) -> None:
    """Import one plugin and print its models, options, facts; or read a GGUF file's header."""
    from mubench_gen.cli.options.words import described_options
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.stdout import results_only
    from mubench_gen.engines import engine_options
    from mubench_gen.plugins.registry import Plugins

    if name.lower().endswith(".gguf"):
        show_gguf(Path(name), as_json=as_json)
        return
    with results_only():
        plugin = Plugins().load(name)
    of_engine = {} if engine is None else described_options(engine_options(engine))
    if as_json:
        own = {} if engine is None else {"engine": engine, "engine_options": of_engine}
        print_json({**own, **document_of(plugin)})
        return
    show_plugin(plugin)
    show_options(of_engine, "engine.", f"--engine {engine}")


@command.command("new", epilog=_NEW_EXAMPLES)
@click.argument("name")
@click.option(
    "--kind",
    metavar="KIND",
    default="generative",
    help="generative, contrastive, endpoint (a service with an API of its own), dataset, metric, "
    "export, transform, judge, scorer or section. [generative]",
)
@click.option(
    "--licence",
    "--license",
    metavar="NAME",
    default="Apache-2.0",
    help="Apache-2.0, MIT or BSD-3-Clause. [Apache-2.0]",
)
@click.option(
    "--author", metavar="NAME", default="the authors", help="Name in the licence. [the authors]"
)
@click.option(
    "--to",
    "folder",
    metavar="DIR",
    type=PATH,
    help="A new folder. [mubench-gen-NAME]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def new(
    name: str, kind: str, licence: str, author: str, folder: Path | None, as_json: bool
) -> None:
    """Create the repository of a plugin: model, metric, judge, …, tests, licence, workflows."""
    from mubench_gen.plugins.scaffold import Scaffold, write_scaffold

    scaffold = Scaffold(name, kind, licence, author)
    folder = folder or Path(scaffold.distribution)
    written = [str(path) for path in write_scaffold(scaffold, folder)]
    if as_json:
        from mubench_gen.cli.views.tables import print_json

        print_json({"distribution": scaffold.distribution, "path": str(folder), "files": written})
    for path in written if not as_json else ():
        say(path)
    note(f"Next: cd {folder} && pip install -e '.[test]' && pytest")


command.add_command(check)
command.add_command(matrix)
