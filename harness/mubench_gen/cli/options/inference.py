"""The flags of what several differences together say: `--adjust` and `--margin`."""

from __future__ import annotations

import click

from mubench_gen.console.numbers import ADJUSTED

_EXPLAINED = {
    "maxt": "p (max-T) is adjusted by the step-down test of the largest statistic, by draws that "
    "know how much the differences have in common, for",
    "holm": "p (Holm) is adjusted for",
    "bh": "p (BH) bounds the share of false discoveries (Benjamini & Hochberg) among",
    "none": "p (unadjusted) is not adjusted for",
}

adjust_option = click.option(
    "--adjust",
    type=click.Choice(tuple(ADJUSTED)),
    default="maxt",
    help="How p is adjusted for many differences: maxt (max-T), holm, bh, none. [maxt]",
)
margin_option = click.option(
    "--margin",
    type=click.FloatRange(min=0, min_open=True, max=100, max_open=True),
    metavar="POINTS",
    help="The difference that does not matter: say where one is no worse by it.",
)


def explained(adjust: str, what: str) -> str:
    """A sentence on how p is adjusted; `what`: the differences of a family."""
    return f"{_EXPLAINED[adjust]} {what}."
