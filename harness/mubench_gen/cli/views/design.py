"""Prints what a study costs by level, and the effects that a fraction of a grid estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mubench_gen.cli.views.tables import print_table
from mubench_gen.console.numbers import duration
from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
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
