"""`mubench-gen ablate`: how much does the score depend on the prompt?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.cli.help_texts import Sectioned
from mubench_gen.cli.options.inference import adjust_option
from mubench_gen.cli.options.settings import few, headings, setting_option, setting_options
from mubench_gen.cli.options.user_path import PATH
from mubench_gen.console.notes import note
from mubench_gen.console.outlet import say
from mubench_gen.plan.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mubench_gen.ablation.design import Design
    from mubench_gen.ablation.grid import StudySettings
    from mubench_gen.ablation.survey import Survey
    from mubench_gen.scores.joint import Adjust

_EXAMPLES = """
\b
Examples:
  mubench-gen ablate --plugin tiny --prompt paper,letter,plain --labels 'A),1.' --limit 50
  mubench-gen ablate --plugin tiny --model llava,llava-finetuned --prompt paper,letter
  mubench-gen ablate --plugin tiny --orders given,reversed --image before,after --shots 0,2
  mubench-gen ablate --plugin tiny --model clip --prompt caption,caption-0,micrograph
  mubench-gen ablate --plugin tiny --axis transform=none,grayscale,blur:sigma=2
  mubench-gen ablate --plugin tiny --axis temperature=0,0.7 --axis max_tokens=8,64
  mubench-gen ablate --plugin tiny --axis 'prompt.answer=["{{ label }}", "{{ label }}, surely"]'
  mubench-gen ablate --study verdict --base tiny=llava --finetuned tiny=llava-finetuned
  mubench-gen ablate --study verdict --pair plip --data ubench
  mubench-gen ablate --config grid.toml --plan       how many requests?
  mubench-gen ablate --config grid.toml --design 'main,prompt*image'   a fraction of the grid
  mubench-gen ablate --config grid.toml --budget 5000   a sample, and an estimate of the whole grid

\b
grid.toml, every axis a list:
  plugin = ["tiny"]
  prompt = ["paper", "letter"]
  labels = ["A)", "1."]
  system = ["", "You are an expert in microscopy."]
  shots = [0, 2]
  limit = 100
  [axis]                          any other setting
  temperature = [0, 0.7]
  "image.max_pixels" = [1000000, 4000000]

\b
The same command again resumes. Exit code 0: all done; 2: something to fix; 3: some items failed.
"""
_AXES = ("plugin", "model", "prompt", "labels", "orders", "system", "image", "readout", "shots",
         "axis", "budget", "design")  # fmt: skip


_OWN = {
    "The grid": (
        "--study", "--base", "--finetuned", "--pair",
        "--plugin", "--model", "--prompt", "--labels", "--orders", "--system", "--image",
        "--readout", "--shots", "--axis", "--budget", "--design", "--adjust", "--plan",
        "--rate", "--preview", "--pictures",
    )
}  # fmt: skip
_SHARED = [
    name for name in OPTIONS if name not in {*_AXES, "run_dir", "reuse", "shard", "protocol"}
]


@click.command(
    "ablate",
    cls=Sectioned,
    sections=headings(_OWN),
    few=few(*_OWN["The grid"]),
    epilog=_EXAMPLES,
    no_args_is_help=True,
)
@click.option(
    "--study",
    metavar="NAME|FILE",
    help="A study's axes: verdict (base against fine-tune), or a TOML file.",
)
@click.option("--base", metavar="PLUGIN=MODEL", help="Of --study verdict: the base.")
@click.option(
    "--finetuned",
    metavar="PLUGIN=MODEL",
    help="Of --study verdict: the fine-tune.",
)
@click.option(
    "--pair",
    metavar="NAME",
    help="Both models of --study verdict by name: llava-med, medgemma, plip, quiltnet, "
    "biomedclip, tiny.",
)
@setting_option("plugin")
@setting_option(
    "model",
    multiple=True,
    metavar="NAMES",
    help="Models of the plugin; PLUGIN=MODEL with several plugins. [its first]",
)
@setting_option("prompt", help="Axis: prompt styles. [paper, or caption]")
@click.option("--labels", multiple=True, metavar="STYLES", help="Axis: label styles: A) a. (1) i")
@setting_option(
    "orders",
    multiple=True,
    help="Axis: orders of the options: given, reversed, shuffled, cyclic:K, random:K, all.",
)
@click.option(
    "--system", multiple=True, metavar="TEXT", help='Axis: system prompts, a flag each; "": none.'
)
@click.option("--image", multiple=True, metavar="PLACES", help="Axis: image before, after the text")
@setting_option("readout", help="Axis: parse, choice, logprob, cloze. [the model's first]")
@click.option(
    "--shots",
    multiple=True,
    metavar="NUMBERS",
    help="Axis: numbers of worked examples before the question, such as 0,2,4.",
)
@click.option(
    "--axis",
    multiple=True,
    metavar="KEY=V1,V2",
    help="Axis: any setting, such as temperature, max_tokens, control, transform, image.KEY, "
    "prompt.KEY, engine.KEY, options.KEY. For values with commas repeat the flag, or give "
    "a JSON list.",
)
@click.option(
    "--budget",
    type=int,
    metavar="N",
    help="Ask each model N (item, cell) pairs and estimate the whole grid from them.",
)
@click.option(
    "--design",
    metavar="EFFECTS",
    help="Ask a fraction of the grid: for main effects (main), and chosen pairs (prompt*image,…) "
    "or all (two-way); with :N behind it N cells.",
)
@adjust_option
@click.option(
    "--plan",
    "--dry-run",
    "planning",
    is_flag=True,
    help="Ask nothing: print how many requests it would take, by axis, and what it could find.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="With --plan: requests a second, for the hours.",
)
@click.option(
    "--preview",
    type=PATH,
    metavar="FILE",
    help="Ask nothing: write what a model sees under each condition, to a .png or .html file.",
)
@click.option(
    "--pictures",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --preview: how many images, spread over the data sets. [8]",
)
@setting_options(*_SHARED)
@setting_option("run_dir", "--study-dir", help="The study's folder. [studies/ID]")
@setting_option("reuse", help="Take replies to equal requests from this run or study.")
@click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    help="TOML file of any of these, every axis a list; flags win.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    config: Path | None,
    as_json: bool,
    planning: bool,
    preview: Path | None,
    pictures: int | None,
    rate: float | None,
    adjust: Adjust,
    study: str | None,
    base: str | None,
    finetuned: str | None,
    pair: str | None,
    **flags: Any,
) -> int:
    """Evaluate a grid of settings, and report what the score depends on.

    The grid is the product of its axes: prompts, label styles, orders of the options, system
    prompts, the image's position, read-outs, numbers of worked examples, and with --axis any other
    setting of prompts, images, engine or sampling.
    """
    from dataclasses import asdict

    from mubench_gen.ablation.axes import table_of
    from mubench_gen.ablation.grid import StudySettings, make_study_settings
    from mubench_gen.ablation.opening import open_study
    from mubench_gen.ablation.shipped import with_study
    from mubench_gen.ablation.study import run_study, surveys
    from mubench_gen.ablation.survey import described
    from mubench_gen.cli.views.ablate import show
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.stdout import results_only
    from mubench_gen.errors import SettingError
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plan.sources import gather
    from mubench_gen.plugins.registry import Plugins

    axis = table_of(flags.pop("axis"))
    gathered = gather(flags, config, StudySettings)
    given = dict(gathered.values)
    given["axis"] = {**given.get("axis", {}), **axis}
    given = with_study(given, study, base, finetuned, Plugins(), pair)
    axes = make_study_settings({name: given.pop(name, None) for name in _AXES})
    if preview is not None:
        return _preview(preview, axes, given, pictures)
    if pictures is not None:
        raise SettingError("--pictures works only with --preview: give that too.")
    where = {name: given.pop(name, None) for name in ("run_dir", "fresh", "reuse")}
    places = make_settings({"plugin": "", **where})
    with results_only():
        opened = open_study(
            axes,
            given,
            Plugins(),
            folder=places.run_dir,
            fresh=places.fresh,
            reuse=places.reuse,
            has_pair=finetuned is not None or pair is not None,
        )
        found = surveys(opened)
        note(
            f"Study {opened.folder}: {_counted(len(opened.grid.cells), 'cell')}, "
            f"{_counted(len(found), 'model')}."
        )
        asks = not planning
        for line in opened.design.lines() if opened.design is not None and asks else ():
            note(line)
        for one in found if asks else ():
            note(described(one))
        typed = gathered.command(["mubench-gen", *sys.argv[1:]])
        result = run_study(opened, found, typed, adjust=adjust, progress=True) if asks else None
    document = {"study_dir": str(opened.folder), "grid": opened.grid.as_dict(),
                "cells": len(opened.grid.cells)}  # fmt: skip
    if result is None:
        if as_json:
            print_json({**document, "surveys": [asdict(one) for one in found]})
        else:
            _show_plan(opened.design, found, rate)
        return 0
    if as_json:
        print_json({**document, **result.as_dict(), **result.analysis(adjust).as_dict()})
    else:
        show(result.analysis(adjust).tables())
    note(f"Study folder: {opened.folder}")
    return 3 if result.n_errors else 0


def _preview(path: Path, axes: StudySettings, given: dict[str, Any], pictures: int | None) -> int:
    from mubench_gen.ablation import preview
    from mubench_gen.ablation.report.contact_sheet import PICTURES
    from mubench_gen.plugins.registry import Plugins
    from mubench_gen.report.preview.side_by_side import check_sheet_path, write_sheet_of

    check_sheet_path(path)
    write_sheet_of(preview.preview(axes, given, Plugins(), pictures or PICTURES), path)
    say(str(path))
    return 0


def _show_plan(design: Design | None, surveys: Sequence[Survey], rate: float | None) -> None:
    """Print what a study would ask, of each model and by axis."""
    from mubench_gen.ablation.survey import described
    from mubench_gen.cli.views.design import show_costs

    for line in design.lines() if design is not None else ():
        say(line)
    for one in surveys:
        say(described(one))
        show_costs(one, rate)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
