"""`report --forgetting`: what fine-tunes gained and lost, on a terminal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mubench_gen.cli.options.inference import explained
from mubench_gen.cli.views.tables import print_json, print_table
from mubench_gen.console.numbers import ADJUSTED, p_value, signed
from mubench_gen.console.outlet import printable, say
from mubench_gen.errors import SettingError

if TYPE_CHECKING:
    from decimal import Decimal

    from mubench_gen.compare.forgetting import Change, Forgetting
    from mubench_gen.scores.joint import Adjust

FAMILY = (
    "all rows of a part (tasks, data sets) and all fine-tunes; of a sweep, α 1 is a family and "
    "the other α are another"
)
_HALF = 24  # characters of a bar to either side
_MOST_TABLES = 3  # of more fine-tunes only the last has its table; --json has all


def report(
    runs: Sequence[Path],
    *,
    html: Path | None,
    as_json: bool,
    adjust: Adjust = "maxt",
    margin: float | None = None,
    cluster: Sequence[str] = (),
) -> None:
    """Print what each run forgot and learned against the first, the base's, or write a page."""
    from mubench_gen.compare.forgetting import MARGIN, forgetting
    from mubench_gen.runs.results import load_run

    margin = MARGIN if margin is None else margin
    loaded = [load_run(path, cluster=cluster) for path in folders(runs)]
    found = forgetting(loaded, adjust=adjust, margin=margin)
    if html is not None:
        _write_page(found, html)
    if as_json:
        print_json(found.as_dict())
    elif html is None:
        show(found)


def _write_page(found: Forgetting, path: Path) -> None:
    from mubench_gen.console.notes import note
    from mubench_gen.report.forgetting_page import page
    from mubench_gen.report.html.write_page import check_page_path, write_text

    check_page_path(path)
    write_text(path, page(found))
    note(f"Wrote {path}.")


def folders(given: Sequence[Path]) -> list[Path]:
    """Replace each sweep's folder by its run folders: the base's, then by α. So a folder of runs
    alone that are named as those of a sweep.
    """
    from mubench_gen.runs.studies import is_sweep, runs_of

    found: list[Path] = []
    for path in given:
        if is_sweep(path):
            found += _of_one_condition(path, runs_of(path))
            continue
        runs = [] if _is_run(path) else [one.parent for one in path.glob("*/manifest.json")]
        ranked = sorted((rank, one) for one in runs if (rank := _rank(one.name)) is not None)
        found += [folder for _, folder in ranked] or [path]
    return found


def _of_one_condition(sweep: Path, runs: Sequence[Path]) -> Sequence[Path]:
    """The sweep's runs; SettingError where there are several of each α, one a condition."""
    under = [run for run in runs if run.parent.parent == sweep]
    if not under:
        return runs
    conditions = list(dict.fromkeys(run.name for run in under))
    first = " ".join(str(run) for run in under if run.name == conditions[0])
    raise SettingError(
        f"{sweep}: is a sweep under several conditions ({', '.join(conditions)}). Give the runs of "
        f"one of them: mubench-gen report --forgetting {first}"
    )


def _rank(name: str) -> tuple[bool, Decimal] | None:
    """The sort key of a sweep's run: the base first, α ascending. None for any other run."""
    from decimal import Decimal, InvalidOperation

    if name == "base":
        return False, Decimal(-1)
    try:
        alpha = Decimal(name.removeprefix("alpha-"))
    except InvalidOperation:
        return None
    return (alpha != 0, alpha) if name.startswith("alpha-") else None


def _is_run(path: Path) -> bool:
    return os.path.exists(path / "manifest.json")


def show(found: Forgetting) -> None:
    """Print a table and a plot of each fine-tune (of many, of the last), and one of all of them."""
    few = len(found.finetuned) <= _MOST_TABLES
    for name in found.finetuned if few else found.finetuned[-1:]:
        print_table(
            ["", "items", "before", "after", "forgotten", "learned", "kept", "change", "95 % CI",
             "p", ADJUSTED[found.adjust], "outcome", "left out"],
            [_row(one) for one in found.of(name)],
            title=f"{found.base} → {name}: accuracy and shares of the items in %",
            right=(*range(1, 11), 12),
        )  # fmt: skip
        say(bars(found.of(name, "tasks")))
        say("")
    if len(found.finetuned) > 1:
        _side_by_side(found)
    for line in _notes(found):
        say(line)


def bars(changes: Sequence[Change]) -> str:
    """Draw forgotten to the left and learned to the right, a line per task, on one scale."""
    if not changes:
        return ""
    widest = max(max(one.forgotten, one.learned) for one in changes) or 1.0
    name = max(len(one.name) for one in changes)
    lines = [f"{'':{name}} {'forgotten':>{_HALF}} │ learned"]
    for one in sorted(changes, key=lambda one: (one.change, one.name)):
        left = "░" * round(one.forgotten / widest * _HALF)
        right = "█" * round(one.learned / widest * _HALF)
        told = f"{signed(one.change)} ({signed(one.ci95[0])} to {signed(one.ci95[1])})"
        lines.append(f"{one.name:{name}} {left:>{_HALF}} │ {right:{_HALF}} {told}")
    return "\n".join(lines)


def _side_by_side(found: Forgetting) -> None:
    names = list(dict.fromkeys((one.part, one.name) for one in found.changes))
    known = {(one.finetuned, one.part, one.name): one for one in found.changes}
    rows = []
    for part, name in names:
        cells = []
        for finetuned in found.finetuned:
            one = known.get((finetuned, part, name))
            mark = "*" if one is not None and one.p_adjusted < 0.05 else " "
            cells.append("–" if one is None else f"{signed(one.change)}{mark}")
        before = next(one.before for one in found.changes if (one.part, one.name) == (part, name))
        rows.append([name, f"{100 * before:.1f}", *cells])
    print_table(
        ["", "before", *_headings(found.finetuned)],
        rows,
        title=f"Change of {found.base} in points (*: {ADJUSTED[found.adjust]} < 0.05)",
        right=range(1, len(found.finetuned) + 2),
    )


def _headings(names: Sequence[str]) -> list[str]:
    """The names, or only the α if all are runs of one sweep."""
    stems = {name.rpartition("@")[0] for name in names}
    if len(stems) == 1 and "" not in stems:
        return [f"α {name.rpartition('@')[2]}" for name in names]
    return list(names)


def _row(one: Change) -> Sequence[str]:
    return [
        one.name,
        f"{one.n:,}",
        f"{100 * one.before:.1f}",
        f"{100 * one.after:.1f}",
        f"{100 * one.forgotten:.1f}",
        f"{100 * one.learned:.1f}",
        "–" if one.kept is None else f"{100 * one.kept:.1f}",
        signed(one.change),
        f"{signed(one.ci95[0])} to {signed(one.ci95[1])}",
        p_value(one.p),
        p_value(one.p_adjusted),
        one.outcome,
        f"{one.n_excluded:,}" if one.n_excluded else "",
    ]


def _notes(found: Forgetting) -> list[str]:
    lines = [f"Not comparable as they are: {text}." for text in found.accepted]
    lines += [f"Note: {text}." for text in found.notes]
    lines.append(
        f"On {found.items:,} items that all runs have. Forgotten: right before and wrong after; "
        "learned: wrong before and right after; kept: the share of what was right before that "
        "still is. Unanswered counts as wrong."
    )
    lines.append(
        f"Intervals and tests are paired by item and clustered by {found.clustered}. "
        + explained(found.adjust, FAMILY)
        + f" By a margin of {100 * found.margin:g} points: kept, the interval is above "
        f"−{100 * found.margin:g}; lost, it is below 0; else not known."
    )
    return [printable(line) for line in lines]
