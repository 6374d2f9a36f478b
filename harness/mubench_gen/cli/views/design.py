"""Prints what a study costs by level, and the effects that a fraction of a grid estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mubench_gen.cli.views.tables import print_table
from mubench_gen.console.numbers import duration
from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.ablation.statistics.design_effects import DesignEffect
    from mubench_gen.ablation.survey import Survey


def show_costs(found: Survey, rate: float | None) -> None:
    """Print the tokens of a model's requests, and what each level costs; with the time at `rate`
    requests a second."""
    if found.tokens is None:
        return
    read, written = found.tokens
    time = "" if rate is None else f", {duration((found.requests - found.answered) / rate)} to go"
    say(
        printable(
            f"{found.model}: about {read:,} tokens to read without a prefix cache, {written:,} to "
            f"write{time}."
        )
    )
    rows = [
        [
            one.factor,
            one.level,
            f"{one.requests:,}",
            f"{one.own:,}",
            f"{one.prefills:,}",
            f"{one.prompt_tokens:,}",
            f"{one.reply_tokens:,}",
            *([] if rate is None else [duration(one.requests / rate)]),
        ]
        for one in found.levels
    ]
    if rows:
        print_table(
            ["axis", "level", "requests", "only here", "image prefills", "tokens read", "written",
             *([] if rate is None else ["time"])],
            rows,
            title=f"{found.model}: what each level asks",
            right=range(2, 8),
        )  # fmt: skip


def show_design(found: Mapping[str, Sequence[DesignEffect]]) -> None:
    """Print the effects of each model, in points."""
    for model, effects in found.items():
        print_table(
            ["effect of", "level", "points", "95 % CI"],
            [
                [one.term, one.level, f"{100 * one.effect:+.1f}", _range(one.ci95)]
                for one in effects
            ],
            title=f"{model}: effects by least squares on the cells of the design",
            right=(2, 3),
        )


def _range(ends: tuple[float, float] | None) -> str:
    return "–" if ends is None else "{:+.1f} to {:+.1f}".format(*(100 * end for end in ends))
