"""The options of `merge`, `sweep` and `soup` that say what is merged, and how."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import click

from mubench_gen.storage.paths import user_path

base_option = click.option(
    "--base", metavar="MODEL", help="The base, a model of the plugin. [its first]"
)


def finetuned_option(text: str) -> Callable[[Any], Any]:
    """`--finetuned`: names, each given apart or several with commas."""
    return click.option("--finetuned", multiple=True, metavar="MODEL[,MODEL…]", help=text)


missing_option = click.option(
    "--missing",
    type=click.Choice(["refuse", "keep-base"]),
    default="refuse",
    help="What becomes of tensors that the fine-tune lacks, as in merge. [refuse]",
)
vocabulary_option = click.option(
    "--accept-vocabulary", is_flag=True, help="Continue although the tokenizers' tokens differ."
)
density_option = click.option(
    "--density", type=float, help="The share that ties, dare, della, breadcrumbs, sce keep."
)
gamma_option = click.option(
    "--gamma", type=float, help="The share of the largest that breadcrumbs drops."
)
epsilon_option = click.option(
    "--epsilon", type=float, help="By how much della's chance varies with the rank."
)


def names_of(given: Iterable[str]) -> tuple[str, ...]:
    """The names in texts as they are typed; the name of a file or folder may have commas."""
    found = []
    for text in given:
        whole = os.path.exists(user_path(text))
        found += [text] if whole else [part.strip() for part in text.split(",") if part.strip()]
    return tuple(found)
