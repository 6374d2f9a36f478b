"""`sweep` under conditions: what it would ask of each, and its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mubench_gen.cli.tables import print_json, print_table
from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.interpolation.sweep.sweep import Sweep
    from mubench_gen.interpolation.sweep.under import ByCondition


def show_plan(sweep: Sweep, *, as_json: bool) -> int:
    """Print what a sweep would ask, and ask nothing."""
    from mubench_gen.interpolation.sweep.frontier import named

    sweep.plan.model.close()
    each = sweep.conditions.counts()
    items = {named(alpha): sum(each.values()) for alpha in sweep.plans}
    total = sum(items.values())
    varied = sweep.conditions.varied
    if as_json:
        told = {"conditions": each} if varied else {}
        print_json({"sweep_dir": str(sweep.folder), "items": items, **told, "total": total})
        return 0
    title = f"{sweep.folder}: {total:,} items, no request was sent"
    if not varied:
        rows = [[alpha, f"{n:,}"] for alpha, n in items.items()]
        print_table(["α", "items"], rows, title=title, right=[1])
        return 0
    alphas = f"{len(items):,} α: {', '.join(items)}"
    rows = [[name, f"{n:,}", f"{n * len(items):,}"] for name, n in each.items()]
    print_table(["condition", "items an α", "of all α"], rows, title=title, right=[1, 2])
    say(alphas)
    return 0


def show_conditions(by: ByCondition) -> None:
    """Print the tables by condition, and what they answer."""
    from mubench_gen.interpolation.sweep.conditions_view import explained, tables

    for table in tables(by):
        rows = [row for section in table.sections for row in section]
        right = range(1, len(table.columns))
        print_table(table.columns, rows, title=table.title, right=right)
    for line in explained(by):
        say(printable(line))
    say()
