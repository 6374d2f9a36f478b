"""`sweep` under conditions and with a budget: what it would ask, and its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mubench_gen.cli.tables import print_json, print_table
from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.interpolation.sweep.halving import Search
    from mubench_gen.interpolation.sweep.opened import Sweep
    from mubench_gen.interpolation.sweep.under import ByCondition


def show_plan(sweep: Sweep, *, as_json: bool) -> int:
    """Print what a sweep would ask, and ask nothing."""
    sweep.plan.model.close()
    each = sweep.conditions.counts()
    items = {stop.name: sum(each.values()) for stop in sweep.plans}
    whole = sum(items.values())
    total = whole if sweep.budget is None else min(whole, sweep.budget)
    varied = sweep.conditions.varied
    if as_json:
        told = {"conditions": each} if varied else {}
        print_json({"sweep_dir": str(sweep.folder), "items": items, **told, "total": total})
        return 0
    most = f"at most {total:,} of {whole:,}" if total < whole else f"{total:,}"
    title = f"{sweep.folder}: {most} items, no request was sent"
    if not varied:
        rows = [[alpha, f"{n:,}"] for alpha, n in items.items()]
        head = "α" if len(sweep.recipes) == 1 else "method and α"
        print_table([head, "items"], rows, title=title, right=[1])
        return 0
    rows = [[name, f"{n:,}", f"{n * len(items):,}"] for name, n in each.items()]
    print_table(["condition", "items each", "of all weights"], rows, title=title, right=[1, 2])
    say(f"{len(items):,} sets of weights: {', '.join(items)}")
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


def show_search(found: Search) -> None:
    """Print what a budget was spent on."""
    from mubench_gen.interpolation.sweep.budget_view import explained, spent_table

    table = spent_table(found)
    rows = [row for section in table.sections for row in section]
    print_table(table.columns, rows, title=table.title, right=range(1, 4))
    for line in explained(found):
        say(printable(line))
    say()
