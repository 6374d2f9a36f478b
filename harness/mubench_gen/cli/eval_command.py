"""`mubench-gen eval`: the main job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from mubench_gen.cli.help_texts import Sectioned
from mubench_gen.cli.metric_option import chosen, metric_option
from mubench_gen.console.outlet import tell

_EXAMPLES = """
\b
Examples:
  mubench-gen eval --plugin tiny
  mubench-gen eval --plugin tiny --model clip --tasks coarse --limit 50
  mubench-gen eval --plugin tiny --prompt letter --prompt-set labels=1 --readout logprob
  mubench-gen eval --plugin ./my_model.py --data path/to/data --json
  mubench-gen eval --plugin echo,tiny --control shuffled --run-dir runs/controls
  mubench-gen eval --plugin tiny --shard 2/5       one of five processes; then `data join`
  mubench-gen eval --plugin tiny --plan --rate 40 --gpus 8       what it would take

\b
The same command again resumes: finished items are never asked twice, failed ones are
tried again. Exit code 0: all done; 2: something to fix; 3: some items failed.
"""
_SECTIONS = {
    "The model": (
        "--plugin", "--model", "-o", "--device", "--dtype", "--revision", "--trust-remote-code",
    ),
    "The questions": (
        "--data", "--partial", "--allow-outside", "--licenses", "--tasks", "--limit", "--shard",
        "--prompt", "--prompt-set", "--image-set", "--orders", "--control",
    ),
    "The answers": (
        "--readout", "--temperature", "--max-tokens", "--repeats", "--seed", "--judge", "--metric",
    ),
    "The engine": (
        "--engine", "--base-url", "--ray-address", "--batch-size", "--timeout", "--max-requests",
        "--deterministic", "--keep-embeddings",
    ),
    "The run": ("--run-dir", "--fresh", "--reuse", "--config", "--json", "--help"),
    "Instead of a run": ("--plan", "--rate", "--gpus", "--image-tokens", "--reply-tokens"),
}  # fmt: skip


@click.command("eval", cls=Sectioned, sections=_SECTIONS, epilog=_EXAMPLES)
@click.option("--plugin", multiple=True, metavar="NAME", help="Model plugin: a name or a .py file.")
@click.option("--model", metavar="NAME", help="Which of the plugin's models. [its first]")
@click.option(
    "-o",
    "options",
    multiple=True,
    metavar="K=V",
    help="Option of the plugin; engine.K=V: of the engine.",
)
@click.option("--data", metavar="NAME|PATH", help="demo, ubench or a path. [demo]")
@click.option("--partial", is_flag=True, default=None, help="Leave damaged files of the data out.")
@click.option(
    "--allow-outside",
    is_flag=True,
    default=None,
    help="Show images that lie outside of the data's folder.",
)
@click.option(
    "--licenses", multiple=True, metavar="NAMES", help="Rows under these: commercial, CC-BY*, …"
)
@click.option(
    "--tasks", multiple=True, metavar="NAMES", help="Names, groups, tags, globs, files. [all]"
)
@click.option("--prompt", multiple=True, metavar="NAMES", help="Prompt styles. [paper, or caption]")
@click.option(
    "--prompt-set",
    multiple=True,
    metavar="K=V",
    help="A setting of the prompts: labels, system, image, …",
)
@click.option(
    "--image-set",
    multiple=True,
    metavar="K=V",
    help="Microscope files: range=percentile:1:99, z=max, channels=0:green+1:red.",
)
@click.option(
    "--readout",
    multiple=True,
    metavar="NAMES",
    help="parse, choice, logprob; several at once with commas. [the model's first]",
)
@click.option(
    "--engine",
    metavar="NAME",
    help="What runs a checkpoint: transformers, vllm, vllm-server, server; ray. [the model's]",
)
@click.option(
    "--base-url",
    multiple=True,
    metavar="URL",
    help="The server to ask (--engine server), up to /v1: http://127.0.0.1:8000/v1",
)
@click.option(
    "--ray-address",
    metavar="ADDR",
    help="The cluster of --engine ray: HOST:PORT or auto. [one started here]",
)
@click.option(
    "--max-requests", type=int, metavar="N", help="Stop, resumable, after N requests. [none]"
)
@click.option(
    "--deterministic",
    is_flag=True,
    default=None,
    help="All that the engine offers for equal replies, at the price of speed.",
)
@click.option(
    "--orders", metavar="ORDERS", help="Orders of the options: cyclic:K, random:K, all, shuffled, …"
)
@click.option(
    "--judge", metavar="NAME", help="Plugin whose judge reads what no rule of the parser could."
)
@metric_option
@click.option("--control", metavar="NAME", help="blind: no image; shuffled: another item's image.")
@click.option("--limit", type=int, metavar="N", help="Items a task, a seeded sample. [all]")
@click.option(
    "--shard", metavar="I/N", help="The I-th of N parts, by image; `data join` makes one of them."
)
@click.option("--seed", type=int, metavar="N", help="Seed of everything that is drawn. [0]")
@click.option("--repeats", type=int, metavar="N", help="How often each request is asked. [1]")
@click.option("--temperature", type=float, metavar="T", help="0 is greedy. [0]")
@click.option("--max-tokens", type=int, metavar="N", help="Longest reply. [the prompt's own]")
@click.option("--device", metavar="NAME", help="auto, cpu, cuda, mps. [auto]")
@click.option("--dtype", metavar="NAME", help="auto, float32, bfloat16, float16. [auto]")
@click.option("--revision", metavar="REV", help="The checkpoint's revision on the hub.")
@click.option(
    "--trust-remote-code",
    is_flag=True,
    default=None,
    help="Run the checkpoint's code; needs a 40-digit --revision.",
)
@click.option(
    "--batch-size", type=int, metavar="N", help="Requests (or images) a batch. [the model's]"
)
@click.option(
    "--timeout",
    type=float,
    metavar="S",
    help="Seconds that one call of the model, or one request, may take. [600]",
)
@click.option(
    "--keep-embeddings",
    is_flag=True,
    default=None,
    help="Contrastive models: encode an image once for all runs (kept in the cache folder).",
)
@click.option(
    "--run-dir", type=click.Path(path_type=Path), metavar="DIR", help="The run's folder. [runs/ID]"
)
@click.option("--fresh", is_flag=True, default=None, help="Start another run of the same settings.")
@click.option(
    "--reuse",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Take replies to equal requests from this run.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="TOML file of any of these settings; flags win.",
)
@click.option("--plan", "planning", is_flag=True, help="Ask nothing: count what it would take.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="With --plan: requests a second and GPU.",
)
@click.option("--gpus", type=click.IntRange(min=1), metavar="N", help="With --plan. [1]")
@click.option(
    "--image-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --plan: tokens an image. [the checkpoint's, or 576]",
)
@click.option(
    "--reply-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --plan: tokens a reply. [an eighth of the longest]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    config: Path | None,
    as_json: bool,
    planning: bool,
    rate: float | None,
    gpus: int | None,
    image_tokens: int | None,
    reply_tokens: int | None,
    **flags: Any,
) -> int:
    """Evaluate a model: ask, read the answers, score."""
    from mubench_gen.cli.tables import print_json
    from mubench_gen.console.stdout import results_only
    from mubench_gen.errors import SettingError
    from mubench_gen.plan.settings import joined, read_config
    from mubench_gen.report.text import print_report

    stored = read_config(config) if config is not None else {}
    given = joined(stored, {k: v for k, v in flags.items() if v not in (None, (), [])})
    names = _names(given.pop("plugin", ()))
    if not names:
        raise SettingError("Which model? Give --plugin NAME; `mubench-gen plugins` lists them.")
    assumed = {"rate": rate, "gpus": gpus, "image_tokens": image_tokens}
    assumed = {k: v for k, v in {**assumed, "reply_tokens": reply_tokens}.items() if v is not None}
    if planning:
        return _plan(names, given, assumed, as_json=as_json)
    if assumed:
        flag = next(iter(assumed)).replace("_", "-")
        raise SettingError(f"--{flag} goes with --plan, which asks nothing.")
    with results_only():
        runs = _evaluate(names, given)
    metrics = chosen(_names(given.get("metric", ())))
    if as_json:
        summaries = [run.summary(measured=run.measured(metrics)) for run in runs]
        print_json(summaries[0] if len(summaries) == 1 else {"runs": summaries})
    else:
        print_report(runs, metrics=metrics)
    for run in runs:
        tell(f"Run folder: {run.dir}")
    return 3 if any(run.scores.n_errors for run in runs) else 0


def _names(plugin: Any) -> list[str]:
    values = [plugin] if isinstance(plugin, str) else plugin
    return list(
        dict.fromkeys(name.strip() for v in values for name in v.split(",") if name.strip())
    )


def _plan(
    names: list[str], given: dict[str, Any], assumed: dict[str, Any], *, as_json: bool
) -> int:
    from mubench_gen.cli.plan_view import print_estimates
    from mubench_gen.cli.tables import print_json
    from mubench_gen.console.stdout import results_only
    from mubench_gen.plan.plan import make_plan
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plugins.registry import Plugins
    from mubench_gen.runs.estimate import estimate

    with results_only():
        chosen = [make_settings({"plugin": name, **given}) for name in names]
        plans = [make_plan(settings, Plugins(), weighed=False) for settings in chosen]
        estimates = [estimate(plan, **assumed) for plan in plans]
    if as_json:
        found = [one.as_dict() for one in estimates]
        print_json(found[0] if len(found) == 1 else {"plans": found})
    else:
        print_estimates(estimates)
    return 0


def _evaluate(names: list[str], given: dict[str, Any]) -> list[Any]:
    from collections import Counter

    from mubench_gen.errors import SettingError
    from mubench_gen.plan.plan import close_model, make_plan
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plugins.registry import Plugins
    from mubench_gen.run import run_plan

    plans = [make_plan(make_settings({"plugin": name, **given}), Plugins()) for name in names]
    parent = plans[0].settings.run_dir
    if len(plans) > 1 and parent is not None:
        plans = [plan.in_folder(parent / plan.name) for plan in plans]
        twice = [name for name, n in Counter(plan.name for plan in plans).items() if n > 1]
        if twice:
            raise SettingError(
                f"Two models would share the run folder {parent / twice[0]}. Rename one of the "
                "plugins, or evaluate them one by one, each with a --run-dir of its own."
            )
    runs = []
    for plan in plans:
        try:
            runs.append(run_plan(plan, ["mubench-gen", *sys.argv[1:]], progress=True))
        finally:
            close_model(plan)
    return runs
