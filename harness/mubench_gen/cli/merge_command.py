"""`mubench-gen merge`: weights between a base and its fine-tunes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from mubench_gen.cli.options.merging import density_option, epsilon_option, gamma_option
from mubench_gen.cli.options.user_path import PATH
from mubench_gen.console.outlet import say

if TYPE_CHECKING:
    from mubench_gen.interpolation.merge.inputs import MergeSettings

_EXAMPLES = """
\b
Examples:
  mubench-gen merge openai/clip-vit-base-patch32 vinid/plip --alpha 0.5 --out plip-half
  mubench-gen merge BASE FINETUNED --alpha 0:1:0.1 --out merged     folders alpha-0 … alpha-1
  mubench-gen merge BASE ONE TWO --alpha 0.5 --out soup             towards the mean of the two
  mubench-gen merge BASE FINETUNED --method task-arithmetic --alpha 1.5 --out further
  mubench-gen merge BASE ONE TWO --method ties --density 0.3 --alpha 1 --out both
  mubench-gen merge BASE ONE TWO --method fisher --statistics S1 --statistics S2 --alpha 1 --out f
  mubench-gen merge BASE ONE TWO --weights 1,0.5 --alpha 0.5 --out soup
  mubench-gen merge --recipe merge.toml --out merged                all of it from a file
  mubench-gen merge BASE FINETUNED --alpha 0.5 --include 'vision_*' --out vision-only
  mubench-gen merge BASE FINETUNED --alpha 'vision=0,text=0.5,1,*.self_attn.*=0.3' --out by-part
  mubench-gen merge Qwen2-VL-2B Qwen2-1.5B-medical --missing keep-base --alpha 0.5 --out medical
  mubench-gen merge BASE ADAPTER --alpha 0:1:0.25 --adapters --out scaled   no new weights
  mubench-gen merge BASE FINETUNED --extract-lora 16 --out lora           the nearest adapter
  mubench-gen eval --plugin clip --model merged/alpha-0.5
"""


@click.command("merge", epilog=_EXAMPLES)
@click.argument("base", required=False)
@click.argument("finetuned", nargs=-1)
@click.option(
    "--alpha",
    "alphas",
    multiple=True,
    metavar="A[,A…]|START:STOP:STEP",
    help="Position between base (0) and fine-tune (1); several are made in one pass. Also by "
    "part: vision=0.5,text=0:1:0.25,projector=1, or text=[0,0.5,1] by depth.",
)
@click.option(
    "--out",
    type=PATH,
    required=True,
    help="The new folder: the model itself, or with several α a folder alpha-A for each.",
)
@click.option(
    "--method",
    metavar="NAME",
    help="linear, slerp, lines, task-arithmetic, ties, della, sce …; any other name lists all 18 "
    "by kind. [linear]",
)
@click.option(
    "--weights",
    metavar="W,W…",
    help="One for each fine-tune, in their order, with linear, task-arithmetic, ties, dare, della "
    "and breadcrumbs. [1 each]",
)
@click.option(
    "--recipe",
    type=PATH,
    metavar="FILE",
    help="Models, method, α and weights from a file: .toml, or mergekit's .yml where it means the "
    "same.",
)
@density_option
@gamma_option
@epsilon_option
@click.option("--seed", type=int, help="Seed of the methods that draw: dare, della. [0]")
@click.option(
    "--rescale",
    type=click.Choice(["chance", "sum", "none"]),
    help="How dare and della make up for what they drop: by an element's chance, by the tensor's "
    "sum of magnitudes (as mergekit), or not. [chance]",
)
@click.option(
    "--statistics",
    multiple=True,
    type=PATH,
    metavar="FOLDER",
    help="What mubench-gen measure found of each fine-tune, in their order, with fisher, regmean.",
)
@click.option("--include", multiple=True, metavar="GLOB", help="Merge only these tensors.")
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Leave these tensors as the base has them."
)
@click.option(
    "--missing",
    type=click.Choice(["refuse", "keep-base"]),
    help="What becomes of tensors that a fine-tune lacks or has in another shape: it may be only "
    "the language model, or the vision tower. [refuse]",
)
@click.option(
    "--carry-from",
    type=click.Choice(["base", "finetuned"]),
    help="Where configuration, tokenizer, processor and chat template come from. [base]",
)
@click.option(
    "--store",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="The type of the written weights; the configuration names it. [the inputs' own]",
)
@click.option(
    "--accept-vocabulary", is_flag=True, help="Merge although the tokenizers' tokens differ."
)
@click.option(
    "--adapters",
    is_flag=True,
    help="FINETUNED is a LoRA adapter: write it scaled by α, with links to its weights.",
)
@click.option(
    "--extract-lora",
    "rank",
    type=click.IntRange(1, 1024),
    metavar="RANK",
    help="Write a LoRA adapter of that rank in place of weights: the nearest to the fine-tune.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    base: str | None,
    finetuned: tuple[str, ...],
    alphas: tuple[str, ...],
    out: Path,
    method: str | None,
    weights: str | None,
    recipe: Path | None,
    density: float | None,
    gamma: float | None,
    epsilon: float | None,
    seed: int | None,
    rescale: Literal["chance", "sum", "none"] | None,
    statistics: tuple[Path, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    missing: Literal["refuse", "keep-base"] | None,
    carry_from: Literal["base", "finetuned"] | None,
    store: str | None,
    accept_vocabulary: bool,
    adapters: bool,
    rank: int | None,
    as_json: bool,
) -> None:
    """Mix the weights of BASE and FINETUNED: (1 − α)·base + α·fine-tuned, tensor by tensor.

    Takes folders or hub ids (OWNER/NAME, OWNER/NAME@REVISION), safetensors or pickle. Writes
    safetensors that transformers and vLLM load. The same command continues an interrupted
    merge.
    """
    from mubench_gen.interpolation.merge.given import Said, together, weights_of
    from mubench_gen.interpolation.merge.recipe_reader import read_recipe

    if rank is not None:
        _check_alone(adapters=adapters, store=store, statistics=statistics, alpha=alphas,
                     weights=weights, recipe=recipe, method=method not in (None, "linear"),
                     carry_from=carry_from == "finetuned")  # fmt: skip
    if recipe is None and not finetuned:
        missed = "BASE" if base is None else "FINETUNED..."
        raise click.UsageError(f"Missing argument '{missed}' (or --recipe FILE).")
    given = Said(
        base=base,
        finetuned=finetuned or None,
        alphas=("1",) if rank is not None else alphas or None,
        method=method,
        each=None if weights is None else weights_of(weights),
        density=density,
        gamma=gamma,
        epsilon=epsilon,
        seed=seed,
        rescale=rescale,
        statistics=tuple(map(str, statistics)) or None,
        include=include or None,
        exclude=exclude or None,
        missing=missing,
        carry_from=carry_from,
        store=store,
        accept_vocabulary=accept_vocabulary or None,
    )
    settings = (given if recipe is None else together(read_recipe(recipe), given)).settings(out)
    if rank is not None:
        _extract(settings, rank, out, as_json=as_json)
    elif adapters:
        _scale(settings, out, as_json=as_json)
    else:
        _merge(settings, out, as_json=as_json)


def _extract(settings: MergeSettings, rank: int, out: Path, *, as_json: bool) -> None:
    from mubench_gen.cli.views.merge import show_extraction
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.progress import bar
    from mubench_gen.interpolation.merge.extract import extract_lora

    with bar("extract", 0) as progress:
        extraction = extract_lora(settings, rank, progress)
    if as_json:
        print_json({**extraction.as_dict(), "folder": str(out)})
    else:
        show_extraction(extraction, out)


def _scale(settings: MergeSettings, out: Path, *, as_json: bool) -> None:
    from mubench_gen.cli.views.merge import show_folders
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.interpolation.merge.merge import scale_adapter

    folders, modules = _folders(settings, out), scale_adapter(settings)
    if as_json:
        print_json({"adapter": settings.finetuned[0], "modules": modules, "folders": folders})
    else:
        say(f"lora_alpha scaled for {len(modules):,} modules, weights linked.")
        show_folders(folders)


def _merge(settings: MergeSettings, out: Path, *, as_json: bool) -> None:
    from mubench_gen.cli.views.merge import show, show_folders
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.progress import bar
    from mubench_gen.interpolation.merge.merge import merge

    folders = _folders(settings, out)
    with bar("merge", 0) as progress:
        report = merge(settings, progress)
    if as_json:
        print_json({**report.as_dict(), "folders": folders})
    else:
        show(report)
        show_folders(folders)


def _folders(settings: MergeSettings, out: Path) -> dict[str, str]:
    """The folder of each α."""
    from mubench_gen.interpolation.merge.alphas import spelled

    return {spelled(alpha): str(path) for alpha, path in settings.folders(out).items()}


def _check_alone(**given: object) -> None:
    """Refuse options that have no meaning where an adapter is extracted."""
    from mubench_gen.errors import SettingError

    for name, value in given.items():
        if value:
            raise SettingError(
                f"--{name.replace('_', '-')} does not go with --extract-lora, which writes one "
                "adapter. Scale that with mubench-gen merge BASE ADAPTER --alpha …, or sweep it."
            )
