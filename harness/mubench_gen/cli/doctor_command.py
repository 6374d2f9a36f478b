"""`mubench-gen doctor`: can this machine do the job?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from mubench_gen.cli.options import completion
from mubench_gen.cli.options.cluster import cluster_option
from mubench_gen.cli.options.user_path import PATH
from mubench_gen.console.numbers import percent
from mubench_gen.console.outlet import say

_EXAMPLES = """
\b
Examples:
  mubench-gen doctor
  mubench-gen doctor --plugin tiny --plugin clip
  mubench-gen doctor --plugin tiny --data ubench --gpu
  mubench-gen doctor --plugin clip --offline --json
  mubench-gen doctor --base-url http://127.0.0.1:8000/v1    what can this server do?
  mubench-gen doctor --statistics runs/clip-1a2b3c4d    do its intervals hold?
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
@click.option(
    "--statistics",
    type=PATH,
    metavar="RUN",
    help="Check how often the intervals of this run hold, by simulating its own design.",
)
@click.option(
    "--base-url",
    "urls",
    multiple=True,
    metavar="URL",
    help="Check what the server there can do, by asking it some short questions.",
)
@click.option(
    "-o", "options", multiple=True, metavar="K=V", help="With --base-url: engine.K=V, as of eval."
)
@cluster_option
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, metavar="N", help="Seed of --statistics. [0]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    plugins: tuple[str, ...],
    model: str | None,
    engine: str | None,
    data: str | None,
    gpu: bool,
    offline: bool,
    statistics: Path | None,
    urls: tuple[str, ...],
    options: tuple[str, ...],
    cluster: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> int:
    """Check this machine: print what works, what doesn't, and how to fix it.

    Exit code 1 if mubench-gen itself, or something that was asked for, does not work.
    """
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.doctor import Expectations, examine
    from mubench_gen.errors import SettingError

    if statistics is not None:
        return _statistics(statistics, cluster, seed, as_json=as_json)
    if cluster:
        raise SettingError("--cluster is only for --statistics: give that too.")
    if urls:
        if plugins or engine or data or gpu or offline:
            raise SettingError("--base-url checks a server: of the other flags it takes --model.")
        return _server(urls, model, _engine_options(options), as_json=as_json)
    if options:
        raise SettingError("-o is only for --base-url: give that too.")

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


def _engine_options(options: Sequence[str]) -> dict[str, str]:
    """The options of `-o engine.K=V`, without `engine.`."""
    from mubench_gen.errors import SettingError

    found = {}
    for option in options:
        name, sign, value = option.partition("=")
        if not sign or not name.startswith("engine."):
            raise SettingError("-o takes an option of the engine server: engine.K=V.")
        found[name.removeprefix("engine.")] = value
    return found


def _server(
    urls: Sequence[str], model: str | None, options: Mapping[str, str], *, as_json: bool
) -> int:
    from mubench_gen.cli.views.tables import print_json, print_table
    from mubench_gen.doctor.server import ServerExamination

    examination = ServerExamination(urls, model, options)
    found = list(examination.findings())
    holds = all(finding.state != "fault" for finding in found)
    if as_json:
        rows = [asdict(finding) for finding in found]
        print_json({"holds": holds, "findings": rows, "server": examination.can})
        return 0 if holds else 1
    print_table(
        ["", "", "found", "what to type"],
        [[one.name, one.state, one.found, one.to_do] for one in found],
        title="What the server can do",
    )
    if not holds:
        say("A run would not work as it should; a note matters only if you use what it names.")
    return 0 if holds else 1


def _statistics(path: Path, cluster: Sequence[str], seed: int, *, as_json: bool) -> int:
    from mubench_gen.cli.views.tables import print_json, print_table
    from mubench_gen.doctor.statistics import LEAST, MOST, self_test
    from mubench_gen.runs.results import load_run

    run = load_run(path, cluster=cluster)
    found = list(self_test(run, seed=seed))
    off = [one for one in found if one.verdict == "off"]
    if as_json:
        rows = [{**asdict(one), "verdict": one.verdict} for one in found]
        print_json({"holds": not off, "run_dir": str(run.dir), "seed": seed, "intervals": rows})
        return 1 if off else 0
    print_table(
        ["", "clusters", "worth", "accuracy", "correlation", "held", "with a caution", ""],
        [
            [one.name, f"{one.clusters:,}", f"{one.worth:,.1f}", percent(one.truth),
             f"{one.correlation:.2f}", f"{percent(one.held)} ± {percent(one.error)}",
             percent(one.warned), one.verdict]
            for one in found
        ],
        title="How often the 95 % intervals of this run's design hold the truth, in %",
        right=(1, 2, 3, 4, 5, 6),
        caption=f"{found[0].repeats} simulated runs, seed {seed}; ok: from {percent(LEAST)} to "
        f"{percent(MOST)}, within the simulation's own error",
    )  # fmt: skip
    names = ", ".join(one.name for one in off)
    say(f"They do not hold for: {names}." if off else "The intervals hold, or carry a caution.")
    return 1 if off else 0
