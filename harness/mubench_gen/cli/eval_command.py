"""`mubench-gen eval`: the main job."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mubench_gen.cli.help_texts import Sectioned
from mubench_gen.cli.options.metric import chosen
from mubench_gen.cli.options.settings import few, headings, setting_options
from mubench_gen.cli.options.user_path import PATH
from mubench_gen.plan.options import OPTIONS

_EXAMPLES = """
\b
Examples:
  mubench-gen eval --plugin tiny
  mubench-gen eval --plugin tiny --model clip --tasks coarse --limit 50
  mubench-gen eval --plugin tiny --prompt letter --prompt-set labels=1 --readout logprob
  mubench-gen eval --model OWNER/NAME              any checkpoint of the hub, or a folder
  mubench-gen eval --plugin ./my_model.py --data path/to/data --json
  mubench-gen eval --plugin tiny --protocol olmo-eval      asked and counted as by another tool
  mubench-gen eval --plugin echo,tiny --control shuffled --run-dir runs/controls
  mubench-gen eval --config runs/tiny-llava-1a2b3c4d/manifest.json --fresh   the same again
  mubench-gen eval --plugin tiny --shard 2/5       one of five processes; then `data join`
  mubench-gen eval --plugin tiny --plan --rate 40 --gpus 8       what it would take

\b
The same command again resumes: finished items are never asked twice, failed ones are
tried again. Exit code 0: all done; 2: something to fix; 3: some items failed.
"""
_PLANNING = (
    "--plan",
    "--rate",
    "--gpus",
    "--image-tokens",
    "--reply-tokens",
    "--pilot",
    "--width",
    "--accuracy",
    "--correlation",
)


@click.command(
    "eval",
    cls=Sectioned,
    sections={**headings(), "Instead of a run": _PLANNING},
    few=few("--plan"),
    epilog=_EXAMPLES,
)
@setting_options(*OPTIONS)
@click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    help="TOML file with any of these settings, or a run's manifest.json; flags override it.",
)
@click.option(
    "--plan", "planning", is_flag=True, help="Ask nothing: estimate requests, tokens and bytes."
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="With --plan: requests per second and GPU.",
)
@click.option("--gpus", type=click.IntRange(min=1), metavar="N", help="With --plan: GPUs. [1]")
@click.option(
    "--image-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --plan: tokens per image. [the checkpoint's, or 576]",
)
@click.option(
    "--reply-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --plan: tokens per reply. [max_tokens / 8]",
)
@click.option(
    "--pilot", type=PATH, metavar="RUN", help="With --plan: take the variances from this run."
)
@click.option(
    "--width",
    type=click.FloatRange(min=0, min_open=True, max=100),
    metavar="POINTS",
    help="With --plan: the 95 % interval that is wanted, from end to end. [5]",
)
@click.option(
    "--accuracy",
    type=click.FloatRange(min=0, max=100),
    metavar="PERCENT",
    help="With --plan, without a pilot: what is assumed. [50, the widest]",
)
@click.option(
    "--correlation",
    type=click.FloatRange(min=0, max=1),
    metavar="R",
    help="With --plan, without a pilot: of two items of an image. [0.3]",
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
    pilot: Path | None,
    width: float | None,
    accuracy: float | None,
    correlation: float | None,
    **flags: Any,
) -> int:
    """Evaluate a model: ask, read the answers, score."""
    from mubench_gen.cli.views.board import summaries_document
    from mubench_gen.cli.views.eval_end import note_next, show_end, summary_of
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.stdout import results_only
    from mubench_gen.errors import SettingError
    from mubench_gen.plan.from_manifest import check_secrets
    from mubench_gen.plan.sources import gather

    found = gather(flags, config)
    given = dict(found.values)
    if config is not None:
        check_secrets(given, str(config))
    names = _names(given.pop("plugin", ())) or [plugin_of_settings(given)]
    assumed = {"rate": rate, "gpus": gpus, "image_tokens": image_tokens}
    assumed = {k: v for k, v in {**assumed, "reply_tokens": reply_tokens}.items() if v is not None}
    wanted = {
        "pilot": pilot,
        "width": None if width is None else width / 100,
        "accuracy": None if accuracy is None else accuracy / 100,
        "correlation": correlation,
    }
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if planning:
        return _plan(names, given, assumed, wanted, as_json=as_json)
    if assumed or wanted:
        flag = next(iter({**assumed, **wanted})).replace("_", "-")
        raise SettingError(f"--{flag} is only for --plan: give that too.")
    with results_only():
        runs = _evaluate(names, given, found.command(["mubench-gen", *sys.argv[1:]]))
    metrics = chosen(_names(given.get("metric", ())))
    if as_json:
        summaries = [summary_of(run, metrics) for run in runs]
        print_json(summaries_document(runs, summaries))
    else:
        show_end(runs, metrics)
    note_next(runs)
    return 3 if any(run.scores.n_errors for run in runs) else 0


def _names(plugin: Any) -> list[str]:
    values = [plugin] if isinstance(plugin, str) else plugin
    return list(
        dict.fromkeys(name.strip() for v in values for name in v.split(",") if name.strip())
    )


def plugin_of_settings(given: dict[str, Any]) -> str:
    """The plugin of the model that is given without one."""
    from mubench_gen.console.notes import note
    from mubench_gen.errors import SettingError
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plan.which_plugin import plugin_of
    from mubench_gen.plugins.registry import Plugins

    model = given.get("model")
    if model is None or given.get("base_url"):
        raise SettingError(
            "Which model? Give --plugin NAME; `mubench-gen plugins` lists them. For a checkpoint, "
            "--model ID or FOLDER is enough."
        )
    options = make_settings({"plugin": "", "options": given.get("options")}).options
    name = plugin_of(str(model), given.get("revision"), Plugins(), base=options.get("base"))
    note(f"{model} is opened by the plugin {name}.")
    return name


def _plan(
    names: list[str],
    given: dict[str, Any],
    assumed: dict[str, Any],
    wanted: dict[str, Any],
    *,
    as_json: bool,
) -> int:
    from mubench_gen.cli.views.plan import plan_of_pilot, print_estimates, print_sample_plan
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.stdout import results_only
    from mubench_gen.plan.plan import make_plan
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plugins.registry import Plugins
    from mubench_gen.runs.cost_estimate import estimate
    from mubench_gen.runs.sample_plan import plan_from_assumptions

    with results_only():
        chosen = [make_settings({"plugin": name, **given}) for name in names]
        pilot = plan_of_pilot(cluster=chosen[0].cluster, **wanted) if "pilot" in wanted else None
        estimates = []
        for settings in chosen:
            plan = make_plan(settings, Plugins(), with_weights=False)
            try:
                estimates.append(estimate(plan, **assumed))
            finally:
                plan.model.close()
    samples = [pilot or plan_from_assumptions(x.items, x.images, **wanted) for x in estimates]
    if as_json:
        found = [
            {**one.as_dict(), "sample": sample.as_dict()}
            for one, sample in zip(estimates, samples, strict=True)
        ]
        print_json(found[0] if len(found) == 1 else {"plans": found})
    else:
        print_estimates(estimates)
        print_sample_plan(samples[0])
    return 0


def _evaluate(names: list[str], given: dict[str, Any], typed: Sequence[str]) -> list[Any]:
    from collections import Counter

    from mubench_gen.errors import SettingError
    from mubench_gen.plan.plan import make_plan
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
            runs.append(run_plan(plan, typed, progress=True))
        finally:
            plan.model.close()
    return runs
