"""groups of models → tables of text cells, for a terminal and for the page."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.compare.differences import Difference
from mubench_gen.compare.model_groups import Grouping, GroupScore
from mubench_gen.console.formats import TextTable
from mubench_gen.console.numbers import ADJUSTED, interval, p_value, percent, signed
from mubench_gen.runs.results import Run
from mubench_gen.scores.metadata import ABSENT, facts_of

_FACTS = ("scope", "family", "domain", "base")


def model_table(found: Grouping, runs: Sequence[Run], labels: Sequence[str]) -> TextTable:
    """Facts of the models, as their plugins state them, and each run's score on its own items."""
    facts = tuple(dict.fromkeys((found.fact, *_FACTS)))
    out = dict(found.left_out)
    rows = []
    for run, label in zip(runs, labels, strict=True):
        known = facts_of(run.manifest)
        told = [known.get(fact, ABSENT) for fact in facts]
        pooled = run.scores.pooled
        rows.append(
            [label, *told, out.get(label, ""), f"{pooled.n:,}", percent(pooled.accuracy),
             interval(pooled.ci95), percent(pooled.chance)]
        )  # fmt: skip
    columns = ["", *facts, "left out", "n", "accuracy", "95 % CI", "chance"]
    return TextTable(
        "Facts of the models, as plugins state them, and each run's own score in %",
        columns,
        [rows],
        texts=len(facts) + 2,
    )


def score_table(found: Grouping) -> TextTable | None:
    """Scores of the groups side by side; * if the whole interval is above chance."""
    if not found.scores:
        return None
    groups = [group.name for group in found.groups]
    by_row: dict[tuple[str, str], dict[str, GroupScore]] = {}
    for one in found.scores:
        by_row.setdefault((one.part, one.name), {})[one.group] = one
    sections: dict[str, list[list[str]]] = {}
    for (part, name), scores in by_row.items():
        first = next(iter(scores.values()))
        cells = [_score(scores[group]) for group in groups]
        sections.setdefault(part, []).append(
            [name, f"{first.n:,}", f"{first.images:,}", percent(first.chance), *cells]
        )
    counts = [f"{group.name} ({len(group.models)})" for group in found.groups]
    return TextTable(
        f"By {found.fact}: mean accuracy of the models in %, on the items that all runs have "
        "(*: above chance)",
        ["", "items", f"{found.noun}s", "chance", *counts],
        list(sections.values()),
    )


def difference_table(found: Grouping) -> TextTable | None:
    """Differences between each group and the first."""
    if not found.differences:
        return None
    several = len(found.groups) > 2
    sections: dict[str, list[list[str]]] = {}
    for one in found.differences:
        row = _difference(one)
        label = f"{one.name}: {one.first} − {one.second}" if several else one.name
        sections.setdefault(one.part, []).append([label, *row])
    first = found.groups[0].name
    against = "each other group" if several else found.groups[1].name
    return TextTable(
        f"{first} − {against}, in points",
        ["", "difference", "95 % CI", "p", ADJUSTED[found.adjust], "detectable"],
        list(sections.values()),
    )


def group_notes(found: Grouping) -> list[str]:
    """Notes on the tables, a sentence or two each."""
    notes = [f"Left out of the groups: {label} ({why})." for label, why in found.left_out]
    notes += [f"Note: {note}." for note in found.notes]
    if len(found.groups) < 2:
        names = ", ".join(group.name for group in found.groups) or "none"
        notes.append(
            f"All models with this fact are in one group ({names}): there is no other to "
            "compare it with."
        )
    if found.scores:
        above = _above(found)
        notes.append(
            "A group's score on an item is the mean over its models, a model's that over its runs. "
            f"Tasks on which the group is above chance: {above}."
        )
        notes.append(
            f"Intervals are clustered by {found.clustered}: they cover other {found.noun}s, not "
            "other models. With few models per group, a difference holds for these models only."
        )
    return notes


def _above(found: Grouping) -> str:
    told = []
    for group in found.groups:
        tasks = [s for s in found.scores if s.group == group.name and s.part == "tasks"]
        told.append(f"{group.name} {sum(s.above_chance for s in tasks)} of {len(tasks)}")
    return ", ".join(told)


def _score(one: GroupScore) -> str:
    star = "*" if one.above_chance else ""
    return f"{percent(one.accuracy)}{star} ({interval(one.ci95)})"


def _difference(one: Difference) -> list[str]:
    paired = one.paired
    low, high = paired.ci95
    return [
        signed(paired.difference),
        f"{signed(low)} to {signed(high)}",
        p_value(paired.p),
        p_value(one.p_adjusted),
        percent(paired.detectable),
    ]
