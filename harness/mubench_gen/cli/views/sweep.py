"""What `sweep` prints and writes: what it would ask, its tables, its page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mubench_gen.cli.views.tables import print_json, print_table
from mubench_gen.console.notes import note
from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mubench_gen.interpolation.sweep.budget.halving import Search
    from mubench_gen.interpolation.sweep.conditions.frontiers import ByCondition
    from mubench_gen.interpolation.sweep.frontier import Frontier
    from mubench_gen.interpolation.sweep.opened import Sweep, SweepResult
    from mubench_gen.interpolation.sweep.outputs.sweep import OutputResult


@dataclass(frozen=True, slots=True)
class ShownSweep:
    """How a result is shown: the page and the figure that are written, and whether as JSON."""

    html: Path | None
    svg: Path | None
    as_json: bool


def finish(
    result: SweepResult | OutputResult,
    title: str,
    shown: ShownSweep,
    *,
    by: ByCondition | None = None,
    search: Search | None = None,
) -> int:
    """Write and print what was found, by condition and with a budget where there are such results;
    the exit code says whether items failed."""
    write_pages(result.frontier, title, shown.html, shown.svg, by, search)
    if shown.as_json:
        print_json(result.as_dict())
    else:
        show(result.frontier, title, by, search)
    note(f"Sweep folder: {result.sweep.folder}")
    return 3 if result.n_errors else 0


def show_plan(sweep: Sweep, *, as_json: bool) -> int:
    """Print what a sweep would ask, and ask nothing."""
    sweep.plan.model.close()
    each = sweep.conditions.counts()
    items = {stop.name: sum(each.values()) for stop in sweep.plans}
    if not sweep.conditions.varied:
        head = "α" if len(sweep.recipes) == 1 else "method and α"
        return show_items(head, sweep.folder, items, as_json=as_json, budget=sweep.budget)
    told = _total(items, sweep.budget)
    if as_json:
        print_json({"sweep_dir": str(sweep.folder), "items": items, "conditions": each, **told})
        return 0
    rows = [[name, f"{n:,}", f"{n * len(items):,}"] for name, n in each.items()]
    title = _plan_title(sweep.folder, told)
    print_table(["condition", "items each", "of all weights"], rows, title=title, right=[1, 2])
    say(f"{len(items):,} sets of weights: {', '.join(items)}")
    return 0


def show_items(
    head: str,
    folder: Path,
    items: Mapping[str, int],
    *,
    as_json: bool,
    budget: int | None = None,
) -> int:
    """Print how many items each would take; with a budget it is asked at most so many of all."""
    told = _total(items, budget)
    if as_json:
        print_json({"sweep_dir": str(folder), "items": items, **told})
        return 0
    rows = [[name, f"{n:,}"] for name, n in items.items()]
    print_table([head, "items"], rows, title=_plan_title(folder, told), right=[1])
    return 0


def _total(items: Mapping[str, int], budget: int | None) -> dict[str, int]:
    total = sum(items.values())
    return {"total": total} if budget is None else {"total": total, "budget": min(budget, total)}


def _plan_title(folder: Path, told: Mapping[str, int]) -> str:
    most = f"at most {told['budget']:,} of " if "budget" in told else ""
    return f"{folder}: {most}{told['total']:,} items, no request was sent"


def title_of(result: SweepResult) -> str:
    """The models, the methods, and the tensors that are moved."""
    sweep = result.sweep
    base, *finetuned = (Path(str(one.path)).name for one in (sweep.base, *sweep.finetuned))
    recipe = sweep.recipes[0]
    parts = [f"{base} → {' and '.join(finetuned)}", *(one.method for one in sweep.recipes)]
    parts += [f"only {', '.join(recipe.include)}"] if recipe.include else []
    parts += [f"without {', '.join(recipe.exclude)}"] if recipe.exclude else []
    return ", ".join(parts)


def write_pages(
    found: Frontier,
    title: str,
    html: Path | None,
    svg: Path | None,
    by: ByCondition | None = None,
    search: Search | None = None,
) -> None:
    """Write the page, and the figure alone, where a path is given; `by`: by condition; `search`:
    what a budget was spent on."""
    from mubench_gen.interpolation.sweep import page
    from mubench_gen.report.html.write_page import write_text

    if html is not None:
        write_text(html, page.page(found, title, by, search))
        note(f"Wrote {html}.")
    if svg is not None:
        write_text(svg, page.figure(found).content("svg").decode(), flag="--svg")
        note(f"Wrote {svg}.")


def show(
    found: Frontier, title: str, by: ByCondition | None = None, search: Search | None = None
) -> None:
    """Print which α to take, then the tables: what a budget was spent on, those by condition where
    there are several, and those of all together."""
    from mubench_gen.cli.views.ablate import show as show_tables
    from mubench_gen.interpolation.sweep import page
    from mubench_gen.interpolation.sweep.budget.tables import spent_table
    from mubench_gen.interpolation.sweep.conditions.tables import tables
    from mubench_gen.interpolation.sweep.sentences import finetuned_name

    for line in page.answers(found, by, search):
        say(printable(line))
    say()
    if search is not None:
        show_tables([spent_table(search)])
    if by is not None:
        show_tables(tables(by))
        title = f"{title}, all conditions"
    rows = page.ends_rows(found)
    print_table(
        [page.head(found), "in-domain", "rest", "mean", "in-domain", "rest", "mean"],
        [row[:7] for row in rows],
        title=f"{title}: accuracy in %, then the gain over the base in points",
        right=range(7),
    )
    print_table(
        [page.head(found), "in-domain", "rest", "mean"],
        [[row[0], *row[7:]] for row in rows],
        title=f"Gain over {finetuned_name(found)} in points",
        right=range(4),
    )
    if found.finetunes:
        print_table(
            page.each_heads(found),
            page.each_rows(found),
            title="Gain of the mean over each fine-tune in points",
            right=range(len(found.finetunes) + 1),
        )
    if found.parts:
        print_table(
            page.part_heads(found),
            page.part_rows(found),
            title="Accuracy by part in %",
            right=range(2, len(found.parts) + 2),
        )
    print_table(
        ["task (*: in-domain)", "items", *map(found.spoken, found.names)],
        page.task_rows(found),
        title="Accuracy by task in %",
        right=range(1, len(found.names) + 2),
    )
    for line in page.explained(found):
        say(printable(line))
