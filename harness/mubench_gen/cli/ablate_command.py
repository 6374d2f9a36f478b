"""`mubench-gen ablate`: how far does the prompt move the score?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from mubench_gen.cli.metric_option import metric_option
from mubench_gen.console.outlet import tell

_EXAMPLES = """
\b
Examples:
  mubench-gen ablate --plugin tiny --prompt paper,letter,plain --labels 'A),1.' --limit 50
  mubench-gen ablate --plugin tiny --model llava,llava-finetuned --prompt paper,letter
  mubench-gen ablate --plugin tiny --orders given,reversed --image before,after --shots 0,2
  mubench-gen ablate --plugin tiny --model clip --prompt caption,caption-0,micrograph
  mubench-gen ablate --config grid.toml --dry-run       how much would that be?
  mubench-gen ablate --config grid.toml --budget 5000   a part of it, and an estimate of all

\b
grid.toml, every axis a list:
  plugin = ["tiny"]
  prompt = ["paper", "letter"]
  labels = ["A)", "1."]
  system = ["", "You are an expert in microscopy."]
  shots = [0, 2]
  limit = 100

\b
The same command again resumes. Exit code 0: all done; 2: something to fix; 3: some items failed.
"""
_AXES = ("plugin", "model", "prompt", "labels", "orders", "system", "image", "readout", "shots",
         "budget")  # fmt: skip


@click.command("ablate", epilog=_EXAMPLES, no_args_is_help=True)
@click.option("--plugin", multiple=True, metavar="NAME", help="Model plugin: a name or a .py file.")
@click.option(
    "--model",
    multiple=True,
    metavar="NAMES",
    help="Models of the plugin; PLUGIN=MODEL with several plugins. [its first]",
)
@click.option(
    "--prompt", multiple=True, metavar="NAMES", help="Axis: prompt styles. [paper, or caption]"
)
@click.option("--labels", multiple=True, metavar="STYLES", help="Axis: label styles: A) a. (1) i")
@click.option(
    "--orders",
    multiple=True,
    metavar="ORDERS",
    help="Axis: orders of the options: given, reversed, shuffled, cyclic:K, random:K, all",
)
@click.option(
    "--system", multiple=True, metavar="TEXT", help='Axis: system prompts, a flag each; "": none.'
)
@click.option("--image", multiple=True, metavar="PLACES", help="Axis: image before, after the text")
@click.option(
    "--readout", multiple=True, metavar="NAMES", help="Axis: parse, choice, logprob. [the first]"
)
@click.option(
    "--shots",
    multiple=True,
    metavar="NUMBERS",
    help="Axis: worked examples before the question: 0,2,4; of images that are not asked.",
)
@click.option(
    "--budget",
    type=int,
    metavar="N",
    help="Ask N (item, cell) pairs of each model and estimate the whole grid.",
)
@click.option("--dry-run", is_flag=True, help="Say how much would be asked, and ask nothing.")
@click.option("-o", "options", multiple=True, metavar="K=V", help="An option, as in eval.")
@click.option("--data", metavar="NAME|PATH", help="demo, ubench or a path. [demo]")
@click.option("--partial", is_flag=True, default=None, help="Leave damaged files of the data out.")
@click.option("--allow-outside", is_flag=True, default=None, help="As in eval.")
@click.option("--licenses", multiple=True, metavar="NAMES", help="Rows under these alone.")
@click.option(
    "--tasks", multiple=True, metavar="NAMES", help="Names, groups, tags, globs, files. [all]"
)
@click.option(
    "--prompt-set", multiple=True, metavar="K=V", help="A setting of the prompts in every cell."
)
@click.option("--image-set", multiple=True, metavar="K=V", help="Microscope files, as in eval.")
@click.option("--engine", metavar="NAME", help="What runs a checkpoint, as in eval.")
@click.option("--base-url", multiple=True, metavar="URL", help="The server to ask.")
@click.option("--ray-address", metavar="ADDR", help="The cluster of --engine ray, as in eval.")
@click.option(
    "--max-requests", type=int, metavar="N", help="Stop, resumable, after N requests of a model."
)
@click.option("--deterministic", is_flag=True, default=None, help="Equal replies, as in eval.")
@click.option("--judge", metavar="NAME", help="Plugin whose judge reads what no rule could.")
@metric_option
@click.option("--control", metavar="NAME", help="blind: no image; shuffled: another item's image.")
@click.option("--limit", type=int, metavar="N", help="Items a task, a seeded sample. [all]")
@click.option("--seed", type=int, metavar="N", help="Seed of everything that is drawn. [0]")
@click.option("--repeats", type=int, metavar="N", help="How often each request is asked. [1]")
@click.option("--temperature", type=float, metavar="T", help="0 is greedy. [0]")
@click.option("--max-tokens", type=int, metavar="N", help="Longest reply. [the prompt's own]")
@click.option("--device", metavar="NAME", help="auto, cpu, cuda, mps. [auto]")
@click.option("--dtype", metavar="NAME", help="auto, float32, bfloat16, float16. [auto]")
@click.option("--revision", metavar="REV", help="The checkpoint's revision on the hub.")
@click.option("--trust-remote-code", is_flag=True, default=None, help="As in eval.")
@click.option("--batch-size", type=int, metavar="N", help="Requests (or images) a batch.")
@click.option("--timeout", type=float, metavar="S", help="Seconds that one call may take. [600]")
@click.option("--keep-embeddings", is_flag=True, default=None, help="As in eval.")
@click.option(
    "--run-dir",
    "--study-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The study's folder. [studies/ID]",
)
@click.option("--fresh", is_flag=True, default=None, help="Start another of the same settings.")
@click.option(
    "--reuse",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Take replies to equal requests from this run or study.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="TOML file of any of these, every axis a list; flags win.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(config: Path | None, as_json: bool, dry_run: bool, **flags: Any) -> int:
    """Ask a grid of prompts, and say what the score depends on.

    The grid is the product of its axes: prompts, label styles, orders of the options, system
    prompts, the image's place, read-outs, numbers of worked examples.
    """
    from mubench_gen.ablation.grid import StudySettings, make_study_settings
    from mubench_gen.ablation.study import open_study, run_study, surveys
    from mubench_gen.ablation.survey import described
    from mubench_gen.cli.ablate_view import show
    from mubench_gen.cli.tables import print_json
    from mubench_gen.console.progress import log
    from mubench_gen.console.stdout import results_only
    from mubench_gen.plan.settings import joined, make_settings, read_config
    from mubench_gen.plugins.registry import Plugins

    stored = read_config(config, StudySettings) if config is not None else {}
    given = joined(stored, {k: v for k, v in flags.items() if v not in (None, (), [])})
    axes = make_study_settings({name: given.pop(name, None) for name in _AXES})
    where = {name: given.pop(name, None) for name in ("run_dir", "fresh", "reuse")}
    places = make_settings({"plugin": "", **where})
    with results_only():
        study = open_study(
            axes,
            given,
            Plugins(),
            folder=places.run_dir,
            fresh=places.fresh,
            reuse=places.reuse,
        )
        found = surveys(study)
        log(
            f"Study {study.folder}: {_counted(len(study.grid.cells), 'cell')}, "
            f"{_counted(len(found), 'model')}."
        )
        for one in found:
            log(described(one))
        if dry_run:
            result = None
        else:
            result = run_study(study, found, ["mubench-gen", *sys.argv[1:]], progress=True)
    document = {"study_dir": str(study.folder), "grid": study.grid.as_dict(),
                "cells": len(study.grid.cells)}  # fmt: skip
    if result is None:
        from dataclasses import asdict

        if as_json:
            print_json({**document, "surveys": [asdict(one) for one in found]})
        return 0
    if as_json:
        print_json({**document, **result.as_dict()})
    else:
        show(result)
    tell(f"Study folder: {study.folder}")
    return 3 if result.n_errors else 0


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
