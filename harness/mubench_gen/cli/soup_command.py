"""`mubench-gen soup`: which fine-tunes of one base are better averaged?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.cli.help_texts import Sectioned
from mubench_gen.cli.options.merging import (
    base_option,
    finetuned_option,
    missing_option,
    names_of,
    vocabulary_option,
)
from mubench_gen.cli.options.settings import (
    config_option,
    few,
    headings,
    setting_option,
    setting_options,
)
from mubench_gen.console.notes import note
from mubench_gen.console.outlet import printable, say
from mubench_gen.plan.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mubench_gen.interpolation.soup.held_out import GainOver, HalfScore
    from mubench_gen.interpolation.soup.running import SoupResult
    from mubench_gen.interpolation.soup.soup import Soup

_EXAMPLES = """
\b
Examples:
  mubench-gen soup --plugin clip --base openai/clip-vit-base-patch32 \\
      --finetuned RUN-1 --finetuned RUN-2 --finetuned RUN-3 --data ubench --tasks fine
  mubench-gen soup --plugin hf --base BASE --finetuned ONE,TWO --cluster patient --plan
  mubench-gen eval --plugin clip --model soups/clip-soup-1a2b3c4d/model

\b
The same command again resumes. Exit code 0: all done; 2: something to fix; 3: some items failed.
"""
_OWN = {
    "The soup": (
        "--plugin", "--base", "--finetuned", "--missing", "--accept-vocabulary", "--seed",
        "--cluster", "--run-dir", "--plan", "--json",
    )
}  # fmt: skip
_NOT_SHARED = {
    "plugin", "model", "run_dir", "reuse", "shard", "metric", "base_url", "ray_address",
}  # fmt: skip
_SHARED = [name for name in OPTIONS if name not in _NOT_SHARED]


@click.command(
    "soup",
    cls=Sectioned,
    sections=headings(_OWN),
    few=few(*_OWN["The soup"]),
    epilog=_EXAMPLES,
    no_args_is_help=True,
)
@setting_option("plugin", multiple=False)
@base_option
@finetuned_option("Fine-tunes of it, two or more, models of the plugin.")
@missing_option
@vocabulary_option
@setting_option("run_dir", "--soup-dir", help="The soup's folder: its runs, and model/. [soups/ID]")
@click.option(
    "--plan",
    "planning",
    is_flag=True,
    help="Ask nothing: print how many items would be asked at most.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@config_option
@setting_options(*_SHARED)
def command(
    config: Path | None,
    base: str | None,
    finetuned: tuple[str, ...],
    missing: str,
    accept_vocabulary: bool,
    planning: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    """Average the weights of those fine-tunes that are better together: a greedy soup.

    One half of the images ranks the fine-tunes. From the best one down each is added, and kept if
    the accuracy of the mean does not fall there. The other half scores what was chosen.
    """
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.stdout import results_only
    from mubench_gen.interpolation.soup.running import run_soup
    from mubench_gen.interpolation.soup.soup import open_soup
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plan.sources import gather
    from mubench_gen.plugins.registry import Plugins

    gathered = gather(flags, config)
    with results_only():
        soup = open_soup(
            make_settings(gathered.values),
            base=base,
            finetuned=names_of(finetuned),
            plugins=Plugins(),
            accept_vocabulary=accept_vocabulary,
            keep_base=missing == "keep-base",
        )
        command_line = gathered.command(["mubench-gen", *sys.argv[1:]])
        result = None if planning else run_soup(soup, command_line, progress=True)
    if result is None:
        return _plan(soup, as_json=as_json)
    if as_json:
        print_json(result.as_dict())
    else:
        _show(result)
    note(f"Soup folder: {soup.folder}")
    return 3 if result.n_errors else 0


def _plan(soup: Soup, *, as_json: bool) -> int:
    """Print what a soup would ask at most, and ask nothing."""
    from mubench_gen.cli.views.tables import print_json, print_table

    count, items = len(soup.finetuned), soup.items()
    rows = [
        ("choosing", "each fine-tune", count, items["choosing"]),
        ("choosing", "means, at most", count - 1, items["choosing"]),
        ("held out", "soup, best fine-tune, base", 3, items["held out"]),
    ]
    total = sum(models * each for _, _, models, each in rows)
    if as_json:
        parts = [
            {"half": half, "models": what, "count": models, "items": each}
            for half, what, models, each in rows
        ]
        print_json({"soup_dir": str(soup.folder), "parts": parts, "most": total})
        return 0
    print_table(
        ["half", "models", "", "items each"],
        [[half, what, f"{models:,}", f"{each:,}"] for half, what, models, each in rows],
        title=f"{soup.folder}: at most {total:,} items, no request was sent",
        right=[2, 3],
    )
    return 0


def _show(result: SoupResult) -> None:
    from mubench_gen.cli.views.tables import print_table
    from mubench_gen.console.numbers import percent

    found, names = result.held_out, _short([one.name for one in result.trials])
    print_table(
        ["fine-tune", "alone", "with it", ""],
        [
            [
                names[one.name],
                percent(one.alone),
                percent(one.with_it),
                "kept" if one.kept else "left out",
            ]
            for one in result.trials
        ],
        title=f"Chosen on {result.clusters:,} {found.noun}s ({result.items:,} items): accuracy in "
        "%",
        right=[1, 2],
    )
    print_table(
        ["", "accuracy", "soup's gain"],
        [
            [f"soup of {len(result.kept)}", _scored(found.soup), ""],
            [f"best: {names[found.name]}", _scored(found.best), _gained(found.over_best)],
            ["base", _scored(found.base), _gained(found.over_base)],
        ],
        title=f"On the {found.clusters:,} other {found.noun}s ({found.items:,} items) in %, with "
        "95 % intervals",
        right=[1, 2],
    )
    for text in found.notes:
        say(printable(f"Note: {text}."))
    say(printable(f"Model: {result.model}"))


def _short(names: Sequence[str]) -> dict[str, str]:
    """The names without the folders or owners before them, where these tell them apart."""
    from mubench_gen.interpolation.sweep.sweep import short_name

    short = {name: short_name(name) for name in names}
    return short if len(set(short.values())) == len(names) else dict(zip(names, names, strict=True))


def _scored(score: HalfScore) -> str:
    from mubench_gen.console.numbers import interval, percent

    return f"{percent(score.accuracy)} ({interval(score.ci95)})"


def _gained(gain: GainOver) -> str:
    from mubench_gen.console.numbers import number_format, signed

    ends = number_format(in_percent=True).signed_interval(gain.ci95)
    return f"{signed(gain.difference)} ({ends})"
