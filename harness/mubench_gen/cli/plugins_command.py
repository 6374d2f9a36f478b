"""`mubench-gen plugins`: what is installed, without importing it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mubench_gen.model import ModelSpec

_EXAMPLES = """
\b
Examples:
  mubench-gen plugins
  mubench-gen plugins show tiny
  mubench-gen plugins show ./my_model.py --json
"""


@click.group("plugins", invoke_without_command=True, epilog=_EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the model plugins; `show` imports one and prints its models and options."""
    if ctx.invoked_subcommand is not None:
        return
    from mubench_gen.plugins import Plugins

    listed = Plugins().list()
    if as_json:
        from mubench_gen.cli.tables import print_json

        print_json([asdict(plugin) for plugin in listed])
        return
    rows = [("plugin", "distribution", "version", "state")]
    rows += [(p.name, p.distribution, p.version, p.state) for p in listed]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for number, row in enumerate(rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(click.style(line.rstrip(), bold=number == 0))


@command.command("show", epilog=_EXAMPLES)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def show(name: str, as_json: bool) -> None:
    """Import one plugin and print its models, options and facts."""
    from mubench_gen.cli.streams import results_only
    from mubench_gen.cli.tables import print_json, print_table
    from mubench_gen.plugins import Plugins

    with results_only():
        plugin = Plugins().load(name)
    models = [_described(spec) for spec in plugin.models]
    if as_json:
        print_json(
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "models": models,
            }
        )
        return
    origin = f"{plugin.distribution} {plugin.version}" if plugin.distribution else str(plugin.path)
    print_table(
        ["model", "kind", "source", "description", "facts"],
        [[m["name"], m["kind"], m["source"], m["description"], _line(m["facts"])] for m in models],
        title=f"{plugin.name} ({origin})",
    )
    for model in models:
        for key, option in model["options"].items():
            about = option["description"] or ""
            click.echo(f"-o {key}={option['default']}  {about}  ({model['name']})")


def _described(spec: ModelSpec) -> dict[str, Any]:
    from mubench_gen.model import Checkpoint

    source = spec.source
    fields = {} if isinstance(source, Checkpoint) else source.Options.model_fields
    return {
        "name": spec.name,
        "kind": spec.kind,
        "source": str(source.path) if isinstance(source, Checkpoint) else source.__qualname__,
        "any_id": spec.any_id,
        "description": spec.description,
        "facts": dict(spec.facts),
        "options": {
            key: {"default": field.default, "description": field.description}
            for key, field in fields.items()
        },
    }


def _line(facts: dict[str, str]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in facts.items())
