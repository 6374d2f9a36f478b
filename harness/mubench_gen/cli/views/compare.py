"""Tables and sentences of `mubench-gen compare`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mubench_gen.cli.options.inference import explained
from mubench_gen.console.numbers import ADJUSTED, Shares, number_format, p_value
from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.compare.comparison import Comparison
    from mubench_gen.compare.differences import Difference, Overall
    from mubench_gen.compare.groups import Side

_RIGHT = {
    "option": "accuracy",
    "several": "accuracy of several options",
    "number": "accuracy of numbers",
    "text": "accuracy of short texts",
}
_MOST_NAMED = 8  # rows in a note


def show_comparison(found: Comparison, missing: Sequence[str]) -> None:
    """The tables of a comparison and its notes; `missing`: notes of what was left out."""
    from mubench_gen.cli.views.tables import print_table

    print_table(
        ["", "models", "records", "unanswered", "contradiction", "errors", "run"],
        [_side(side) for side in found.sides],
        title="What is compared",
        right=(2, 3, 4, 5),
    )
    _show_pairs(found, found.differences, _RIGHT[found.form], Shares())
    _show_overall(found, found.overall, "")
    for one in found.metrics.values():
        metric = one.chosen.metric
        shown = number_format(in_percent=metric.percent)
        _show_pairs(found, one.differences, metric.title, shown)
        _show_overall(found, one.overall, f" in {metric.title}")
    for other in found.apart.values():
        _show_pairs(other, other.differences, _RIGHT[other.form], Shares())
        _show_overall(other, other.overall, f" in the {_RIGHT[other.form]}")
    for line in (*_notes(found), *map(printable, missing)):
        say(line)


def _show_pairs(
    found: Comparison, differences: Sequence[Difference], what: str, shown: Shares
) -> None:
    from mubench_gen.cli.views.tables import print_table

    for first, second in dict.fromkeys((one.first, one.second) for one in differences):
        rows = [one for one in differences if (one.first, one.second) == (first, second)]
        some = any(one.n_excluded for one in rows)
        judged = any(one.verdict for one in rows)
        print_table(
            ["", "items", f"{found.noun}s", first, second, "difference", "95 % CI", "p",
             ADJUSTED[found.adjust], "detectable", *([f"{first} is"] if judged else []),
             *(["left out"] if some else [])],
            [_difference(one, shown, judged=judged, excluded=some) for one in rows],
            title=f"{first} − {second}, {what} {shown.unit}".rstrip(),
            right=(*range(1, 10), 10 + judged),
        )  # fmt: skip
        _show_shrunken([one for one in rows if one.shrunken], first, second)


def _show_shrunken(rows: Sequence[Difference], first: str, second: str) -> None:
    from mubench_gen.cli.views.tables import print_table

    shown, cells = Shares(), []
    for one in rows:
        if (found := one.shrunken) is not None:
            cells.append(
                [one.name, f"{one.paired.n:,}", shown.value(one.paired.first),
                 shown.value(found.first), shown.value(one.paired.second),
                 shown.value(found.second), shown.signed(found.difference),
                 shown.signed_interval(found.ci95), f"{found.ahead:.2f}"]
            )  # fmt: skip
    if cells:
        print_table(
            ["", "items", first, "shrunken", second, "shrunken", "difference", "95 % CI",
             "P(above 0)"],
            cells,
            title=f"{first} − {second}, tasks estimated together {shown.unit}",
            right=range(1, 9),
        )  # fmt: skip


def _show_overall(found: Comparison, overall: Sequence[Overall], what: str) -> None:
    from mubench_gen.cli.views.tables import print_table

    if overall:
        print_table(
            [
                "",
                "items",
                f"{found.noun}s",
                "Wald statistic",
                "df",
                "p",
                _overall_heading(found),
            ],
            [_overall(one) for one in overall],
            title=f"Do the {len(found.sides)} differ at all{what}?",
            right=range(1, 7),
        )


def _side(side: Side) -> Sequence[str]:
    shares = [
        f"{count / side.n:.1%}" if side.n else "–"
        for count in (side.unanswered, side.contradictions)
    ]
    state = "" if side.finished else f" (unfinished: of {side.planned:,})"
    return [
        side.label,
        ", ".join(dict.fromkeys(side.models)),
        f"{side.n:,}{state}",
        *shares,
        f"{side.n_errors:,}" if side.n_errors else "",
        ", ".join(side.runs),
    ]


def _overall_heading(found: Comparison) -> str:
    return ADJUSTED["holm" if found.adjust == "maxt" else found.adjust]


def _difference(one: Difference, shown: Shares, *, judged: bool, excluded: bool) -> Sequence[str]:
    paired = one.paired
    return [
        one.name,
        f"{paired.n:,}",
        f"{paired.images:,}",
        shown.value(paired.first),
        shown.value(paired.second),
        shown.signed(paired.difference),
        shown.signed_interval(paired.ci95),
        p_value(paired.p),
        p_value(one.p_adjusted),
        shown.value(paired.detectable),
        *([one.verdict or ""] if judged else []),
        *([f"{one.n_excluded:,}" if one.n_excluded else ""] if excluded else []),
    ]


def _overall(one: Overall) -> Sequence[str]:
    omnibus = one.omnibus
    return [
        one.name,
        f"{omnibus.n:,}",
        f"{omnibus.images:,}",
        f"{omnibus.statistic:.2f}",
        f"{omnibus.freedom}",
        p_value(omnibus.p),
        p_value(one.p_adjusted),
    ]


def _notes(found: Comparison) -> list[str]:
    shared = f"{found.items:,} items"
    if found.items < found.items_in_any:
        shared += f" that all have, of {found.items_in_any:,} in any"
    lines = [f"Not comparable as they are: {text}." for text in found.accepted]
    lines += [f"Note: {text}." for text in found.notes]
    lines.append(
        f"Compared on {shared}; unanswered is wrong, items that failed in one run are left out."
    )
    lines += _unread_notes(found)
    lines.append(
        f"Intervals and tests are clustered by {found.clustered}; p is of the test that the "
        "interval inverts, "
        "so that it is below 0.05 where the interval excludes 0. "
        + explained(found.adjust, "all differences of its part (pooled, mean of tasks, tasks, …)")
        + " Detectable: the smallest true difference found with 80 % power at that level."
    )
    if any(one.shrunken for one in found.differences):
        lines.append(
            "Shrunken: scores of tasks as estimated from all tasks together, by a hierarchical "
            "logistic model: tasks with few items are drawn towards the others. P: the "
            "probability, by it, that the true difference is above 0."
        )
    lines += _cautions(found)
    if found.margin is not None:
        lines.append(_margin_note(found.margin))
    if found.overall:
        lines.append(
            "Whether several differ at all: a Wald test with the covariance between "
            f"{found.noun}s" + ("; its p is adjusted by Holm." if found.adjust == "maxt" else ".")
        )
    for one in found.metrics.values():
        if not one.differences:
            lines.append(f"No item has a value of {one.chosen.key} in both runs.")
        elif one.left_out:
            lines.append(
                f"Left out, with too few {found.noun}s for {one.chosen.key}: "
                f"{', '.join(one.left_out)}."
            )
    lines.append(f"Draws: {found.draws:,}, seed {found.seed}.")
    return [printable(line) for line in lines]


def _unread_notes(found: Comparison) -> list[str]:
    """For each two sides, whether the replies that were left unread could turn the difference."""
    shown, told = Shares(), []
    for one in found.differences:
        if one.part != "pooled" or one.bounds is None or one.bounds[0] == one.bounds[1]:
            continue
        reach = f"{shown.signed(one.bounds[0])} to {shown.signed(one.bounds[1])}"
        says = "is within what was left unread" if one.may_turn else "stands whatever they said"
        told.append(
            f"{one.first} − {one.second}: {reach} points, if all unread replies of one were right "
            f"and of the other wrong; the difference {says}."
        )
    return told


def _cautions(found: Comparison) -> list[str]:
    """Which intervals may hold less often than they say."""
    names = list(dict.fromkeys(one.name for one in found.differences if one.paired.cautions))
    if not names:
        return []
    if len(names) == len({one.name for one in found.differences}):
        names = ["all rows"]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return [
        f"To be read with care, few {found.noun}s or one of much weight: "
        f"{', '.join(names[:_MOST_NAMED])}{more}."
    ]


def _margin_note(margin: float) -> str:
    points = f"{100 * margin:g} points"
    return (
        f"By a margin of {points}: no worse, its interval is above −{100 * margin:g}; no better, "
        f"below +{100 * margin:g}; equivalent, both; better or worse, by more than {points}; not "
        "known, none of these. Each is a test at 2.5 %, of its row alone."
    )
