"""`mubench-gen sweep`: which α between a base and its fine-tune is best?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.cli.help_texts import Sectioned
from mubench_gen.cli.inference_options import adjust_option
from mubench_gen.cli.setting_options import few, headings, setting_option, setting_options
from mubench_gen.cli.user_path import PATH
from mubench_gen.console.notes import note
from mubench_gen.console.outlet import say
from mubench_gen.errors import SettingError
from mubench_gen.plan.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mubench_gen.interpolation.sweep.frontier import Frontier
    from mubench_gen.interpolation.sweep.opened import Sweep, SweepResult
    from mubench_gen.interpolation.sweep.output_sweep import OutputResult
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
  mubench-gen sweep --plugin clip --base BASE --finetuned ONE --finetuned TWO \\
      --in-domain 'kather*' --method ties,model-stock                 two fine-tunes in one
  mubench-gen sweep --plugin tiny --base clip --finetuned clip-finetuned \\
      --in-domain demo-texture --method outputs                       answers, not weights
  mubench-gen sweep --study paper-interpolation --pair plip
  mubench-gen report --forgetting sweeps/tiny-clip-finetuned-1a2b3c4d

\b
The same command again resumes; α may be added. Exit code 0: all done; 2: something to fix;
3: some items failed.
"""
_OWN = {
    "The sweep": (
        "--study", "--pair", "--plugin", "--base", "--finetuned", "--alpha", "--in-domain",
        "--method", "--weights", "--density", "--gamma", "--epsilon", "--t3", "--include",
        "--exclude", "--missing", "--accept-vocabulary", "--adjust", "--run-dir", "--html",
        "--svg", "--plan", "--json",
    )
}  # fmt: skip
_NOT_SHARED = {"plugin", "model", "run_dir", "reuse", "shard", "metric"}
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
@click.option("--base", metavar="MODEL", help="The base, a model of the plugin. [its first]")
@click.option(
    "--finetuned",
    multiple=True,
    metavar="MODEL",
    help="The fine-tune, a model of the plugin; may be given several times.",
)
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
@click.option(
    "--density", type=float, help="The share that ties, dare, della, breadcrumbs, sce keep."
)
@click.option("--gamma", type=float, help="The share of the largest that breadcrumbs drops.")
@click.option("--epsilon", type=float, help="By how much della's chance varies with the rank.")
@click.option(
    "--t3",
    default="",
    metavar="gamma=G,min=A,max=B",
    help="Of outputs: how T³ weighs the base by the divergence of two answers, from A to B. "
    "[gamma=0.5,min=0,max=1]",
)
@click.option(
    "--include", multiple=True, metavar="GLOB", help="Move only these tensors, as in merge."
)
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Leave these tensors as the base has them."
)
@click.option(
    "--missing",
    type=click.Choice(["refuse", "keep-base"]),
    default="refuse",
    help="What becomes of tensors that the fine-tune lacks, as in merge. [refuse]",
)
@click.option(
    "--accept-vocabulary", is_flag=True, help="Continue although the tokenizers' tokens differ."
)
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
    "--plan", "planning", is_flag=True, help="Ask nothing: print how many items each α would take."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    help="TOML file with any of the settings; flags override it.",
)
@setting_options(*_SHARED)
def command(
    config: Path | None,
    study: str | None,
    pair: str | None,
    base: str | None,
    finetuned: tuple[str, ...],
    alphas: tuple[str, ...],
    in_domain: tuple[str, ...],
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
    from mubench_gen.cli.sweep_outputs import Given, check_flags, mixes_outputs, opened
    from mubench_gen.console.stdout import results_only
    from mubench_gen.interpolation.merge.methods import Sparse
    from mubench_gen.interpolation.merge.said import weights_of
    from mubench_gen.interpolation.sweep.output_sweep import run_outputs
    from mubench_gen.interpolation.sweep.recipes import make_recipes
    from mubench_gen.interpolation.sweep.study import asked
    from mubench_gen.interpolation.sweep.sweep import open_sweep, run_sweep
    from mubench_gen.plan.sources import gather
    from mubench_gen.plugins.registry import Plugins
    from mubench_gen.report.html.place import check_page_path

    if html is not None:
        check_page_path(html)
    if svg is not None:
        check_page_path(svg, flag="--svg", suffixes=(".svg",))
    gathered = gather(flags, config)
    inside = [part for text in in_domain for part in text.split(",") if part]
    command_line = gathered.command(["mubench-gen", *sys.argv[1:]])
    names = [name for text in methods for name in text.split(",") if name.strip()]
    if mixes_outputs(names):
        of_weights = {
            "--weights": weights, "--density": density, "--gamma": gamma, "--epsilon": epsilon,
            "--include": include, "--exclude": exclude, "--missing": missing != "refuse",
            "--accept-vocabulary": accept_vocabulary,
        }  # fmt: skip
        check_flags(names, finetuned, of_weights)
        given = Given(names[0], t3, base, finetuned, alphas, inside, study, pair)
        with results_only():
            outputs = opened(given, gathered.values, flags)
            mixed = None
            if not planning:
                mixed = run_outputs(outputs, command_line, adjust=adjust, progress=True)
        if mixed is None:
            outputs.close()
            return _show_plan("α", outputs.folder, outputs.planned(), as_json=as_json)
        return _finish(mixed, outputs.title, html, svg, as_json=as_json)
    if t3:
        raise SettingError("--t3 is of outputs: give it with --method outputs.")
    meant = asked(
        gathered.values,
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
        )
        result = None
        if not planning:
            result = run_sweep(sweep, command_line, adjust=adjust, progress=True)
    if result is None:
        return _plan(sweep, as_json=as_json)
    return _finish(result, _title(result), html, svg, as_json=as_json)


def _finish(
    result: SweepResult | OutputResult,
    title: str,
    html: Path | None,
    svg: Path | None,
    *,
    as_json: bool,
) -> int:
    """Write and print what was found; the exit code says whether items failed."""
    from mubench_gen.cli.tables import print_json

    write_pages(result.frontier, title, html, svg)
    if as_json:
        print_json(result.as_dict())
    else:
        show(result.frontier, title)
    note(f"Sweep folder: {result.sweep.folder}")
    return 3 if result.n_errors else 0


def _plan(sweep: Sweep, *, as_json: bool) -> int:
    """Print what a sweep would ask, and ask nothing."""
    from mubench_gen.plan.items import planned

    sweep.plan.model.close()
    items = {stop.name: planned(plan) for stop, plan in sweep.plans.items()}
    head = "α" if len(sweep.recipes) == 1 else "method and α"
    return _show_plan(head, sweep.folder, items, as_json=as_json)


def _show_plan(head: str, folder: Path, items: Mapping[str, int], *, as_json: bool) -> int:
    """Print how many items each would take."""
    from mubench_gen.cli.tables import print_json, print_table

    total = sum(items.values())
    if as_json:
        print_json({"sweep_dir": str(folder), "items": items, "total": total})
        return 0
    rows = [[name, f"{n:,}"] for name, n in items.items()]
    print_table(
        [head, "items"],
        rows,
        title=f"{folder}: {total:,} items, no request was sent",
        right=[1],
    )
    return 0


def _title(result: SweepResult) -> str:
    sweep = result.sweep
    base, *finetuned = (Path(str(one.path)).name for one in (sweep.base, *sweep.finetuned))
    recipe = sweep.recipes[0]
    parts = [f"{base} → {' and '.join(finetuned)}", *(one.method for one in sweep.recipes)]
    parts += [f"only {', '.join(recipe.include)}"] if recipe.include else []
    parts += [f"without {', '.join(recipe.exclude)}"] if recipe.exclude else []
    return ", ".join(parts)


def write_pages(found: Frontier, title: str, html: Path | None, svg: Path | None) -> None:
    """Write the page, and the figure alone, where a path is given."""
    from mubench_gen.interpolation.sweep import page
    from mubench_gen.report.html.place import write_text

    if html is not None:
        write_text(html, page.page(found, title))
        note(f"Wrote {html}.")
    if svg is not None:
        write_text(svg, page.figure(found).content("svg").decode(), flag="--svg")
        note(f"Wrote {svg}.")


def show(found: Frontier, title: str) -> None:
    """Print the tables of a sweep."""
    from mubench_gen.cli.tables import print_table
    from mubench_gen.console.outlet import printable
    from mubench_gen.interpolation.sweep.page import (
        each_heads,
        each_rows,
        ends_rows,
        head,
        part_heads,
        part_rows,
        task_rows,
    )
    from mubench_gen.interpolation.sweep.sentences import explained, finetuned_name

    rows = ends_rows(found)
    print_table(
        [head(found), "in-domain", "rest", "mean", "in-domain", "rest", "mean"],
        [row[:7] for row in rows],
        title=f"{title}: accuracy in %, then the gain over the base in points",
        right=range(7),
    )
    print_table(
        [head(found), "in-domain", "rest", "mean"],
        [[row[0], *row[7:]] for row in rows],
        title=f"Gain over {finetuned_name(found)} in points",
        right=range(4),
    )
    if found.finetunes:
        print_table(
            each_heads(found),
            each_rows(found),
            title="Gain of the mean over each fine-tune in points",
            right=range(len(found.finetunes) + 1),
        )
    if found.parts:
        print_table(
            part_heads(found),
            part_rows(found),
            title="Accuracy by part in %",
            right=range(2, len(found.parts) + 2),
        )
    print_table(
        ["task (*: in-domain)", "items", *map(found.spoken, found.names)],
        task_rows(found),
        title="Accuracy by task in %",
        right=range(1, len(found.names) + 2),
    )
    for line in (*explained(found), *(f"Note: {text}." for text in found.notes)):
        say(printable(line))
