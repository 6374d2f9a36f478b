"""What a sweep's budget was spent on: its table and sentences."""

from __future__ import annotations

from mubench_gen.console.formats import TextTable
from mubench_gen.console.numbers import percent
from mubench_gen.interpolation.sweep.budget.halving import Search
from mubench_gen.report.html.static import html_table


def spent_table(found: Search) -> TextTable:
    """A row for each set of weights: how many answers it took, and how far it came."""
    rows = []
    for name, answers in found.answers.items():
        own = [one for one in found.rounds if name in one.alphas]
        last = own[-1]
        came = f"out after round {len(own)}"
        if name == found.chosen:
            came = "chosen"
        elif name in found.finalists:
            came += ", then compared"
        rows.append([name, f"{answers:,}", f"{last.items:,}", percent(last.means[name]), came])
    return TextTable(
        "What the budget was spent on; the mean is in % on the items that chose",
        ["α", "answers", "items", "mean", "outcome"],
        [rows],
        after=1,
    )


def answers(found: Search) -> list[str]:
    """What was asked, and what the intervals hold."""
    sizes = ", ".join(f"{len(one.alphas)}" for one in found.rounds)
    return [
        f"Budget {found.budget:,}: {found.spent:,} answers were asked. Sequential halving: in "
        f"{len(found.rounds)} rounds {sizes} sets of weights were asked about the same items of "
        f"half of the images, and the better half of them stayed. What was left: {found.chosen}.",
        f"The frontier compares {found.chosen} with the ends on {found.confirmed:,} items of the "
        "other images, which chose nothing, so that its intervals hold after the search. The means "
        "of the rounds are of few items, and too high of those that stayed. The others are not "
        "known to be worse: another might be as good.",
    ]


def parts(found: Search) -> list[str]:
    """The table as HTML."""
    table = spent_table(found)
    rows = [list(row) for section in table.sections for row in section]
    heading = "<h2>What the budget was spent on</h2>"
    return [heading + html_table(table.columns, rows, name=table.title, words=(4,))]
