"""Debiased read-outs as a table, of a run and of a study."""

from __future__ import annotations

from mubench_gen.console.formats import TextTable
from mubench_gen.console.numbers import ADJUSTED, Shares, p_value, percent, signed
from mubench_gen.scores.debias import Debiasing, methods_told
from mubench_gen.scores.joint import Adjust


def debias_table(found: Debiasing, how: Adjust, name: str = "") -> TextTable:
    """Accuracy before and after each method."""
    told = [
        "P of the paired test that a method changes the accuracy. No method saw the right answers.",
        *methods_told(found),
    ]
    shown = Shares()
    rows = [
        [one.method, f"{one.items:,}", percent(one.before), percent(one.after),
         signed(one.difference), shown.signed_interval(one.ci95), p_value(one.p_adjusted),
         percent(one.changed), percent(one.bias_before), percent(one.bias_after)]
        for one in found.methods
    ]  # fmt: skip
    p = ADJUSTED["holm" if how == "maxt" else how]
    return TextTable(
        f"{name}: " * bool(name) + "debiased read-outs, accuracy in %",
        ["method", "items", "before", "after", "difference", "95 % CI", p,
         "answers changed", "position bias before", "after"],
        [rows],
        told,
    )  # fmt: skip
