"""`mubench-gen compare`: is one run really better than another?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.cli.help_texts import Sectioned
from mubench_gen.cli.options.cluster import cluster_option
from mubench_gen.cli.options.common import COMMON
from mubench_gen.cli.options.inference import adjust_option, margin_option
from mubench_gen.cli.options.metric import metric_option, metrics_of_all
from mubench_gen.cli.options.protocol import protocol_option
from mubench_gen.cli.options.user_path import PATH
from mubench_gen.cli.views.compare import show_comparison
from mubench_gen.cli.views.compare_plan import WantedPlan, plan_options, show_assumed, show_plan

if TYPE_CHECKING:
    from mubench_gen.scores.joint import Adjust

_EXAMPLES = """
\b
Examples:
  mubench-gen compare runs/tiny-llava-1a2b3c4d runs/tiny-clip-5e6f7a8b
  mubench-gen compare runs/a runs/b runs/c --all-pairs --json
  mubench-gen compare runs/a runs/b --by stain,institution
  mubench-gen compare runs/a runs/b --metric unanswered,probability:brier
  mubench-gen compare runs/a runs/b --margin 2         is one no worse, by 2 points?
  mubench-gen compare runs/a runs/b --intersection     only the items that both have
  mubench-gen compare runs/* --group scope             generalists against specialists
  mubench-gen compare runs/a runs/b --cluster slide    the images of a slide are alike
  mubench-gen compare runs/a runs/b --plan --difference 2     images to find 2 points
  mubench-gen compare runs/a --protocols paper-compat,olmo-eval    one run, why two numbers
  mubench-gen compare runs/a runs/b --protocol olmo-eval    two runs, as another tool reads them
"""


_SECTIONS = {
    "What is compared": (
        "--all-pairs", "--base-pairs", "--group", "--by", "--metric", "--intersection",
        "--unfinished", "--protocol", "--number",
    ),
    "Statistics": ("--margin", "--cluster", "--adjust", "--seed"),
    "Before asking": (
        "--plan", "--difference", "--discordance", "--correlation", "--items-per-image",
    ),
    "All commands": COMMON,
}  # fmt: skip
_FEW = ("--all-pairs", "--group", "--by", "--intersection", "--margin", "--cluster", "--plan",
        *COMMON)  # fmt: skip


@click.command("compare", cls=Sectioned, sections=_SECTIONS, few=_FEW, epilog=_EXAMPLES)
@click.argument("runs", nargs=-1, type=PATH)
@click.option("--all-pairs", is_flag=True, help="Compare all pairs of runs. [each with the first]")
@click.option(
    "--base-pairs", is_flag=True, help="Compare each model with the one that it is based on."
)
@click.option(
    "--group",
    metavar="FACT",
    help="Compare groups of models with the same scope, domain, family, kind, …",
)
@click.option(
    "--by",
    multiple=True,
    metavar="FIELD",
    help="Also compare by a field of the items: stain, organism, …",
)
@click.option(
    "--intersection",
    is_flag=True,
    help="Compare the items that the runs share, although the runs differ.",
)
@click.option(
    "--unfinished", is_flag=True, help="Compare unfinished runs on the items that they have."
)
@protocol_option
@click.option(
    "--number",
    metavar="NAME",
    help="With --protocols: the number that is compared, or FIRST:SECOND. [all that both have]",
)
@metric_option
@cluster_option
@adjust_option
@margin_option
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, help="Seed of all that is drawn. [0]"
)
@plan_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    runs: tuple[Path, ...],
    all_pairs: bool,
    base_pairs: bool,
    group: str | None,
    by: tuple[str, ...],
    intersection: bool,
    unfinished: bool,
    protocol: tuple[str, ...],
    number: str | None,
    metric: tuple[str, ...],
    cluster: tuple[str, ...],
    adjust: Adjust,
    margin: float | None,
    seed: int,
    as_json: bool,
    **planned: Any,
) -> None:
    """Compare runs on the same items: paired, clustered by image or by --cluster.

    A difference is the first minus the second, with its 95 % interval, the p of the test that
    this inverts, p adjusted for many differences, and the smallest difference that would have
    been found.
    """
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.compare.comparison import compare_all
    from mubench_gen.compare.protocols.run import load_by_protocol, notes_by_protocol
    from mubench_gen.console.stdout import results_only
    from mubench_gen.errors import SettingError
    from mubench_gen.runs.studies import runs_in
    from mubench_gen.scores.metadata import split_fields

    if all_pairs and base_pairs:
        raise SettingError("--all-pairs and --base-pairs exclude each other: give one of them.")
    wanted = WantedPlan(**planned)
    wanted.check(runs)
    if len(runs) == 1 and (protocol or number):
        _by_protocol(runs, protocol, number, seed=seed, as_json=as_json)
        return
    if wanted.planning and not runs:
        show_assumed(wanted, as_json=as_json)
        return
    if number:
        raise SettingError("--number goes with one run and --protocols FIRST,SECOND.")
    loaded = load_by_protocol(runs_in(runs), protocol, cluster=cluster)
    metrics, missing = metrics_of_all(loaded, metric)
    with results_only():
        found = compare_all(
            loaded,
            pairs="all" if all_pairs else "base" if base_pairs else "first",
            intersection=intersection,
            unfinished=unfinished,
            by=split_fields(by),
            group=group,
            metrics=metrics,
            adjust=adjust,
            margin=None if margin is None else margin / 100,
            seed=seed,
        )
    if wanted.planning:
        show_plan(found, wanted, as_json=as_json)
    elif as_json:
        print_json(found.as_dict())
    else:
        show_comparison(found, [*missing, *notes_by_protocol(loaded)])


def _by_protocol(
    runs: Sequence[Path],
    protocols: Sequence[str],
    number: str | None,
    *,
    seed: int,
    as_json: bool,
) -> None:
    """One run under two protocols."""
    from mubench_gen.cli.views.protocol_difference import show
    from mubench_gen.errors import SettingError
    from mubench_gen.runs.results import load_run

    if not protocols:
        raise SettingError("--number is a protocol's: give --protocols FIRST,SECOND too.")
    show(load_run(runs[0]), protocols, number=number, seed=seed, as_json=as_json)
