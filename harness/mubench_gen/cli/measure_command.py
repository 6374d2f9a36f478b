"""`mubench-gen measure`: what Fisher-weighted averaging and RegMean need to know of a fine-tune."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mubench_gen.cli.help_texts import Sectioned
from mubench_gen.cli.options.settings import (
    config_option,
    few,
    headings,
    setting_option,
    setting_options,
)
from mubench_gen.cli.options.user_path import PATH
from mubench_gen.console.outlet import printable, say
from mubench_gen.plan.options import OPTIONS

_EXAMPLES = """
\b
Examples:
  mubench-gen measure --plugin clip --model ONE --method fisher --tasks fine --out one.fisher
  mubench-gen measure --plugin clip --model TWO --method fisher --tasks fine --out two.fisher
  mubench-gen merge BASE ONE TWO --method fisher --statistics one.fisher \\
      --statistics two.fisher --alpha 1 --out merged
"""
_OWN = {
    "The measurement": (
        "--plugin", "--model", "--method", "--out", "--limit", "--seed", "--cluster", "--plan",
        "--json",
    )
}  # fmt: skip
_NOT_SHARED = {
    "plugin", "model", "run_dir", "reuse", "shard", "metric", "base_url", "ray_address", "readout",
    "max_requests", "max_errors", "fresh", "keep_embeddings", "judge", "preflight", "repeats",
    "temperature", "max_tokens", "limit",
}  # fmt: skip
_SHARED = [name for name in OPTIONS if name not in _NOT_SHARED]


@click.command(
    "measure",
    cls=Sectioned,
    sections=headings(_OWN),
    few=few(*_OWN["The measurement"]),
    epilog=_EXAMPLES,
    no_args_is_help=True,
)
@setting_option("plugin", multiple=False)
@setting_option("model")
@click.option(
    "--method",
    type=click.Choice(["fisher", "regmean"]),
    required=True,
    help="What is measured: fisher, squared gradients of each weight; regmean, inputs of layers.",
)
@click.option("--out", type=PATH, required=True, metavar="DIR", help="The new folder.")
@setting_option("limit", help="Items per task, a seeded sample. [16]")
@click.option(
    "--plan", "planning", is_flag=True, help="Print how many items would be shown, and show none."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@config_option
@setting_options(*_SHARED)
def command(
    config: Path | None,
    method: str,
    out: Path,
    planning: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Show a fine-tune some items, and write what merge --method fisher or regmean reads.

    The items are --limit of each task [16], of one half of the images: accuracy on that half is
    not held out. The other half is the one on which a soup of the same --seed is scored.
    """
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.progress import bar
    from mubench_gen.console.stdout import results_only
    from mubench_gen.interpolation.measure.measure import measure, open_measuring
    from mubench_gen.plan.items import planned
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plan.sources import gather
    from mubench_gen.plugins.registry import Plugins

    gathered = gather(flags, config)
    with results_only():
        wanted = open_measuring(make_settings(gathered.values), method, out, Plugins())
        found = None
        if not planning:
            with bar("measure", 0) as progress:
                found = measure(wanted, gathered.command(["mubench-gen", *sys.argv[1:]]), progress)
    if found is None:
        items = planned(wanted.plan)
        if as_json:
            print_json({"items": items})
        else:
            say(f"{items:,} items would be shown, and none was.")
    elif as_json:
        print_json({**asdict(found), "folder": str(found.folder)})
    else:
        failed = f", {found.failed:,} failed" if found.failed else ""
        say(f"{found.items:,} items of {len(found.images):,} images were shown{failed}.")
        say(printable(f"Statistics: {found.folder}"))
