"""`mubench-gen sweep`: which α between a base and its fine-tune is best?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.cli.help_texts import Sectioned
from mubench_gen.cli.options.inference import adjust_option
from mubench_gen.cli.options.merging import (
    base_option,
    density_option,
    epsilon_option,
    finetuned_option,
    gamma_option,
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
from mubench_gen.cli.options.user_path import PATH
from mubench_gen.errors import SettingError
from mubench_gen.plan.options import OPTIONS

if TYPE_CHECKING:
    from mubench_gen.scores.joint import Adjust

_EXAMPLES = """
\b
Examples:
  mubench-gen sweep --plugin tiny --base clip --finetuned clip-finetuned --alpha 0:1:0.1 \\
      --in-domain demo-texture,demo-blood,demo-bacteria
  mubench-gen sweep --plugin clip --base openai/clip-vit-base-patch32 --finetuned vinid/plip \\
      --alpha 0:1:0.1 --in-domain 'kather*' --data ubench --html sweep.html
  mubench-gen sweep --plugin tiny --finetuned llava-finetuned --alpha 0,0.3,0.6,1 \\
      --in-domain demo-texture --engine vllm
  mubench-gen sweep --plugin tiny --base clip --finetuned clip-finetuned \\
      --in-domain demo-texture --include 'vision_*'                   the vision tower alone
  mubench-gen sweep --plugin tiny --base clip --finetuned clip-finetuned \\
      --in-domain demo-texture --method linear,ties,dare-ties --density 0.3   which method, which α
  mubench-gen sweep --plugin clip --base BASE --finetuned ONE,TWO \\
      --in-domain 'kather*' --method ties,model-stock                 two fine-tunes in one
  mubench-gen sweep --plugin tiny --base clip --finetuned clip-finetuned \\
      --in-domain demo-texture --method outputs                       answers, not weights
  mubench-gen sweep --plugin tiny --finetuned llava-finetuned --in-domain demo-texture \\
      --prompt paper,letter,plain           does the best α depend on the prompt?
  mubench-gen sweep --plugin tiny --base clip --finetuned clip-finetuned \\
      --in-domain demo-texture --axis transform=none,blur:1-3,jpeg:3       robustness along α
  mubench-gen sweep --study paper-interpolation --pair plip
  mubench-gen report --forgetting sweeps/tiny-clip-finetuned-1a2b3c4d

\b
The same command again resumes; α may be added. Exit code 0: all done; 2: something to fix;
3: some items failed.
"""
_OWN = {
    "The sweep": (
        "--study", "--pair", "--plugin", "--base", "--finetuned", "--alpha", "--in-domain",
        "--prompt", "--axis", "--budget", "--method", "--weights", "--density", "--gamma",
        "--epsilon", "--t3", "--include", "--exclude", "--missing", "--accept-vocabulary",
        "--adjust", "--run-dir", "--html", "--svg", "--plan", "--json",
    )
}  # fmt: skip
_NOT_SHARED = {"plugin", "model", "run_dir", "reuse", "shard", "metric", "prompt"}
_SHARED = [name for name in OPTIONS if name not in _NOT_SHARED]


@click.command(
    "sweep",
    cls=Sectioned,
    sections=headings(_OWN),
    few=few(*_OWN["The sweep"]),
    epilog=_EXAMPLES,
    no_args_is_help=True,
)
@click.option(
    "--study",
    metavar="NAME|FILE",
    help="Tasks, parts and published points: paper-interpolation (the merging of μ-Bench's paper), "
    "or a TOML file.",
)
@click.option(
    "--pair",
    metavar="NAME",
    help="The models of --study paper-interpolation by name: quiltnet, plip, tiny.",
)
@setting_option("plugin", multiple=False)
@base_option
@finetuned_option("The fine-tune, a model of the plugin, or several.")
@click.option(
    "--alpha",
    "alphas",
    multiple=True,
    metavar="A[,A…]|START:STOP:STEP",
    help="Positions between base (0) and fine-tune (1), as in merge. [0:1:0.1]",
)
@click.option(
    "--in-domain",
    multiple=True,
    metavar="TASKS",
    help="The tasks that the fine-tune was trained for, as in --tasks.",
)
@setting_option(
    "prompt", help="Prompts; of several, which α is best under each. [paper, or caption]"
)
@click.option(
    "--axis",
    multiple=True,
    metavar="KEY=V1,V2",
    help="Ask every α under each value of a setting of prompts, images or sampling, as in ablate: "
    "transform=none,blur:1-5, labels='A),1.', control=none,shuffled.",
)
@click.option(
    "--budget",
    type=click.IntRange(min=1),
    metavar="N",
    help="Ask at most N answers, where they decide which α is the best (sequential halving), and "
    "compare that with the ends on other images.",
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    default=("linear",),
    metavar="NAME[,NAME…]",
    help="How weights are mixed, as in merge: linear, slerp, lines, task-arithmetic, ties, "
    "dare-ties, della …; any other name lists all by kind. Of several each is asked at every α. "
    "outputs, outputs-logits: answers are mixed, not weights, and the two ends alone are asked. "
    "[linear]",
)
@click.option(
    "--weights",
    metavar="W,W…",
    help="One for each fine-tune, as in merge. [1 each]",
)
@density_option
@gamma_option
@epsilon_option
@click.option(
    "--t3",
    default="",
    metavar="gamma=G,min=A,max=B",
    help="With --method outputs: how T³ weighs the base by the divergence of two answers, from A "
    "to B. [gamma=0.5,min=0,max=1]",
)
@click.option(
    "--include", multiple=True, metavar="GLOB", help="Move only these tensors, as in merge."
)
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Leave these tensors as the base has them."
)
@missing_option
@vocabulary_option
@adjust_option
@setting_option(
    "run_dir",
    "--sweep-dir",
    help="The sweep's folder, with a run folder alpha-A for each α. [sweeps/ID]",
)
@click.option(
    "--html",
    type=PATH,
    metavar="FILE",
    help="Also write the figure and the tables as one HTML file.",
)
@click.option(
    "--svg",
    type=PATH,
    metavar="FILE",
    help="Also write the figure alone.",
)
@click.option(
    "--plan",
    "--dry-run",
    "planning",
    is_flag=True,
    help="Ask nothing: print how many items each α would take, by condition.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@config_option
@setting_options(*_SHARED)
def command(
    config: Path | None,
    study: str | None,
    pair: str | None,
    base: str | None,
    finetuned: tuple[str, ...],
    alphas: tuple[str, ...],
    in_domain: tuple[str, ...],
    axis: tuple[str, ...],
    budget: int | None,
    methods: tuple[str, ...],
    weights: str | None,
    density: float | None,
    gamma: float | None,
    epsilon: float | None,
    t3: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    missing: str,
    accept_vocabulary: bool,
    adjust: Adjust,
    html: Path | None,
    svg: Path | None,
    planning: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    """Evaluate weights between a base and its fine-tunes, every α on the same items.

    One process changes the weights: in place on transformers; on vLLM it reloads them and
    empties the caches. The other options are those of eval.
    """
    from mubench_gen.ablation.axes import table_of
    from mubench_gen.cli.sweep_outputs import OutputFlags, check_flags, mixes_outputs, sweep_outputs
    from mubench_gen.cli.views.sweep import ShownSweep, finish, show_plan, title_of
    from mubench_gen.console.stdout import results_only
    from mubench_gen.interpolation.merge.given import weights_of
    from mubench_gen.interpolation.merge.methods import Sparse
    from mubench_gen.interpolation.sweep.conditions.conditions import SweepKeys
    from mubench_gen.interpolation.sweep.recipes import make_recipes
    from mubench_gen.interpolation.sweep.study import asked
    from mubench_gen.interpolation.sweep.sweep import open_sweep, run_sweep
    from mubench_gen.plan.sources import gather
    from mubench_gen.plugins.registry import Plugins
    from mubench_gen.report.html.write_page import check_page_path

    if html is not None:
        check_page_path(html)
    if svg is not None:
        check_page_path(svg, flag="--svg", suffixes=(".svg",))
    gathered = gather(flags, config, SweepKeys)
    values = dict(gathered.values)
    axes = {**values.pop("axis", {}), **table_of(axis)}
    finetuned, shown = names_of(finetuned), ShownSweep(html, svg, as_json)
    inside = [part for text in in_domain for part in text.split(",") if part]
    command_line = gathered.command(["mubench-gen", *sys.argv[1:]])
    names = [name for text in methods for name in text.split(",") if name.strip()]
    if mixes_outputs(names):
        of_weights = {
            "--weights": weights, "--density": density, "--gamma": gamma, "--epsilon": epsilon,
            "--include": include, "--exclude": exclude, "--missing": missing != "refuse",
            "--accept-vocabulary": accept_vocabulary,
        }  # fmt: skip
        check_flags(names, finetuned, of_weights, {"--axis": axes or None, "--budget": budget})
        given = OutputFlags(names[0], t3, base, finetuned, alphas, inside, study, pair)
        return sweep_outputs(
            given, values, flags, command_line, adjust=adjust, planning=planning, shown=shown
        )
    if t3:
        raise SettingError("--t3 is of outputs: give it with --method outputs.")
    meant = asked(
        values,
        study=study,
        pair=pair,
        base=base,
        finetuned=finetuned,
        in_domain=inside,
        alphas=alphas,
    )
    recipes = make_recipes(
        meant.alphas,
        methods=names,
        sparse=Sparse(density, gamma, epsilon),
        each=() if weights is None else weights_of(weights),
        seed=meant.settings.seed,
        include=include,
        exclude=exclude,
        keep_base=missing == "keep-base",
    )
    with results_only():
        sweep = open_sweep(
            meant.settings,
            base=meant.base,
            finetuned=meant.finetuned,
            recipes=recipes,
            in_domain=meant.in_domain,
            plugins=Plugins(),
            accept_vocabulary=accept_vocabulary,
            study=meant.study,
            axis=axes,
            budget=budget,
        )
        result = None
        if not planning:
            result = run_sweep(sweep, command_line, adjust=adjust, progress=True)
    if result is None:
        return show_plan(sweep, as_json=as_json)
    return finish(result, title_of(result), shown, by=result.by_condition, search=result.search)
