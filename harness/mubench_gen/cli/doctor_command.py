"""`mubench-gen doctor`: can this machine do the job?"""

from __future__ import annotations

from dataclasses import asdict

import click

from mubench_gen.cli import completion
from mubench_gen.console.outlet import say

_EXAMPLES = """
\b
Examples:
  mubench-gen doctor
  mubench-gen doctor --plugin tiny --plugin clip
  mubench-gen doctor --plugin tiny --data ubench --gpu
  mubench-gen doctor --plugin clip --offline --json
"""
_COLOURS = {"ok": "green", "note": "yellow", "fault": "red"}


@click.command("doctor", epilog=_EXAMPLES)
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="NAMES",
    help="Check what these plugins need.",
    shell_complete=completion.plugins,
)
@click.option(
    "--model",
    metavar="NAME",
    help="Which of the plugin's models. [its first]",
    shell_complete=completion.models,
)
@click.option(
    "--engine",
    metavar="NAME",
    help="Check what this engine needs.",
    shell_complete=completion.engines,
)
@click.option(
    "--data",
    metavar="NAME|PATH",
    help="Check that this data set is there.",
    shell_complete=completion.data,
)
@click.option("--gpu", is_flag=True, help="Check that torch can use a GPU.")
@click.option("--offline", is_flag=True, help="Check that it works without a network.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    plugins: tuple[str, ...],
    model: str | None,
    engine: str | None,
    data: str | None,
    gpu: bool,
    offline: bool,
    as_json: bool,
) -> int:
    """Check this machine: print what works, what doesn't, and how to fix it.

    Exit code 1 if mubench-gen itself, or something that was asked for, does not work.
    """
    from mubench_gen.cli.tables import print_json
    from mubench_gen.doctor import Expectations, examine

    names = tuple(name.strip() for text in plugins for name in text.split(",") if name.strip())
    asked = Expectations(names, model, engine, data, gpu, offline)
    findings = []
    for finding in examine(asked):
        findings.append(finding)
        if not as_json:
            text, colour = f"  {finding.name}: {finding.found}", _COLOURS[finding.state]
            say(text, mark=f"{finding.state:<5}", colour=colour)
            if finding.to_do:
                say(f"       → {finding.to_do}")
    faults = [finding for finding in findings if finding.state == "fault"]
    if as_json:
        print_json({"holds": not faults, "findings": [asdict(finding) for finding in findings]})
    else:
        number = "Nothing is" if not faults else f"{len(faults)} of {len(findings)} findings are"
        say(f"{number} at fault; a note matters only if you use what it names.")
    return 1 if faults else 0
